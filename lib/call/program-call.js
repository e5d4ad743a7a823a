// A job of a program as the addon reads it: a block of numbers that says what to do, and the tensors it is done with.
'use strict';
const { scratch, layout } = require('./pending');
const { GPUError, invalid, show, suggestion, refuseUnknownKeys } = require('../core');
const { encodeTensor, checkNames } = require('./encode');
const { kDTypes, checkShape, typedArrayTag } = require('./tensor');
const { writeParams, checkParamNames, visible } = require('./param-block');
const { Program, Kernel, Shader } = require('./program');

/** @typedef {import('../addon/native').ProgramInfo} ProgramInfo */
/**
 * @typedef {object} ProgramCall
 * @property {import('../addon/native').ProgramHandle} handle
 * @property {number} workload
 * @property {string} owner for messages
 * @property {Uint8Array} block
 * @property {{ name: string, kind: string, value: any }[]} inputs in the order of the block
 * @property {string[]} outputs
 */
/**
 * What only a program's code says: which contexts can run it.
 * @typedef {object} Need
 * @property {'vector'|'render'} kind
 * @property {''|'cuda'|'vulkan'|'gpu'} contextType
 */

const { slotSize, callWorkload, callInputs, maxTensors } = layout;
const kMaxInputs = maxTensors - 1;
const kMaxOutputs = 8;
const kKernelKeys = new Set(['type', 'kernel', 'inputs', 'outputs', 'params', 'threads', 'id']);
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
]);
const kOutputKeys = new Set(['shape', 'dtype']);
const kPrimitives = ['points', 'lines', 'triangles'];
const kBlends = ['none', 'alpha', 'additive', 'premultiplied'];
const kImage = ['image'];
const kKernelCall = 1,
  kShaderCall = 2;
const kAttribute = 0,
  kBuffer = 1,
  kSampler = 2,
  kNearestSampler = 3;

/** @param {any} workload whether it runs a program of the user's */
function isProgramJob(workload) {
  return workload.type === 'kernel' || (workload.type === 'render' && workload.scene === undefined);
}

/**
 * @param {any} workload
 * @returns {Program}
 */
function programOf(workload) {
  const key = workload.type === 'kernel' ? 'kernel' : 'shader';
  const value = workload[key];
  const Kind = key === 'kernel' ? Kernel : Shader;
  if (value instanceof Kind) return value;
  if (workload.type === 'render' && value === undefined)
    throw invalid(
      `render: it has neither a scene nor a shader: give it scene: 'attention-heatmap' for example, or what compileShader() gave`,
    );
  const hint =
    value instanceof Program
      ? `it is a ${value.constructor.name}`
      : typeof value === 'string' || value?.glsl !== undefined
        ? 'sources are compiled first'
        : '';
  throw invalid(
    `${workload.type}: ${key} is ${show(value)}, but must be what compile${Kind.name}() gave${hint && ` (${hint})`}`,
  );
}

/**
 * @param {any} workload
 * @returns {Need}
 */
function needOf(workload) {
  if (workload.type === 'render') return { kind: 'render', contextType: '' };
  const { vulkan, cuda } = Program.infoOf(programOf(workload));
  return { kind: 'vector', contextType: vulkan && cuda ? 'gpu' : cuda ? 'cuda' : 'vulkan' };
}

/**
 * The type of context for a job, out of what its program needs and what the caller asks for.
 * @param {any} workload
 * @param {Need} need
 * @param {string|undefined} asked
 * @returns {''|'cuda'|'vulkan'|'cpu'|'gpu'}
 */
function contextTypeFor(workload, need, asked) {
  if (asked === undefined) return need.contextType;
  const can =
    need.kind === 'render' ? ['vulkan'] : need.contextType === 'gpu' ? ['cuda', 'vulkan'] : [need.contextType];
  if (can.includes(asked)) return /** @type {any} */ (asked);
  const names = /** @type {Record<string, string>} */ ({ cuda: 'CUDA', vulkan: 'Vulkan', cpu: 'the CPU' });
  const what =
    need.kind === 'render'
      ? 'pictures are drawn through Vulkan alone'
      : `kernel '${programOf(workload).name}' has code for ${can.map((type) => names[type]).join(' and ')} only`;
  throw new GPUError(
    'ERR_UNSUPPORTED',
    `contextType is '${asked}', but ${what}: leave contextType out, or make it ${can.map((type) => `'${type}'`).join(' or ')}`,
  );
}

/**
 * @param {any} value
 * @param {string} what
 * @param {string} owner
 * @param {number} least
 */
function checkWhole(value, what, owner, least = 0) {
  if (!Number.isSafeInteger(value) || value < least)
    throw invalid(
      `${owner}: ${what} is ${show(value)}, but must be a whole number${least ? ` of at least ${least}` : ''}`,
    );
  return value;
}

/**
 * @param {any} threads
 * @param {string} owner
 */
function checkThreads(threads, owner) {
  if (threads === undefined)
    throw invalid(`${owner}: threads is missing: how many times the kernel is to run, as a number or [x, y, z]`);
  const list = Array.isArray(threads) ? threads : [threads];
  if (list.length < 1 || list.length > 3)
    throw invalid(`${owner}: threads has ${list.length} numbers, but must have one to three: x, y, z`);
  list.forEach((count, axis) => checkWhole(count, list.length > 1 ? `threads along ${'xyz'[axis]}` : 'threads', owner));
  return [list[0], list[1] ?? 1, list[2] ?? 1];
}

/**
 * @param {ProgramInfo} info
 * @param {(binding: import('../addon/native').ProgramBinding) => boolean} test
 */
function namesOf(info, test) {
  return info.bindings.filter(test).map(({ name }) => name);
}

/**
 * @param {any} values
 * @param {ProgramInfo} info
 * @param {string} what 'input' or 'output'
 * @param {string} owner
 * @returns {[name: string, index: number, value: any][]} without those that are undefined
 */
function byBinding(values, info, what, owner) {
  if (values === undefined || values === null) return [];
  if (typeof values !== 'object')
    throw invalid(`${owner}: ${what}s is ${show(values)}, but must be an object by the names of the program's buffers`);
  /** @type {[string, number, any][]} */
  const found = [];
  for (const name in values) {
    const index = info.bindings.findIndex((binding) => binding.name === name && binding.kind === 'buffer');
    if (index < 0)
      throw invalid(
        `${owner}: unknown ${what} '${name}'${suggestion(
          name,
          namesOf(info, ({ kind }) => kind === 'buffer'),
        )}`,
      );
    if (values[name] !== undefined && values[name] !== null) found.push([name, index, values[name]]);
  }
  return found;
}

/**
 * The numbers of a call, followed by the program's parameter block.
 * @param {number[]} numbers without the block's size, which comes last
 * @param {ProgramInfo} info
 * @param {any} params
 * @param {string} owner
 */
function blockOf(numbers, info, params, owner) {
  const words = numbers.length + 1;
  const block = new Float64Array(words + Math.ceil(info.paramBytes / 8));
  block.set(numbers);
  block[words - 1] = info.paramBytes;
  const bytes = new Uint8Array(block.buffer);
  writeParams(info.params, params, bytes, words * 8, owner);
  return bytes;
}

/**
 * @param {any} workload
 * @returns {ProgramCall}
 */
function kernelCall(workload) {
  const { handle, info, workload: number } = Program.use(programOf(workload));
  const owner = `kernel '${info.name}'`;
  refuseUnknownKeys(workload, kKernelKeys, `key of the workload 'kernel'`);
  const numbers = [kKernelCall, ...checkThreads(workload.threads, owner)];
  const given = byBinding(workload.inputs, info, 'input', owner);
  if (given.length > kMaxInputs)
    throw invalid(`${owner}: it is given ${given.length} inputs, but can have at most ${kMaxInputs}`);
  numbers.push(given.length, ...given.map(([, index]) => index));
  const results = byBinding(workload.outputs, info, 'output', owner);
  if (!results.length)
    throw invalid(
      `${owner}: outputs is ${show(workload.outputs)}, but must name at least one binding to get back: { name: { shape, dtype } } (it has: ${namesOf(info, ({ readOnly }) => !readOnly).join(', ') || 'none'})`,
    );
  if (results.length > kMaxOutputs)
    throw invalid(`${owner}: it has ${results.length} outputs, but can have at most ${kMaxOutputs}`);
  numbers.push(results.length);
  for (const [name, index, value] of results) {
    const where = `${owner}: output '${name}'`;
    if (typeof value !== 'object') throw invalid(`${where} is ${show(value)}, but must be { shape, dtype }`);
    refuseUnknownKeys(value, kOutputKeys, `key of ${where}`);
    const { element } = info.bindings[index];
    const { shape, dtype = element === 'other' ? 'float32' : element } = value;
    checkShape(shape, -1, where);
    const at = kDTypes.indexOf(dtype);
    if (at < 0) throw invalid(`${where} has dtype ${show(dtype)}${suggestion(String(dtype), kDTypes)}`);
    numbers.push(index, at, shape.length, ...shape);
  }
  checkParamNames(info.params, workload.params, owner);
  return {
    handle,
    workload: number,
    owner,
    block: blockOf(numbers, info, workload.params, owner),
    inputs: given.map(([name, , value]) => ({ name, kind: 'input', value })),
    outputs: results.map(([name]) => name),
  };
}

/**
 * @param {any} value
 * @param {readonly string[]} choices
 * @param {string} what
 * @param {string} owner
 */
function choiceOf(value, choices, what, owner) {
  const index = choices.indexOf(value);
  if (index < 0)
    throw invalid(
      `${owner}: ${what} is ${show(value)}, but must be ${choices.map((choice) => `'${choice}'`).join(', ')}${typeof value === 'string' ? suggestion(value, choices).replace(/ \(there.*/, '') : ''}`,
    );
  return index;
}

/**
 * @param {any} background
 * @param {string} owner
 */
function colourOf(background, owner) {
  if (background === undefined) return [0, 0, 0, 0];
  const list = Array.isArray(background) || typedArrayTag.call(background) ? Array.from(background) : [];
  if (
    (list.length !== 3 && list.length !== 4) ||
    !list.every((part) => typeof part === 'number' && part >= 0 && part <= 1)
  )
    throw invalid(
      `${owner}: background is ${show(background)}, but must be [red, green, blue, alpha], each from 0 to 1`,
    );
  return [list[0], list[1], list[2], list[3] ?? 1];
}

/**
 * The vertices there are data for.
 * @param {ProgramInfo} info
 * @param {Map<number, any>} attributes
 * @param {string} owner
 */
function countFrom(info, attributes, owner) {
  let count = Infinity;
  for (const [index, value] of attributes) {
    const { rows, columns } = info.attributes[index];
    count = Math.min(count, Math.floor(((value?.data ?? value)?.length ?? 0) / (rows * columns)));
  }
  if (count === Infinity)
    throw invalid(`${owner}: count is missing: how many vertices are drawn, which no attribute tells`);
  return count;
}

/**
 * @param {any} workload
 * @param {ProgramInfo} info
 * @param {string} owner
 */
function attributesOf(workload, info, owner) {
  const { attributes = {} } = workload;
  checkNames(attributes, new Set(info.attributes.map(({ name }) => name)), owner, 'attribute');
  /** @type {Map<number, any>} */
  const found = new Map();
  info.attributes.forEach(({ name }, index) => {
    if (attributes[name] !== undefined && attributes[name] !== null) found.set(index, attributes[name]);
  });
  return found;
}

/**
 * Uniforms are values of the parameter block and pictures to sample.
 * @param {any} workload
 * @param {ProgramInfo} info
 * @param {string} owner
 */
function uniformsOf(workload, info, owner) {
  const { uniforms = {} } = workload;
  const images = namesOf(info, ({ kind }) => kind === 'image');
  checkNames(uniforms, new Set([...visible(info.params), ...images]), owner, 'uniform');
  const missing = visible(info.params).find((name) => uniforms[name] === undefined || uniforms[name] === null);
  if (missing !== undefined) throw invalid(`${owner}: uniform '${missing}' is missing`);
  return images.filter((name) => uniforms[name] !== undefined && uniforms[name] !== null);
}

/**
 * @param {any} image
 * @param {string} name
 * @param {string} owner
 */
function isNearest(image, name, owner) {
  // Arrays have a method of that name.
  const filter = typeof image?.filter === 'function' ? undefined : image?.filter;
  if (filter !== undefined && filter !== 'linear' && filter !== 'nearest')
    throw invalid(
      `${owner}: the filter of uniform '${name}' is ${show(filter)}, but must be 'linear' (the default) or 'nearest'`,
    );
  return filter === 'nearest';
}

/**
 * @param {any} workload
 * @returns {ProgramCall}
 */
function shaderCall(workload) {
  const { handle, info, workload: number } = Program.use(programOf(workload));
  const owner = `shader '${info.name}'`;
  refuseUnknownKeys(workload, kShaderKeys, `key of the workload 'render' with a shader`);
  const {
    width,
    height,
    primitive = 'triangles',
    instances = 1,
    blend = 'alpha',
    background,
    antialias = true,
  } = workload;
  if (typeof antialias !== 'boolean')
    throw invalid(`${owner}: antialias is ${show(antialias)}, but must be true or false`);
  const attributes = attributesOf(workload, info, owner);
  const samplers = uniformsOf(workload, info, owner);
  const buffers = byBinding(workload.inputs, info, 'input', owner);
  const count =
    workload.count === undefined ? countFrom(info, attributes, owner) : checkWhole(workload.count, 'count', owner);
  const numbers = [
    kShaderCall,
    checkWhole(width, 'width', owner, 1),
    checkWhole(height, 'height', owner, 1),
    choiceOf(primitive, kPrimitives, 'primitive', owner),
    count,
    checkWhole(instances, 'instances', owner),
    choiceOf(blend, kBlends, 'blend', owner),
    antialias ? 4 : 1,
    ...colourOf(background, owner),
  ];
  /** @type {ProgramCall['inputs']} */
  const inputs = [];
  numbers.push(attributes.size + buffers.length + samplers.length);
  for (const [index, value] of attributes) {
    numbers.push(kAttribute, index);
    inputs.push({ name: info.attributes[index].name, kind: 'attribute', value });
  }
  const bufferNames = namesOf(info, ({ kind }) => kind === 'buffer'),
    imageNames = namesOf(info, ({ kind }) => kind === 'image');
  for (const [name, , value] of buffers) {
    numbers.push(kBuffer, bufferNames.indexOf(name));
    inputs.push({ name, kind: 'input', value });
  }
  for (const name of samplers) {
    numbers.push(
      isNearest(workload.uniforms[name], name, owner) ? kNearestSampler : kSampler,
      imageNames.indexOf(name),
    );
    inputs.push({ name, kind: 'uniform', value: workload.uniforms[name] });
  }
  if (inputs.length > kMaxInputs)
    throw invalid(
      `${owner}: it is given ${inputs.length} attributes, inputs and images, but can have at most ${kMaxInputs}`,
    );
  return {
    handle,
    workload: number,
    owner,
    block: blockOf(numbers, info, workload.uniforms, owner),
    inputs,
    outputs: kImage,
  };
}

/**
 * @param {any} workload
 * @returns {ProgramCall}
 */
function describeProgramCall(workload) {
  return workload.type === 'kernel' ? kernelCall(workload) : shaderCall(workload);
}

/**
 * Writes the call's tensors to the scratch array and gives their memory in the same order: the block first, and nothing
 * in places that the call does not use.
 * @param {ProgramCall} call
 * @returns {any[]}
 */
function encodeProgramCall(call) {
  const { block, inputs, owner } = call;
  scratch[callWorkload] = -1;
  const arrays = new Array(maxTensors).fill(undefined);
  arrays[0] = encodeTensor(scratch, callInputs, block, owner, 'the', 'call');
  for (let i = 0; i < kMaxInputs; ++i) {
    const at = callInputs + (1 + i) * slotSize;
    scratch[at] = 0;
    if (i < inputs.length)
      arrays[1 + i] = encodeTensor(scratch, at, inputs[i].value, owner, inputs[i].kind, inputs[i].name);
  }
  return arrays;
}

module.exports = { isProgramJob, programOf, needOf, contextTypeFor, describeProgramCall, encodeProgramCall };
