// What the commands on text share: their options, the texts that they are given, and the model that they open.
'use strict';
const fs = require('node:fs');
const { invalid, show } = require('../core');

/** @typedef {import('../index').TextModel} TextModel */
/**
 * @typedef {object} TextOptions
 * @property {string} [model] a folder or the name of a package
 * @property {string} [file] texts, one a line
 * @property {string} [device]
 * @property {string} [precision]
 * @property {boolean} [json]
 */
/** @typedef {{ model: TextModel, about: ModelReport }} Opened */
/**
 * What every report says of the model.
 * @typedef {object} ModelReport
 * @property {string} source as it was given
 * @property {string} family
 * @property {string} kind
 * @property {number} dimensions
 * @property {string} precision
 * @property {string} device
 */

const kExitCodes = '\nExit codes: 0 done, 1 it failed (the model is not there, or can not be used), 2 wrong usage.';

/**
 * Adds what all commands on text take.
 * @param {import('commander').Command} command
 * @param {string} fileHelp of --file
 */
function addTextOptions(command, fileHelp) {
  command
    .option(
      '--model <model>',
      "a model's folder, or the package that holds one (default: the one that can be installed)",
    )
    .option('--file <file>', fileHelp)
    .option('--device <device>', 'cuda, vulkan or cpu, or one device like vulkan:0 (default: the best)')
    .option(
      '--precision <name>',
      'auto, float32, float16, bfloat16, int8 or int4 (default: auto, by what was measured before, else float32)',
    )
    .option('--json', 'print the result as JSON')
    .addHelpText('after', kExitCodes);
}

/**
 * A file's lines: each is a text, an empty one too, so that line n of the output is of line n.
 * @param {string} file - for stdin
 */
function readLines(file) {
  const lines = fs.readFileSync(file === '-' ? 0 : file, 'utf8').split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop(); // what ends the last line begins no other
  return lines;
}

/**
 * The texts of the arguments, or of the file.
 * @param {string[]} texts
 * @param {string|undefined} file
 * @param {string} what of the arguments
 * @returns {string[]} at least one
 * @throws {Error} ERR_INVALID_ARGUMENT: there are none, or both
 */
function readTexts(texts, file, what) {
  if (file !== undefined && texts.length) throw invalid(`--file has the texts: leave out ${show(texts[0])}`);
  const given = file === undefined ? texts : readLines(file);
  if (given.length) return given;
  throw invalid(
    file === undefined ? `give ${what}, or a file that has one in each line with --file` : `${file} has no line`,
  );
}

/**
 * Opens a model on a context of this process, and closes both. Nothing is measured: a process of its own would do that
 * for a few texts.
 * @template Result
 * @param {TextOptions} options
 * @param {(opened: Opened) => Promise<Result>} work
 * @returns {Promise<Result>}
 */
async function withModel({ model: source, device = 'auto', precision }, work) {
  const { createContext } = require('../context');
  const { defaultModel, loadUnmeasured } = require('../text');
  const from = source ?? defaultModel;
  const context = await createContext({ device: /** @type {import('../index').Backend} */ (device) });
  try {
    // It checks what was typed.
    const options = /** @type {import('../index').LoadModelOptions} */ ({ precision });
    const model = await loadUnmeasured(context, from, options).catch(refuseModel);
    try {
      const { family, kind, dimensions, precision: used } = model;
      const about = { source: from, family, kind, dimensions, precision: used, device: context.device.id };
      return await work({ model, about });
    } finally {
      await model.close();
    }
  } finally {
    await context.close();
  }
}

/** Errors that say what is wrong with a model, and not with what was typed. */
const ofModels = new WeakSet();

/**
 * @param {import('../core').GPUError} error of loading a model
 * @returns {never}
 */
function refuseModel(error) {
  const { argument } = error;
  if (argument !== 'source' && !argument?.startsWith('options.')) ofModels.add(error);
  throw error;
}

/** @param {object} error */
function isOfModel(error) {
  return ofModels.has(error);
}

/**
 * A text in one line, cut where it is longer.
 * @param {string} text
 * @param {number} [most] characters
 */
function inOneLine(text, most = 60) {
  const line = text.replace(/\s+/g, ' ').trim();
  const characters = [...line]; // not in the middle of a surrogate pair
  return characters.length > most ? `${characters.slice(0, most - 1).join('')}…` : line;
}

/**
 * The digits that tell a float32 from its neighbours, and no more.
 * @param {ArrayLike<number>} values
 */
function plainNumbers(values) {
  return Array.from(values, (value) => Number(value.toPrecision(9)));
}

/**
 * Without line breaks: arrays of numbers would have one a line. Item by item: of very many rows no one string can be
 * made.
 * @param {Record<string, unknown>} fields of which iterators that are no arrays become arrays
 */
function printJsonLine(fields) {
  let before = '{';
  for (const [name, value] of Object.entries(fields)) {
    process.stdout.write(`${before}${JSON.stringify(name)}:`);
    before = ',';
    if (isIterator(value)) printItems(value);
    else process.stdout.write(JSON.stringify(value));
  }
  process.stdout.write('}\n');
}

/**
 * @param {unknown} value
 * @returns {value is IterableIterator<unknown>}
 */
function isIterator(value) {
  return typeof (/** @type {{ next?: unknown }} */ (value)?.next) === 'function';
}

/** @param {Iterable<unknown>} items */
function printItems(items) {
  let before = '[';
  for (const item of items) {
    process.stdout.write(`${before}${JSON.stringify(item)}`);
    before = ',';
  }
  process.stdout.write(before === '[' ? '[]' : ']');
}

/** @param {ModelReport} about */
function modelLine({ source, family, kind, dimensions, precision, device }) {
  const size = kind === 'encoder' ? `, ${dimensions} dimensions` : '';
  return `${source}: ${family}, ${kind}${size}, ${precision}, on ${device}`;
}

module.exports = {
  addTextOptions,
  readTexts,
  withModel,
  refuseModel,
  isOfModel,
  inOneLine,
  plainNumbers,
  printJsonLine,
  modelLine,
};
