// The tables of README.md and docs/, in Markdown.
'use strict';
const { workOf } = require('../../bench/kit/cases');
const { rows } = require('../../bench/kit/rows');
const { defaultText } = require('../../lib/config');
const { kEndpoints } = require('../../lib/service/endpoints');
const { table } = require('./blocks');
const { methodsText, remediesTable } = require('./rpc');

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
    kEndpoints
      .filter(({ isPart }) => !isPart)
      .map(({ method, path, what, docs }) => [`\`${method} ${path}\``, docs ?? what]),
  );
}

/**
 * What Prometheus reads.
 * @param {Facts} facts
 */
function metricsTable({ metrics, nameOf }) {
  return table(
    ['name', 'kind', 'labels', 'what'],
    metrics.map((metric) => [`\`${nameOf(metric)}\``, metric.kind, quoted(metric.labels ?? []), metric.help]),
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

// What an H100's sheet says, a second.
const kSheet = {
  copy: 3.35e12,
  float32: 67e12,
  tf32: 495e12,
  bfloat16: 989e12,
  float16: 989e12,
  int8: 1979e12,
};

/** The rows of the GPU kit's report, in its order: what each does, and how long we expect it to take on an H100. */
function gpuTable() {
  const all = rows(true),
    digits = (/** @type {number} */ value) => String(Number(value.toPrecision(3)));
  /** @param {keyof typeof kSheet} type what the card gives of its sheet, as the table itself foretells */
  const rateOf = (type) => {
    const name = type === 'copy' ? 'copy on the device' : `product of the library, ${type}`;
    return kSheet[type] * /** @type {number} */ (all.find((row) => row.name === name)?.expect);
  };
  return table(
    ['row', 'limit', 'work', 'expected', 'in ms', 'what binds on an H100', 'why'],
    all.map(({ name, limit, expect, binds, why, case: one }) => {
      const { bytes, flops } = one ? workOf(one) : {},
        work = bytes ?? flops;
      const type = /** @type {keyof typeof kSheet} */ (limit.split(' ').at(-1));
      return [
        ...[name, limit, bytes ? `${digits(bytes / 1e6)} MB` : flops ? `${digits(flops / 1e9)} GFLOP` : ''],
        ...[expect === null ? '' : `${Math.round(expect * 100)}%`],
        ...[work && expect ? digits((work / rateOf(type) / expect) * 1e3) : '', binds, why],
      ];
    }),
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
    'settings-operations': () => settingsTable(of('operations')),
    'settings-service': () => settingsTable(of('service')),
    'settings-command': () => settingsTable(of('command')),
    'settings-keys': () => settingsByKey(facts),
    errors: () => errorsTable(facts),
    endpoints: () => endpointsTable(),
    methods: methodsText,
    remedies: () => remediesTable(facts),
    metrics: () => metricsTable(facts),
    figures: () => figuresTable(facts),
    gpu: gpuTable,
  };
}

module.exports = { makeTables };
