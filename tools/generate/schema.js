// The JSON schema of switchyard.config.yaml, by which an editor completes and checks it.
'use strict';
const { defaultText } = require('../../lib/config');

/** @typedef {import('./facts').Facts} Facts */

/** @typedef {Record<string, object>} Properties */

/** @param {Facts['settings'][number]} setting */
function propertyOf(setting) {
  const { kind, what, more, env = [] } = setting;
  const variables = env.length ? ` Environment: ${env.join(', ')}.` : '';
  const description = `${what[0].toUpperCase()}${what.slice(1)} (default: ${defaultText(setting)}).`;
  return { description: `${description}${more ? ` ${more}` : ''}${variables}`, ...kind.schema };
}

/**
 * An object of settings, or of sections; null: nothing is in it.
 * @param {Properties} properties
 */
function objectOf(properties) {
  return { type: ['object', 'null'], additionalProperties: false, properties };
}

/**
 * The settings' second names, as nested as their dots say.
 * @param {readonly (readonly [key: string[], setting: Facts['settings'][number]])[]} keyed
 * @returns {Properties}
 */
function sectionsOf(keyed) {
  /** @type {Properties} */
  const properties = {};
  for (const name of new Set(keyed.map(([[first]]) => first))) {
    const inside = keyed.filter(([[first]]) => first === name);
    const [[rest, setting]] = inside.map(([key, one]) => /** @type {const} */ ([key.slice(1), one]));
    properties[name] = rest.length
      ? objectOf(sectionsOf(inside.map(([key, one]) => [key.slice(1), one])))
      : { ...propertyOf(setting), description: `The same as ${setting.name}. ${propertyOf(setting).description}` };
  }
  return properties;
}

/**
 * @param {Facts} facts
 * @returns {string}
 */
function makeSchema({ settings }) {
  /** @type {Properties} */
  const properties = Object.fromEntries(settings.map((setting) => [setting.name, propertyOf(setting)]));
  const keyed = settings.flatMap((setting) =>
    setting.key ? [/** @type {const} */ ([setting.key.split('.'), setting])] : [],
  );
  for (const [name, section] of Object.entries(sectionsOf(keyed)))
    properties[name] = properties[name] ? { anyOf: [properties[name], section] } : section;
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'switchyard.config.yaml',
    description: 'Settings of switchyard: what the environment says wins over this file, and what code says over both.',
    ...objectOf(properties),
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

module.exports = { makeSchema };
