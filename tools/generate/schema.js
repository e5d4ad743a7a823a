// The JSON schema of switchyard.config.yaml, by which an editor completes and checks it.
'use strict';
const { defaultText } = require('../../lib/config');

/** @typedef {import('./facts').Facts} Facts */

/**
 * @param {Facts} facts
 * @returns {string}
 */
function makeSchema({ settings }) {
  const properties = Object.fromEntries(
    settings.map((setting) => {
      const { name, kind, what, more, env = [] } = setting;
      const variables = env.length ? ` Environment: ${env.join(', ')}.` : '';
      const description = `${what[0].toUpperCase()}${what.slice(1)} (default: ${defaultText(setting)}).`;
      return [name, { description: `${description}${more ? ` ${more}` : ''}${variables}`, ...kind.schema }];
    }),
  );
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'switchyard.config.yaml',
    description: 'Settings of switchyard: what the environment says wins over this file, and what code says over both.',
    type: ['object', 'null'],
    additionalProperties: false,
    properties,
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

module.exports = { makeSchema };
