// The built-in workloads and scenes of docs/api.md: what the addon checks, and what their types say of it.
'use strict';
const ts = require('typescript');
const { table } = require('../blocks');
const { wrap, block } = require('./markdown');
const { addMembers } = require('./read');
const { oneLine } = require('./types');

/** @typedef {import('./read').Entry} Entry */
/** @typedef {import('./read').Member} Member */
/** @typedef {import('./markdown').Anchors} Anchors */
/** @typedef {import('../../../lib/addon/native').WorkloadEntry} Facts */
/** @typedef {Facts['params'][number]} Param */

const kScene = 'render/';
// What the engine takes for no limit.
const kNoLimit = 1e300;

/** @param {Facts} facts */
function workloadHeading({ type }) {
  return type.startsWith(kScene) ? `scene ${type.slice(kScene.length)}` : `workload ${type}`;
}

/** @param {readonly string[]} dtypes */
function either(dtypes) {
  return dtypes.join(' or ');
}

/** @param {number} value */
function numberText(value) {
  return value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential() : String(value);
}

/** @param {Param} param */
function rangeOf({ kind, min, max, aboveMin, required, choices }) {
  if (kind === 'boolean' || kind === 'choice' || kind === 'list' || choices.length) return '';
  const low = min > -kNoLimit ? min : undefined;
  const high = max < kNoLimit ? max : undefined;
  if (low === undefined && high === undefined) return required ? '' : 'finite';
  if (low !== undefined && high !== undefined && !aboveMin) return `${numberText(low)} to ${numberText(high)}`;
  const least = low === undefined ? '' : `${aboveMin ? 'above' : 'at least'} ${numberText(low)}`;
  return [least, high === undefined ? '' : `at most ${high}`].filter(Boolean).join(', ');
}

/** @param {Param} param */
function defaultOf({ kind, fallback, required, choices }) {
  if (required) return 'required';
  if (Number.isNaN(fallback)) return 'worked out';
  if (kind === 'boolean') return String(fallback !== 0);
  return kind === 'choice' ? choices[fallback] : numberText(fallback);
}

/** @param {Param} param where the types leave it open */
function typeOf({ kind, choices }) {
  if (kind === 'list') return 'readonly number[]';
  return kind === 'choice' ? choices.map((word) => `'${word}'`).join(' | ') : kind === 'boolean' ? kind : 'number';
}

/**
 * What tags say of each name: no more and no fewer than there are.
 * @param {string} type
 * @param {'input'|'output'} tag
 * @param {readonly string[]} names
 * @param {readonly string[]} said
 * @returns {string[]} in the order of the names
 */
function matched(type, tag, names, said) {
  const texts = new Map(said.map((text) => [text.split(' ', 1)[0], text.slice(text.indexOf(' ') + 1)]));
  const unknown = [...texts.keys()].find((name) => !names.includes(name));
  if (unknown) throw new Error(`lib/types: ${type} has no ${tag} ${unknown} (@${tag})`);
  return names.map((name) => {
    const text = texts.get(name);
    if (!text) throw new Error(`lib/types: ${type} says nothing of its ${tag} ${name} (@${tag} ${name} [shape])`);
    return text;
  });
}

/**
 * @param {string} text of @output, behind the name
 * @param {boolean} isSaid whether a parameter says the dtype
 * @returns {[dtype: string, shape: string]}
 */
function outputCells(text, isSaid) {
  const [, dtype, rest] = /^((?:float|bfloat|int|uint)\d+) (.*)$/.exec(text) ?? [];
  if (dtype) return [dtype, rest];
  const [, shape, like] = /^(.*), the dtype of (\w+)$/.exec(text) ?? [];
  if (like) return [like === 'dtype' ? '`dtype`' : `that of \`${like}\``, shape];
  return [isSaid ? '`dtype`' : 'float32, or that of all inputs', text];
}

/** @param {ts.TypeNode|undefined} type @returns {Member[]} of the parameters, below `params` */
function paramsOf(type) {
  const into = { members: [], methods: [] };
  if (type && ts.isTypeLiteralNode(type)) addMembers([...type.members], into);
  const params = /** @type {Member[]} */ (into.members).find(({ name }) => name === 'params')?.type;
  const inside = { members: [], methods: [] };
  if (params && ts.isTypeLiteralNode(params)) addMembers([...params.members], inside);
  return inside.members;
}

/**
 * @param {Facts} facts
 * @param {readonly Member[]} members
 * @param {Anchors} anchors
 */
function paramsTable({ type, params }, members, anchors) {
  const extra = members.find(({ name }) => !params.some((param) => param.name === name));
  if (extra) throw new Error(`lib/types: ${type} has no parameter ${extra.name}`);
  if (!params.length) return '';
  const rows = params.map((param) => {
    const member = members.find(({ name }) => name === param.name);
    if (!member?.doc.text) throw new Error(`lib/types: ${type} says nothing of its parameter ${param.name}`);
    const words = oneLine(member.type?.getText() ?? '');
    const range = /^[\d |]+$/.test(words) ? '' : rangeOf(param);
    return [`\`${param.name}\``, `\`${words}\``, defaultOf(param), range, anchors.prose(member.doc.text)];
  });
  return `\n${table(['parameter', 'type', 'default', 'range', ''], rows)}`;
}

/** @param {Facts} facts */
function splitText({ splits }) {
  if (!splits.length) return '';
  const ways = new Set(splits.map((inputs) => inputs.map((name) => `\`${name}\``).join(' and ')));
  return `\n${wrap(`With \`split: true\` it is cut by rows of ${[...ways].join(', or of ')}.`)}`;
}

/**
 * @param {Facts} facts
 * @param {Member|undefined} member of Workloads
 * @param {Anchors} anchors
 */
function writeWorkload(facts, member, anchors) {
  const { type, inputs, params, outputs } = facts;
  const isSaid = params.some(({ name }) => name === 'dtype');
  if (!member) throw new Error(`lib/types: Workloads has no ${type}`);
  const { doc } = member;
  if (!doc.nan) throw new Error(`lib/types: ${type} does not say what becomes of NaN (@nan)`);
  if (!doc.examples.length) throw new Error(`lib/types: ${type} has no @example`);
  const taken = matched(
    type,
    'input',
    inputs.map(({ name }) => name),
    doc.inputs,
  );
  const given = matched(type, 'output', outputs, doc.outputs);
  const rows = [
    ...inputs.map(({ name, optional, dtypes }, at) => [
      optional ? 'optional input' : 'input',
      `\`${name}\``,
      either(dtypes),
      anchors.prose(taken[at]),
    ]),
    ...outputs.map((name, at) => ['output', `\`${name}\``, ...outputCells(given[at], isSaid)]),
  ];
  return (
    `\n### ${workloadHeading(facts)}\n\n${wrap(anchors.prose(doc.text))}\n` +
    `${table(['', 'name', 'dtype', 'shape'], rows)}${paramsTable(facts, paramsOf(member.type), anchors)}` +
    `\n${wrap(`NaN and infinities: ${anchors.prose(doc.nan)}`)}` +
    splitText(facts) +
    doc.examples.map((code) => `\n${block(code, 'js')}`).join('')
  );
}

/** @param {Facts} facts a scene's: what each means is in docs/scenes.md */
function writeScene(facts) {
  const { type, inputs, params, texts = [] } = facts;
  const rows = [
    ...inputs
      .filter(({ name }) => name !== 'text')
      .map(({ name, optional, dtypes }) => ['input', `\`${name}\``, either(dtypes), optional ? '' : 'required', '']),
    ...params.map((param) => [
      'parameter',
      `\`${param.name}\``,
      `\`${typeOf(param)}\``,
      defaultOf(param),
      rangeOf(param),
    ]),
    ...texts.map((name) => ['parameter', `\`${name}\``, '`string | readonly string[]`', '', '']),
  ];
  const name = type.slice(kScene.length);
  return (
    `\n### ${workloadHeading(facts)}\n\n${wrap(`What each of them means: [docs/scenes.md](scenes.md#${name}).`)}\n` +
    table(['', 'name', 'type', 'default', 'range'], rows)
  );
}

/** @param {string} name */
function camelCase(name) {
  return name.replaceAll(/-(\w)/g, (_, letter) => letter.toUpperCase());
}

/** @param {readonly Facts[]} workloads @param {Anchors} anchors */
function opsTable(workloads, anchors) {
  const rows = workloads.map(({ type, inputs, params, outputs }) => {
    const tensors = inputs.map(({ name, optional }) => (optional ? `${name}?` : name));
    const rest = params.some(({ required }) => required) ? ['params', 'options?'] : ['params?', 'options?'];
    // attention gives its weights only where they are asked for
    const all = `{ ${outputs.join(', ')} }`;
    const result =
      type === 'attention' ? `Tensor, or ${all} with \`returnWeights\`` : outputs.length > 1 ? all : 'Tensor';
    const call = `${camelCase(type)}(${[...tensors, ...rest].join(', ')})`;
    return [`\`${call}\``, result, anchors.link(`workload ${type}`, type)];
  });
  return table(['function', 'resolves with', 'workload'], rows);
}

module.exports = { writeWorkload, writeScene, opsTable, workloadHeading };
