// The tables of README.md and docs/, in Markdown.
'use strict';
const { rows } = require('../../bench/kit/rows');
const { defaultText } = require('../../lib/config');
const { kEndpoints } = require('../../lib/service/endpoints');
const { table } = require('./blocks');

/** @typedef {import('./facts').Facts} Facts */
/** @typedef {Facts['settings'][number]} Setting */

/** @param {readonly string[]} words */
function quoted(words) {
  return words.map((word) => `\`${word}\``).join(' ');
}

/**
 * What the environment can say: the short table.
 * @param {Facts} facts
 */
function settingsByVariable({ settings }) {
  return table(
    ['variable', 'default', 'what'],
    settings
      .filter(({ env }) => env)
      .map((setting) => [
        quoted(setting.env ?? []),
        defaultText(setting, false),
        setting.kind.variableUnit ? `${setting.what}, in ${setting.kind.variableUnit}` : setting.what,
      ]),
  );
}

/**
 * All of one scope.
 * @param {readonly Setting[]} settings
 */
function settingsTable(settings) {
  return table(
    ['setting', 'variable', 'default', 'what'],
    settings.map((setting) => [
      `\`${setting.name}\``,
      quoted(setting.env ?? []),
      defaultText(setting),
      setting.more ? `${setting.what}. ${setting.more}` : setting.what,
    ]),
  );
}

/**
 * What the file may call a setting instead.
 * @param {Facts} facts
 */
function settingsByKey({ settings }) {
  return table(
    ['in the file', 'is the setting'],
    settings.flatMap(({ key, name }) => (key ? [[`\`${key}\``, `\`${name}\``]] : [])),
  );
}

/**
 * The codes of errors.
 * @param {Facts} facts
 */
function errorsTable({ codes }) {
  return table(
    ['code', 'what it means', 'HTTP status', 'the same again may end well'],
    codes.map(({ name, text, httpStatus, retry }) => [`\`${name}\``, text, String(httpStatus), retry ? 'yes' : '']),
  );
}

/** What the HTTP service answers to. */
function endpointsTable() {
  return table(
    ['endpoint', ''],
    kEndpoints.map(({ method, path, what, docs }) => [`\`${method} ${path}\``, docs ?? what]),
  );
}

/**
 * What Prometheus reads.
 * @param {Facts} facts
 */
function metricsTable({ metrics, prefix }) {
  return table(
    ['name', 'kind', 'labels', 'what'],
    metrics.map(({ name, kind, labels = [], help }) => [`\`${prefix}${name}\``, kind, quoted(labels), help]),
  );
}

/**
 * What getMetrics() answers.
 * @param {Facts} facts
 */
function figuresTable({ figures }) {
  return table(
    ['figure', 'type', 'what'],
    figures.map(({ path, type, what }) => [`\`${path}\``, `\`${type}\``, what]),
  );
}

/** The rows of the GPU kit's report, in its order. */
function gpuTable() {
  const percent = (/** @type {number|null} */ share) => (share === null ? '' : `${Math.round(share * 100)}%`);
  return table(
    ['row', 'limit', 'expected', 'what binds on an H100', 'why'],
    rows(true).map(({ name, limit, expect, binds, why }) => [name, limit, percent(expect), binds, why]),
  );
}

/**
 * @param {Facts} facts
 * @returns {Record<string, () => string>}
 */
function makeTables(facts) {
  const { settings } = facts;
  const of = (/** @type {string} */ scope) => settings.filter((setting) => setting.of === scope);
  return {
    settings: () => settingsByVariable(facts),
    'settings-manager': () => settingsTable(of('manager')),
    'settings-engine': () => settingsTable(of('engine')),
    'settings-service': () => settingsTable(of('service')),
    'settings-keys': () => settingsByKey(facts),
    errors: () => errorsTable(facts),
    endpoints: () => endpointsTable(),
    metrics: () => metricsTable(facts),
    figures: () => figuresTable(facts),
    gpu: gpuTable,
  };
}

module.exports = { makeTables };
