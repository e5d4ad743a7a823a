// lib/generated.d.ts: the types that follow from the tables.
'use strict';
const { defaultText } = require('../../lib/config');

/** @typedef {import('./facts').Facts} Facts */
/** @typedef {Facts['settings'][number]} Setting */

/** @param {readonly string[]} words */
function union(words) {
  return words.map((word) => `'${word}'`).join(' | ');
}

/**
 * A comment above a member.
 * @param {...string} lines
 */
function comment(...lines) {
  const said = lines.filter(Boolean);
  return said.length === 1 && said[0].length < 100 ? `/** ${said[0]} */\n` : `/**\n${said.map(wrapped).join('')} */\n`;
}

/** @param {string} text */
function wrapped(text) {
  let lines = '',
    line = ' *';
  for (const word of text.split(' ')) {
    if (line.length + word.length > 112) {
      lines += `${line}\n`;
      line = ' *';
    }
    line += ` ${word}`;
  }
  return `${lines}${line}\n`;
}

/** @param {string} text */
function sentence(text) {
  return `${text[0].toUpperCase()}${text.slice(1)}.`;
}

/** @param {Setting} setting */
function describeSetting(setting) {
  const { what, more = '', kind, env = [], service } = setting;
  const from = env.length ? `${env.join(' or ')}, else ` : '';
  const text = `${from}${defaultText(setting)}`.replaceAll('`', '');
  return comment(sentence(kind.unit ? `${what}, in ${kind.unit}` : what), more, service ? '' : `@default ${text}`);
}

/** @param {Setting} setting what reading it gives: undefined where it has no default */
function readType({ kind, initial, serviceInitial, of }) {
  const type = kind.result ?? kind.type;
  return initial !== undefined || (serviceInitial && of === 'service') ? type : `${type} | undefined`;
}

/**
 * @param {string} name
 * @param {string} what
 * @param {readonly string[]} members
 */
function makeInterface(name, what, members) {
  return `${comment(what)}export interface ${name} {\n${members.join('')}}\n`;
}

/** @param {Facts} facts */
function settingsTypes({ settings }) {
  const of = (/** @type {string} */ scope) => settings.filter((setting) => setting.of === scope);
  const read = (/** @type {Setting} */ setting) =>
    `${comment(sentence(setting.what))}${setting.name}: ${readType(setting)};\n`;
  const option = (/** @type {Setting} */ setting) =>
    `${describeSetting(setting)}${setting.name}?: ${setting.kind.type};\n`;
  return [
    makeInterface(
      'ManagerOptions',
      'What is left out comes from the environment, from switchyard.config.yaml, or is the default.',
      [...of('manager'), ...of('engine'), ...of('operations')].map(option),
    ),
    makeInterface('ManagerSettings', 'Settings of the cluster, as they were read.', of('manager').map(read)),
    makeInterface('EngineSettings', 'Settings of the engine, as they were read.', of('engine').map(read)),
    makeInterface(
      'OperationSettings',
      'Settings of kept results, costs, alerts and overload, as they were read.',
      of('operations').map(read),
    ),
    makeInterface('ServiceSettings', 'Settings of the HTTP service.', of('service').map(read)),
    makeInterface('CommandSettings', 'Settings of commands that ask a server.', of('command').map(read)),
  ].join('\n');
}

/**
 * What getMetrics() answers, as nested as the figures' paths are.
 * @param {Facts} facts
 */
function metricsTypes({ figures }) {
  /** @typedef {Map<string, string | Tree>} Tree */
  /** @type {Tree} */
  const tree = new Map();
  for (const { path, what, type } of figures) {
    const names = path.split('.');
    const last = /** @type {string} */ (names.pop());
    let group = tree;
    for (const name of names) {
      if (!group.has(name)) group.set(name, new Map());
      group = /** @type {Tree} */ (group.get(name));
    }
    group.set(last, `${comment(sentence(what))}${last}: ${type};\n`);
  }
  /** @type {(group: Tree) => string} */
  const print = (group) =>
    [...group].map(([name, entry]) => (typeof entry === 'string' ? entry : `${name}: {\n${print(entry)}};\n`)).join('');
  return [
    makeInterface('Percentiles', 'What half of all values, and 99 of 100, do not exceed.', [
      `${comment('Half of them are at most this.')}p50: number;\n`,
      `${comment('99 of 100 are at most this.')}p99: number;\n`,
    ]),
    makeInterface('GPUClusterMetrics', 'Durations in ms, memory in MB, rates in per cent.', [print(tree)]),
  ].join('\n');
}

/**
 * @param {Facts} facts
 * @returns {string} not formatted yet
 */
function makeTypes(facts) {
  const { dtypes, backends, codes, levels, workloads } = facts;
  const scenes = workloads.filter(({ type }) => type.startsWith('render/'));
  const sceneNames = scenes.map(({ type }) => type.slice('render/'.length)).sort();
  const built = workloads.filter(({ type }) => !type.startsWith('render/'));
  const cut = built.filter(({ splits }) => splits.length);
  return [
    '// Written by `npm run generate` from the tables of settings and metrics and from what the addon exports: ' +
      'do not edit.',
    "import type { AlertRule, AlertState, BudgetRule, CostUse, Degradation } from './types/operations';\n" +
      "import type { ResolvedAlertRule, ResultCacheUse } from './types/operations';",
    `${comment('The kinds of numbers of a tensor.')}export type DType = ${union(dtypes)};`,
    `${comment('The kinds of devices, the preferred first.')}export type Backend = ${union(backends)};`,
    `${comment('What `error.code` can be: docs/errors.md says what helps.')}export type ErrorCode = ` +
      `${union(codes.map(({ name }) => name))};`,
    `${comment('From all to nothing.')}export type LogLevel = ${union(levels)};`,
    `${comment('The built-in workloads.')}export type WorkloadName = ${union(built.map(({ type }) => type))};`,
    `${comment('Those of them that `split: true` may cut.')}export type SplitName = ` +
      `${union(cut.map(({ type }) => type))};`,
    `${comment('The pictures the engine knows how to draw.')}export type SceneName = ${union(sceneNames)};`,
    settingsTypes(facts),
    metricsTypes(facts),
  ].join('\n\n');
}

module.exports = { makeTypes, comment, sentence };
