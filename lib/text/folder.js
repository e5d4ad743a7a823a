// A model's folder, as Hugging Face and sentence-transformers lay it out, read to a description: its family, what comes
// behind the encoder, prompts, how long texts may be, and the files that decide all of that. Nothing of its weights.
'use strict';
const fs = require('node:fs/promises');
const path = require('node:path');
const { GPUError, invalid, show } = require('../core');
const { readObject, inside, refuseUnknown } = require('./files');
const { readModules, readTail } = require('./tail');
const { kFamilies } = require('./families');

/** @typedef {import('./files').Fields} Fields */
/** @typedef {import('./plan').AnyFamily} Family */
/** @typedef {import('./tail').Module} Module */
/**
 * @typedef {object} Description
 * @property {string} where the model's folder
 * @property {'encoder'|'cross-encoder'} kind
 * @property {Family} family
 * @property {import('./plan').Width} sizes of the family
 * @property {import('./plan').Tail} tail
 * @property {number} maxLength tokens of a text, the special ones included
 * @property {boolean} lowercase texts are made lower case before they are tokenized
 * @property {Record<string, string>} prompts by name
 * @property {string|undefined} promptName of the one that is used where a call names none
 * @property {{ folder: string }|{ json: string }} tokenizer where its files are, or the text of its tokenizer.json
 * @property {string} weights the folder of the encoder's
 * @property {string[]} deciding all small files that what it gives follows from
 */

const kSentenceKeys = [
  'max_seq_length',
  'do_lower_case',
  'unpad_inputs',
  'transformer_task',
  'modality_config',
  'module_output_name',
];
const kPromptKeys = [
  '__version__',
  'prompts',
  'default_prompt_name',
  'similarity_fn_name',
  'model_type',
  'activation_fn',
];
/** Of a cross-encoder's logits, by their class. */
/** @type {Record<string, string|undefined>} */
const kActivations = {
  'torch.nn.modules.activation.Sigmoid': 'sigmoid',
  'torch.nn.modules.activation.Tanh': 'tanh',
  'torch.nn.modules.linear.Identity': undefined,
};

/**
 * @param {string} folder
 * @returns {Promise<Description>}
 * @throws {GPUError} (rejects with) ERR_NOT_FOUND: there is no such folder; ERR_INVALID_ARGUMENT: it is no model's, or
 *   a file of it is not what it must be; ERR_UNSUPPORTED: it has what is not built here, which is named
 */
async function readFolder(folder) {
  await checkFolder(folder);
  const modules = await readModules(folder);
  const [first] = modules ?? [];
  if (first && first.type !== 'Transformer')
    throw new GPUError(
      'ERR_UNSUPPORTED',
      `${path.join(folder, 'modules.json')}: the first module is '${first.type}', but only Transformer is known there`,
    );
  const place = first?.folder ?? folder;
  const file = path.join(place, 'config.json');
  const config = await readObject(file);
  if (!config) throw invalid(`'${folder}' is no model's folder: it has no ${path.relative(folder, file)}`);
  const { family, isClassifier } = familyOf(config, file);
  const isCrossEncoder = isClassifier && !modules?.some(({ type }) => type === 'Pooling');
  const sentence = await readSentence(place, isCrossEncoder);
  const words = await readPrompts(folder);
  const sizes = family.read(withoutHead(config), file);
  const { tail, files } = isCrossEncoder
    ? { tail: headOf(family, sizes, activationOf(config, words.activation, file)), files: [] }
    : await readTail(modules?.slice(1), sizes.width, path.join(folder, 'modules.json'));
  const longest = await longestOf(place, sentence, family.maxTokens(sizes));
  const tokenizers = ['tokenizer.json', 'tokenizer_config.json', 'vocab.txt'];
  const tokens = ['special_tokens_map.json', 'added_tokens.json'];
  const small = ['config.json', 'sentence_bert_config.json', ...tokenizers, ...tokens];
  const deciding = [
    ...['modules.json', 'config_sentence_transformers.json'].map((name) => path.join(folder, name)),
    ...small.map((name) => path.join(place, name)),
    ...files,
  ];
  return {
    where: folder,
    kind: isCrossEncoder ? 'cross-encoder' : 'encoder',
    family,
    sizes,
    tail,
    maxLength: longest,
    lowercase: sentence.do_lower_case === true,
    prompts: words.prompts,
    promptName: words.promptName,
    tokenizer: { folder: place },
    weights: place,
    deciding,
  };
}

/** @param {string} folder */
async function checkFolder(folder) {
  try {
    if ((await fs.stat(folder)).isDirectory()) return;
  } catch (error) {
    if (error.code === 'ENOENT') throw new GPUError('ERR_NOT_FOUND', `there is no folder '${folder}'`);
    throw invalid(`the folder '${folder}' can't be read: ${error.message}`);
  }
  throw invalid(`'${folder}' is no folder, but a model is one: with config.json, model.safetensors and its tokenizer`);
}

/**
 * @param {Fields} config
 * @param {string} where
 * @returns {{ family: Family, isClassifier: boolean }}
 */
function familyOf(config, where) {
  const names = config.architectures;
  const name = Array.isArray(names) && names.length === 1 ? names[0] : undefined;
  for (const family of kFamilies) {
    const isClassifier = family.classifiers.includes(name);
    if (isClassifier || family.architectures.includes(name)) return { family, isClassifier };
  }
  const known = kFamilies.flatMap(({ architectures, classifiers }) => [...architectures, ...classifiers]);
  throw new GPUError(
    'ERR_UNSUPPORTED',
    `${where}: 'architectures' is ${show(names)}, but known are ${known.join(', ')}`,
  );
}

/** @param {Fields} config what the family is to read: the keys of a cross-encoder's head are read here */
function withoutHead(config) {
  const { sentence_transformers: _, sbert_ce_default_activation_function: __, ...others } = config;
  return others;
}

/**
 * @param {string} place
 * @param {boolean} isCrossEncoder
 * @returns {Promise<Fields>} sentence_bert_config.json; empty: there is none
 */
async function readSentence(place, isCrossEncoder) {
  const file = path.join(place, 'sentence_bert_config.json');
  const sentence = (await readObject(file)) ?? {};
  refuseUnknown(sentence, kSentenceKeys, file);
  const [task, output, name] = isCrossEncoder
    ? ['sequence-classification', 'logits', 'scores']
    : ['feature-extraction', 'last_hidden_state', 'token_embeddings'];
  const modality = JSON.stringify({ text: { method: 'forward', method_output_name: output } });
  const { transformer_task = task, module_output_name = name, modality_config } = sentence;
  const isPlain = modality_config === undefined || JSON.stringify(modality_config) === modality;
  for (const [key, isKnown] of Object.entries({
    transformer_task: transformer_task === task,
    module_output_name: module_output_name === name,
    modality_config: isPlain,
  }))
    if (!isKnown)
      throw new GPUError(
        'ERR_UNSUPPORTED',
        `${file}: '${key}' is ${show(sentence[key])}, which is not what is known of a text model here`,
      );
  return sentence;
}

/**
 * @param {string} folder
 * @returns {Promise<{ prompts: Record<string, string>, promptName?: string, activation: unknown }>}
 */
async function readPrompts(folder) {
  const file = path.join(folder, 'config_sentence_transformers.json');
  const words = (await readObject(file)) ?? {};
  refuseUnknown(words, kPromptKeys, file);
  const prompts = /** @type {Record<string, unknown>} */ (words.prompts ?? {});
  if (typeof prompts !== 'object') throw invalid(`${file}: prompts is ${show(prompts)}, but must be an object`);
  for (const [name, text] of Object.entries(prompts))
    if (typeof text !== 'string') throw invalid(`${file}: the prompt '${name}' is ${show(text)}, but must be a string`);
  const promptName = words.default_prompt_name ?? undefined;
  if (promptName !== undefined && !Object.hasOwn(prompts, String(promptName)))
    throw invalid(`${file}: default_prompt_name is ${show(promptName)}, which is none of its prompts`);
  return {
    prompts: /** @type {Record<string, string>} */ (prompts),
    promptName: /** @type {string|undefined} */ (promptName),
    activation: words.activation_fn,
  };
}

/**
 * What a cross-encoder's logits go through: sigmoid, unless its files say otherwise.
 * @param {Fields} config
 * @param {unknown} named in config_sentence_transformers.json
 * @param {string} where
 */
function activationOf(config, named, where) {
  const labels = config.id2label === undefined ? (config.num_labels ?? 2) : Object.keys(Object(config.id2label)).length;
  if (labels !== 1)
    throw new GPUError(
      'ERR_UNSUPPORTED',
      `${where}: '${config.id2label === undefined ? 'num_labels' : 'id2label'}' has ${show(labels)} labels, but a ` +
        'cross-encoder that ranks has one score',
    );
  const own = /** @type {Fields|undefined} */ (config.sentence_transformers);
  const activation = named ?? own?.activation_fn ?? config.sbert_ce_default_activation_function ?? undefined;
  if (activation === undefined) return 'sigmoid';
  if (typeof activation !== 'string' || !Object.hasOwn(kActivations, activation))
    throw new GPUError(
      'ERR_UNSUPPORTED',
      `${where}: 'activation_fn' is ${show(activation)}, which is none of ${Object.keys(kActivations).join(', ')}`,
    );
  return kActivations[activation];
}

/**
 * @param {Family} family
 * @param {import('./plan').Width} sizes
 * @param {string|undefined} activation
 * @returns {import('./plan').Tail}
 */
function headOf(family, sizes, activation) {
  const steps = family.head.steps(sizes);
  if (activation === undefined) steps[steps.length - 1].output = 'rows';
  else steps.push({ type: 'activation', inputs: { input: 'logits' }, output: 'rows', params: { kind: activation } });
  return { tensors: family.head.tensors(sizes), steps, normalize: false, dimensions: 1 };
}

/**
 * @param {string} place
 * @param {Fields} sentence
 * @param {number} most that the model takes
 */
async function longestOf(place, sentence, most) {
  const file = path.join(place, 'tokenizer_config.json');
  const ofTokenizer = (await readObject(file))?.model_max_length;
  const longest = sentence.max_seq_length ?? ofTokenizer ?? most;
  if (typeof longest !== 'number' || !(longest >= 1))
    throw invalid(`'${place}': the most tokens of a text are ${show(longest)}, but must be a number above 0`);
  return Math.min(Math.floor(longest), most); // tokenizers without a limit say 1e30
}

/**
 * The files of weights of a folder, which an index may name.
 * @param {string} folder
 * @returns {Promise<{ files: string[], index?: string }>}
 */
async function weightFiles(folder) {
  const single = path.join(folder, 'model.safetensors');
  const file = path.join(folder, 'model.safetensors.index.json');
  if (await exists(single)) return { files: [single] };
  const index = await readObject(file);
  if (index) {
    const map = index.weight_map;
    if (map === null || typeof map !== 'object') throw invalid(`${file}: it has no weight_map`);
    const names = new Set(Object.values(map));
    return { files: [...names].map((name) => inside(folder, name, `${file}: weight_map`)).sort(), index: file };
  }
  const others = (await fs.readdir(folder)).filter((name) => /\.(bin|h5|msgpack|onnx|pt|ckpt|gguf)$/.test(name));
  if (others.length)
    throw new GPUError(
      'ERR_UNSUPPORTED',
      `'${folder}' has its weights as ${others[0]}, but only model.safetensors is read: save the model as safetensors`,
    );
  throw invalid(`'${folder}' has no weights: model.safetensors, or model.safetensors.index.json and its files`);
}

/** @param {string} file */
function exists(file) {
  return fs.access(file).then(
    () => true,
    () => false,
  );
}

module.exports = { readFolder, weightFiles };
