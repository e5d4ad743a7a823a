// What comes behind an encoder, as sentence-transformers' modules.json says: pooling, dense layers, normalizing.
// Without one it is the mean of the tokens, as sentence-transformers itself takes it.
'use strict';
const path = require('node:path');
const { GPUError, invalid, show } = require('../core');
const { readJson, readObject, inside, refuseUnknown } = require('./files');

/** @typedef {import('./plan').Tail} Tail */
/** @typedef {import('./plan').Step} Step */
/** @typedef {import('./files').Fields} Fields */
/** @typedef {{ type: string, folder: string }} Module of modules.json; `type`: the last part of its class's name */

/** The kinds of pool, by what sentence-transformers calls them, in the order in which several are put together. */
/** @type {Record<string, string>} */
const kPoolings = { cls: 'first', max: 'max', mean: 'mean', lasttoken: 'last' };
/** The flags of older versions. */
/** @type {Record<string, string>} */
const kFlags = {
  pooling_mode_cls_token: 'cls',
  pooling_mode_max_tokens: 'max',
  pooling_mode_mean_tokens: 'mean',
  pooling_mode_mean_sqrt_len_tokens: 'mean_sqrt_len_tokens',
  pooling_mode_weightedmean_tokens: 'weightedmean',
  pooling_mode_lasttoken: 'lasttoken',
};
const kPoolingKeys = [
  ...Object.keys(kFlags),
  'word_embedding_dimension',
  'embedding_dimension',
  'pooling_mode',
  'include_prompt',
];
/** What linear calls the activations that a Dense module names by their class. */
/** @type {Record<string, string>} */
const kActivations = {
  'torch.nn.modules.activation.Tanh': 'tanh',
  'torch.nn.modules.activation.ReLU': 'relu',
  'torch.nn.modules.activation.GELU': 'gelu',
  'torch.nn.modules.activation.SiLU': 'silu',
  'torch.nn.modules.linear.Identity': 'none',
};
const kDenseKeys = [
  'in_features',
  'out_features',
  'bias',
  'activation_function',
  'module_input_name',
  'module_output_name',
  'use_residual',
];

const kMostModules = 16;

/**
 * @param {string} folder
 * @returns {Promise<Module[]|undefined>} undefined: there is no modules.json
 */
async function readModules(folder) {
  const file = path.join(folder, 'modules.json');
  const list = await readJson(file);
  if (list === undefined) return undefined;
  if (!Array.isArray(list) || list.length === 0)
    throw invalid(`the file '${file}' has ${show(list)}, but must have an array of modules`);
  if (list.length > kMostModules)
    throw new GPUError(
      'ERR_UNSUPPORTED',
      `the file '${file}' has ${list.length} modules, but models are known here with ${kMostModules} at most`,
    );
  return list.map((entry, i) => {
    const { type, path: where } = entry ?? {};
    if (typeof type !== 'string') throw invalid(`the file '${file}': module ${i} has no type`);
    if (!type.startsWith('sentence_transformers.'))
      throw new GPUError('ERR_UNSUPPORTED', `the file '${file}': module ${i} is ${show(type)}, a class of its own`);
    return { type: type.slice(type.lastIndexOf('.') + 1), folder: inside(folder, where ?? '', `${file}: path`) };
  });
}

/**
 * Which poolings a Pooling module's config.json names.
 * @param {Fields} config
 * @param {string} where
 * @returns {string[]}
 */
function poolingsOf(config, where) {
  refuseUnknown(config, kPoolingKeys, where);
  const flagged = flagsOf(config, where);
  const modes = config.pooling_mode === undefined ? flagged.map((key) => kFlags[key]) : namedModes(config, where);
  if (config.include_prompt === false)
    throw new GPUError(
      'ERR_UNSUPPORTED',
      `${where}: 'include_prompt' is false: poolings that leave a prompt's tokens out are not built here`,
    );
  for (const mode of modes)
    if (!Object.hasOwn(kPoolings, mode))
      throw new GPUError(
        'ERR_UNSUPPORTED',
        `${where}: the pooling '${flagged.find((key) => kFlags[key] === mode) ?? mode}' is not built here (there are ` +
          `${Object.keys(kPoolings).join(', ')})`,
      );
  const order = Object.keys(kPoolings).filter((mode) => modes.includes(mode));
  if (String(modes) !== String(order))
    throw new GPUError(
      'ERR_UNSUPPORTED',
      `${where}: pooling_mode is ${show(modes)}, but several poolings are known here in the order ${order.join(', ')}`,
    );
  return modes;
}

/**
 * The flags that are set. As sentence-transformers reads them the mean is set where it is left out.
 * @param {Fields} config
 * @param {string} where
 */
function flagsOf(config, where) {
  const given = { pooling_mode_mean_tokens: true, ...config };
  const keys = Object.keys(kFlags).filter((key) => /** @type {Fields} */ (given)[key] !== undefined);
  for (const key of keys)
    if (typeof config[key] !== 'boolean' && config[key] !== undefined)
      throw invalid(`${where}: ${key} is ${show(config[key])}, but must be true or false`);
  const flagged = keys.filter((key) => /** @type {Fields} */ (given)[key] === true);
  if (!flagged.length && config.pooling_mode === undefined)
    throw invalid(`${where}: all of its poolings are false, so that a text gives no one vector`);
  return flagged;
}

/**
 * @param {Fields} config with a `pooling_mode`
 * @param {string} where
 * @returns {string[]}
 */
function namedModes({ pooling_mode: named }, where) {
  const modes = typeof named === 'string' ? [named] : named;
  if (!Array.isArray(modes) || !modes.length || !modes.every((mode) => typeof mode === 'string'))
    throw invalid(`${where}: pooling_mode is ${show(named)}, but must be a name or several`);
  const twice = modes.find((mode, i) => modes.indexOf(mode) !== i);
  if (twice !== undefined) throw invalid(`${where}: pooling_mode has '${twice}' twice`);
  return modes;
}

/** Puts a tail together: each part reads what the last one gave. */
class TailSteps {
  /** @type {Step[]} */
  steps = [];
  /** @type {import('./plan').TensorSpec[]} */
  tensors = [];
  #last = '';
  #denses = 0;

  /** @param {number} width of a token */
  constructor(width) {
    this.dimensions = width;
  }

  /**
   * @param {string} type
   * @param {Record<string, string>} inputs
   * @param {string} output
   * @param {Record<string, unknown>} [params]
   */
  #add(type, inputs, output, params = {}) {
    this.steps.push({ type, inputs, output, params });
    this.#last = output;
  }

  /** @param {readonly string[]} modes */
  pool(modes) {
    const pooled = modes.map((mode, i) => {
      this.#add('pool', { input: 'hidden', offsets: 'offsets' }, `pooled.${i}`, { kind: kPoolings[mode] });
      return this.#last;
    });
    pooled.reduce((a, b, i) => {
      this.#add('concat', { a, b }, `together.${i}`, { axis: 1 });
      return this.#last;
    });
    this.dimensions *= modes.length;
  }

  /**
   * @param {Fields} config of a Dense module
   * @param {string} folder
   */
  dense(config, folder) {
    const where = path.join(folder, 'config.json');
    refuseUnknown(config, kDenseKeys, where);
    const { in_features: inputs, out_features: outputs, bias = true, use_residual: residual = false } = config;
    const { activation_function: activation = 'torch.nn.modules.activation.Tanh' } = config;
    for (const key of ['module_input_name', 'module_output_name'])
      if (!['sentence_embedding', undefined, null].includes(/** @type {string} */ (config[key])))
        throw new GPUError('ERR_UNSUPPORTED', `${where}: '${key}' is ${show(config[key])}, which is not built here`);
    if (residual !== false)
      throw new GPUError('ERR_UNSUPPORTED', `${where}: 'use_residual' is ${show(residual)}, which is not built here`);
    if (!Object.hasOwn(kActivations, String(activation)))
      throw new GPUError(
        'ERR_UNSUPPORTED',
        `${where}: 'activation_function' is ${show(activation)}, which is none of ` +
          Object.keys(kActivations).join(', '),
      );
    if (inputs !== this.dimensions)
      throw invalid(`${where}: in_features is ${show(inputs)}, but what comes in has ${this.dimensions}`);
    if (!Number.isSafeInteger(outputs) || Number(outputs) < 1)
      throw invalid(`${where}: out_features is ${show(outputs)}, but must be a whole number above 0`);
    const name = `dense.${this.#denses++}`;
    const shape = [Number(outputs), this.dimensions];
    const weight = `${name}.weight`;
    this.tensors.push({ name: weight, from: ['linear.weight'], shape, kind: 'weight', file: folder });
    /** @type {Record<string, string>} */
    const reads = { input: this.#last, weight };
    if (bias) {
      reads.bias = `${name}.bias`;
      this.tensors.push({ name: reads.bias, from: ['linear.bias'], shape: [shape[0]], kind: 'vector', file: folder });
    }
    this.#add('linear', reads, name, { activation: kActivations[String(activation)] });
    this.dimensions = shape[0];
  }

  normalize() {
    this.#add('normalize', { input: this.#last }, `${this.#last}.normalized`);
  }

  /**
   * @param {boolean} normalize whether the rows are normalized at the end, unless a call wants them otherwise
   * @returns {Tail}
   */
  finish(normalize) {
    this.steps[this.steps.length - 1].output = 'rows';
    return { tensors: this.tensors, steps: this.steps, normalize, dimensions: this.dimensions };
  }
}

/**
 * @param {ReadonlyArray<Module>|undefined} modules behind the first, which is the encoder; undefined: none are told of
 * @param {number} width of a token
 * @param {string} where the file that tells of them
 * @returns {Promise<{ tail: Tail, files: string[] }>} and the files that it follows from
 */
async function readTail(modules, width, where) {
  const tail = new TailSteps(width);
  if (!modules) {
    tail.pool(['mean']);
    return { tail: tail.finish(false), files: [] };
  }
  if (modules.length === 0)
    throw new GPUError(
      'ERR_UNSUPPORTED',
      `${where}: the Transformer stands alone, so that a text gives no one vector: a Pooling is missing`,
    );
  const files = [];
  let normalize = false;
  for (const [i, { type, folder }] of modules.entries()) {
    const file = path.join(folder, 'config.json');
    const config = type === 'Normalize' ? {} : await readObject(file);
    if (config && type !== 'Normalize') files.push(file);
    const isFirst = i === 0;
    if (isFirst !== (type === 'Pooling') || !['Pooling', 'Dense', 'Normalize'].includes(type))
      throw new GPUError(
        'ERR_UNSUPPORTED',
        `${where}: module ${i + 1} is '${type}', but models are known here as Transformer, Pooling, and then any of ` +
          'Dense and Normalize',
      );
    if (!config) throw invalid(`${where}: module ${i + 1} is '${type}', but the file '${file}' is missing`);
    if (type === 'Pooling') {
      const given = config.word_embedding_dimension ?? config.embedding_dimension;
      if (given !== undefined && given !== width)
        throw invalid(`${file}: it pools tokens of ${show(given)} numbers, but the encoder's have ${width}`);
      tail.pool(poolingsOf(config, file));
    } else if (type === 'Dense') tail.dense(config, folder);
    else if (i === modules.length - 1) normalize = true;
    else tail.normalize();
  }
  return { tail: tail.finish(normalize), files };
}

module.exports = { readModules, readTail };
