// A picture drawn by a shader, checked, as a block of numbers: its size, what is drawn how, which tensor is what.
'use strict';
const { layouts } = require('../addon');
const { invalid, show, suggestion, refuseUnknownKeys } = require('../core');
const { checkNames } = require('./encode');
const { typedArrayTag } = require('./tensor');
const { visible } = require('./param-block');
const { Program } = require('./program');
const { kMaxInputs, programOf, checkWhole, namesOf, byBinding, blockOf } = require('./call-block');

/** @typedef {import('./encode').Fields} Fields */
/** @typedef {import('../addon/native').ProgramInfo} ProgramInfo */

const kShaderKeys = new Set([
  'type',
  'shader',
  'width',
  'height',
  'primitive',
  'count',
  'instances',
  'attributes',
  'inputs',
  'uniforms',
  'blend',
  'background',
  'antialias',
  'id',
  'split',
]);
const kImage = ['image'];
const { primitive: kPrimitives, blend: kBlends, shaderBlock, shaderInput } = layouts;
const { shader: kShaderCall } = layouts.blockKind;
const { attribute: kAttribute, buffer: kBuffer, image: kImageInput, nearestImage } = layouts.shaderInputKind;

/**
 * @param {unknown} value
 * @param {Readonly<Record<string, number>>} choices
 * @param {string} what
 * @param {string} owner
 */
function choiceOf(value, choices, what, owner) {
  if (typeof value === 'string' && Object.hasOwn(choices, value)) return choices[value];
  const names = Object.keys(choices);
  const known = names.map((choice) => `'${choice}'`).join(', ');
  const hint = typeof value === 'string' ? suggestion(value, names).replace(/ \(there.*/, '') : '';
  throw invalid(`${owner}: ${what} is ${show(value)}, but must be ${known}${hint}`, what);
}

/**
 * @param {unknown} background
 * @param {string} owner
 */
function colourOf(background, owner) {
  if (background === undefined) return [0, 0, 0, 0];
  /** @type {unknown[]} */
  const list =
    Array.isArray(background) || typedArrayTag.call(background)
      ? Array.from(/** @type {unknown[]} */ (background))
      : [];
  const isPart = (/** @type {unknown} */ part) => typeof part === 'number' && part >= 0 && part <= 1;
  if ((list.length !== 3 && list.length !== 4) || !list.every(isPart))
    throw invalid(
      `${owner}: background is ${show(background)}, but must be [red, green, blue, alpha], each from 0 to 1`,
      'background',
    );
  const [red, green, blue, alpha = 1] = /** @type {number[]} */ (list);
  return [red, green, blue, alpha];
}

/**
 * How many elements a tensor or a typed array has, as far as it looks like one.
 * @param {unknown} value
 */
function lengthOf(value) {
  const { data = value } = /** @type {{ data?: unknown }} */ (value);
  return /** @type {{ length?: number }} */ (data)?.length ?? 0;
}

/**
 * The vertices there are data for.
 * @param {ProgramInfo} info
 * @param {Map<number, unknown>} attributes
 * @param {string} owner
 */
function countFrom(info, attributes, owner) {
  let count = Infinity;
  for (const [index, value] of attributes) {
    const { rows, columns } = info.attributes[index];
    count = Math.min(count, Math.floor(lengthOf(value) / (rows * columns)));
  }
  if (count === Infinity)
    throw invalid(`${owner}: count is missing: how many vertices are drawn, which no attribute tells`, 'count');
  return count;
}

/**
 * @param {unknown} given
 * @param {ProgramInfo} info
 * @param {string} owner
 * @returns {Map<number, unknown>} by their number
 */
function attributesOf(given = {}, info, owner) {
  checkNames(
    given,
    new Set([...info.attributes.map(({ name }) => name), ...info.unused.attributes]),
    owner,
    'attribute',
  );
  const attributes = /** @type {Fields} */ (given);
  /** @type {Map<number, unknown>} */
  const found = new Map();
  info.attributes.forEach(({ name }, index) => {
    if (attributes[name] !== undefined && attributes[name] !== null) found.set(index, attributes[name]);
  });
  return found;
}

/**
 * Uniforms are values of the parameter block and pictures to sample.
 * @param {unknown} given
 * @param {ProgramInfo} info
 * @param {string} owner
 * @returns {{ uniforms: Fields, samplers: string[] }}
 */
function uniformsOf(given = {}, info, owner) {
  const images = namesOf(info, ({ kind }) => kind === 'image');
  const unused = info.unused.uniforms;
  checkNames(given, new Set([...visible(info.params), ...images, ...unused]), owner, 'uniform');
  const uniforms = /** @type {Fields} */ (given);
  const isMissing = (/** @type {string} */ name) => uniforms[name] === undefined || uniforms[name] === null;
  const missing = visible(info.params).find((name) => isMissing(name) && !unused.includes(name));
  if (missing !== undefined) throw invalid(`${owner}: uniform '${missing}' is missing`, `uniforms.${missing}`);
  return { uniforms, samplers: images.filter((name) => !isMissing(name)) };
}

/**
 * @param {unknown} image
 * @param {string} name
 * @param {string} owner
 */
function isNearest(image, name, owner) {
  const given = /** @type {{ filter?: unknown }|undefined} */ (image)?.filter;
  const filter = typeof given === 'function' ? undefined : given; // arrays have a method of that name
  if (filter !== undefined && filter !== 'linear' && filter !== 'nearest')
    throw invalid(
      `${owner}: the filter of uniform '${name}' is ${show(filter)}, but must be 'linear' (the default) or 'nearest'`,
      `uniforms.${name}.filter`,
    );
  return filter === 'nearest';
}

/**
 * Which tensor is what, as numbers and in the same order as tensors.
 * @param {Map<number, unknown>} attributes
 * @param {ReturnType<typeof byBinding>} buffers
 * @param {{ uniforms: Fields, samplers: string[] }} pictures
 * @param {ProgramInfo} info
 * @param {string} owner
 */
function tensorsOf(attributes, buffers, { uniforms, samplers }, info, owner) {
  /** @type {import('./call-block').ProgramCall['inputs']} */
  const inputs = [];
  /** @type {number[]} */
  const numbers = [];
  const put = (/** @type {number} */ kind, /** @type {number} */ index) => {
    const at = numbers.length;
    numbers[at + shaderInput.kind] = kind;
    numbers[at + shaderInput.index] = index;
  };
  for (const [index, value] of attributes) {
    put(kAttribute, index);
    inputs.push({ name: info.attributes[index].name, kind: 'attribute', value });
  }
  const bufferNames = namesOf(info, ({ kind }) => kind === 'buffer'),
    imageNames = namesOf(info, ({ kind }) => kind === 'image');
  for (const [name, , value] of buffers) {
    put(kBuffer, bufferNames.indexOf(name));
    inputs.push({ name, kind: 'input', value });
  }
  for (const name of samplers) {
    put(isNearest(uniforms[name], name, owner) ? nearestImage : kImageInput, imageNames.indexOf(name));
    inputs.push({ name, kind: 'uniform', value: uniforms[name] });
  }
  if (inputs.length > kMaxInputs)
    throw invalid(
      `${owner}: it is given ${inputs.length} attributes, inputs and images, but can have at most ${kMaxInputs}`,
    );
  return { numbers, inputs };
}

/**
 * @param {Fields} workload
 * @returns {import('./call-block').ProgramCall}
 */
function shaderCall(workload) {
  const program = Program.use(programOf(workload));
  const { info } = program;
  const owner = `shader '${info.name}'`;
  refuseUnknownKeys(workload, kShaderKeys, `key of the workload 'render' with a shader`);
  const { primitive = 'triangles', instances = 1, blend = 'alpha', antialias = true } = workload;
  if (typeof antialias !== 'boolean')
    throw invalid(`${owner}: antialias is ${show(antialias)}, but must be true or false`, 'antialias');
  const attributes = attributesOf(workload.attributes, info, owner);
  const pictures = uniformsOf(workload.uniforms, info, owner);
  const buffers = byBinding(workload.inputs, program, 'input', owner);
  const count =
    workload.count === undefined ? countFrom(info, attributes, owner) : checkWhole(workload.count, 'count', owner);
  const numbers = new Array(shaderBlock.numbers);
  numbers[shaderBlock.kind] = kShaderCall;
  numbers[shaderBlock.width] = checkWhole(workload.width, 'width', owner, 1);
  numbers[shaderBlock.height] = checkWhole(workload.height, 'height', owner, 1);
  numbers[shaderBlock.primitive] = choiceOf(primitive, kPrimitives, 'primitive', owner);
  numbers[shaderBlock.vertices] = count;
  numbers[shaderBlock.instances] = checkWhole(instances, 'instances', owner);
  numbers[shaderBlock.blend] = choiceOf(blend, kBlends, 'blend', owner);
  numbers[shaderBlock.samples] = antialias ? 4 : 1;
  colourOf(workload.background, owner).forEach((part, i) => {
    numbers[shaderBlock.background + i] = part;
  });
  const tensors = tensorsOf(attributes, buffers, pictures, info, owner);
  numbers[shaderBlock.inputs] = tensors.inputs.length;
  numbers.push(...tensors.numbers);
  return {
    program,
    owner,
    block: blockOf(numbers, info, pictures.uniforms, owner, 'uniforms'),
    inputs: tensors.inputs,
    outputs: kImage,
  };
}

module.exports = { shaderCall };
