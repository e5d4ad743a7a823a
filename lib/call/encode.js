// From a workload as the user writes it to the numbers the addon reads: the checks of types and names, on the hot path.
'use strict';
const { native } = require('../addon');
const { scratch, layout } = require('./pending');
const { GPUError, invalid, show, suggestion, refuseUnknownKeys } = require('../core');
const { typedArrayTag, dtypeOfTag, checkMemory, checkShape, refuseData, refuseDType, kDTypes } = require('./tensor');
const { handleOf } = require('./device-tensor');
const { isSealed } = require('./shared-tensor');

/**
 * @typedef {{ index: number, type: string, inputs: { name: string, optional: boolean }[], inputNames: Set<string>,
 *   params: import('../addon/native').WorkloadEntry['params'], paramNames: Set<string>, texts: string[], outputs:
 *   string[], outputNames: Set<string> }} Spec
 */

const kHost = 1,
  kOnDevice = 2,
  kFlat = 3;
const { slotSize, callWorkload, callParams, callInputs, callInto, maxParams } = layout;
const kDirect = 4; // inputs that are handed over by themselves; more come as an array

/** @type {Map<string, Spec>} */
const specs = new Map();
native.workloads().forEach((entry, index) => {
  specs.set(entry.type, {
    ...entry,
    index,
    texts: entry.texts ?? [],
    inputNames: new Set(entry.inputs.map(({ name }) => name)),
    paramNames: new Set(entry.params.map(({ name }) => name)),
    outputNames: new Set(entry.outputs),
  });
});

/**
 * @param {any} type
 * @returns {Spec}
 */
function specOf(type) {
  const spec = specs.get(type);
  if (spec) return spec;
  const known = [...specs.keys()].filter((name) => !name.startsWith('render/'));
  known.push('graph', 'kernel', 'render');
  if (typeof type !== 'string')
    throw invalid(`a workload's type is ${show(type)}, but must be a string: one of ${known.join(', ')}`);
  throw new GPUError('ERR_UNKNOWN_WORKLOAD', `unknown workload '${type}'${suggestion(type, known)}`);
}

/**
 * Writes one tensor's description to numbers[at..] and returns what the addon reads the bytes from.
 * @param {Float64Array} numbers
 * @param {number} at
 * @param {any} value
 * @param {string} owner
 * @param {string} kind
 * @param {string} name
 */
function encodeTensor(numbers, at, value, owner, kind, name) {
  let data = value;
  let shape, dtype;
  let tag = typedArrayTag.call(value);
  if (tag === undefined) {
    data = value === null || value === undefined ? undefined : value.data;
    if (data === undefined) {
      const handle = handleOf(value);
      if (!handle) throw refuseData(value, `${owner}: ${kind} '${name}'`);
      numbers[at] = kOnDevice;
      return handle;
    }
    shape = value.shape;
    dtype = value.dtype;
    tag = typedArrayTag.call(data);
  }
  const index = dtypeOfTag(tag);
  if (index < 0) throw refuseData(data, `${owner}: the data of ${kind} '${name}'`);
  if (dtype !== kDTypes[index] && dtype !== undefined)
    throw refuseDType(index, dtype, tag, `${owner}: ${kind} '${name}'`);
  const length = data.length;
  if (length === 0 || data.buffer.resizable !== false) checkMemory(data, `${owner}: ${kind} '${name}'`);
  numbers[at] = kHost;
  numbers[at + 1] = index;
  if (shape === undefined) {
    numbers[at + 2] = 1;
    numbers[at + 3] = length;
    return data;
  }
  const rank = shape.length;
  let elements = rank <= 8 ? 1 : -1;
  for (let axis = 0; axis < rank && elements >= 0; ++axis) {
    const extent = shape[axis];
    numbers[at + 3 + axis] = extent;
    elements *= Number.isSafeInteger(extent) && extent >= 0 ? extent : NaN;
  }
  if (elements !== length || !Array.isArray(shape)) checkShape(shape, length, `${owner}: ${kind} '${name}'`);
  numbers[at + 2] = rank;
  return data;
}

/**
 * @param {import('../addon/native').WorkloadEntry['params'][number]} param
 * @param {any} value
 * @param {string} owner
 * @returns {number}
 */
function encodeParam(param, value, owner) {
  switch (param.kind) {
    case 'boolean':
      if (typeof value !== 'boolean')
        throw invalid(`${owner}: parameter '${param.name}' is ${show(value)}, but must be true or false`);
      return value ? 1 : 0;
    case 'choice': {
      const index = param.choices.indexOf(value);
      if (index < 0) {
        const hint = typeof value === 'string' ? suggestion(value, param.choices) : '';
        throw invalid(
          `${owner}: parameter '${param.name}' is ${show(value)}, but must be ${param.choices.map((choice) => `'${choice}'`).join(' or ')}${hint.startsWith(' (did') ? hint : ''}`,
        );
      }
      return index;
    }
    default:
      if (typeof value !== 'number' || value !== value)
        throw invalid(
          `${owner}: parameter '${param.name}' is ${show(value)}, but must be a ${param.kind === 'integer' ? 'whole ' : ''}number`,
        );
      return value;
  }
}

/**
 * @param {Spec} spec
 * @param {any} params
 * @param {Float64Array} numbers
 * @param {number} at
 * @param {string} owner
 */
function encodeParams(spec, params, numbers, at, owner) {
  if (params === undefined || params === null) {
    for (let i = 0; i < maxParams; ++i) numbers[at + i] = NaN;
    return;
  }
  if (typeof params !== 'object') throw invalid(`${owner}: params is ${show(params)}, but must be an object`);
  for (const name in params)
    if (!spec.paramNames.has(name))
      throw invalid(`${owner}: unknown parameter '${name}'${suggestion(name, spec.paramNames)}`);
  for (let i = 0; i < maxParams; ++i) {
    const param = spec.params[i];
    const value = param && params[param.name];
    numbers[at + i] = value === undefined || value === null ? NaN : encodeParam(param, value, owner);
  }
}

/**
 * @param {object} object
 * @param {ReadonlySet<string>} names
 * @param {string} owner
 * @param {string} kind
 */
function checkNames(object, names, owner, kind) {
  if (object === null || typeof object !== 'object')
    throw invalid(
      `${owner}: ${kind}s is ${show(object)}, but must be an object with ${[...names].map((name) => `'${name}'`).join(', ')}`,
    );
  for (const name in object)
    if (!names.has(name)) throw invalid(`${owner}: unknown ${kind} '${name}'${suggestion(name, names)}`);
}

const kWorkloadKeys = new Set(['type', 'inputs', 'params', 'id']);

/**
 * @param {Spec} spec
 * @param {any} workload
 */
function refuseWorkloadKeys(spec, workload) {
  for (const key in workload)
    if (spec.paramNames.has(key))
      throw invalid(`${spec.type}: '${key}' is a parameter: write it as params: { ${key}: ... }`);
  refuseUnknownKeys(workload, kWorkloadKeys, `key of the workload '${spec.type}'`);
}

/**
 * Writes a call to the scratch array and fills `arrays` with the inputs' memory, in the workload's order.
 * @param {Spec} spec
 * @param {any} workload
 * @param {any[]} arrays
 */
function encodeCall(spec, workload, arrays) {
  for (const key in workload)
    if (key !== 'type' && key !== 'inputs' && key !== 'params' && key !== 'id') refuseWorkloadKeys(spec, workload);
  scratch[callWorkload] = spec.index;
  encodeParams(spec, workload.params, scratch, callParams, spec.type);
  const inputs = workload.inputs;
  const known = spec.inputs;
  let present = 0;
  if (inputs !== undefined && inputs !== null)
    for (let i = 0; i < known.length; ++i) {
      const name = known[i].name;
      const value = inputs[name];
      if (value === undefined || value === null) {
        if (!known[i].optional) {
          checkNames(inputs, spec.inputNames, spec.type, 'input');
          throw invalid(`${spec.type}: input '${name}' is missing`);
        }
        scratch[callInputs + i * slotSize] = 0;
        arrays[i] = undefined;
      } else {
        arrays[i] = encodeTensor(scratch, callInputs + i * slotSize, value, spec.type, 'input', name);
        ++present;
      }
    }
  else checkNames(inputs, spec.inputNames, spec.type, 'input');
  let given = 0;
  for (const _ in inputs) ++given;
  if (given > present) checkNames(inputs, spec.inputNames, spec.type, 'input');
}

/**
 * `into` targets in the order of the outputs: their memory, with their descriptions in numbers[at..].
 * @param {any} into
 * @param {readonly string[]} names
 * @param {Float64Array} numbers
 * @param {number} at
 * @param {string} owner
 */
function encodeInto(into, names, numbers, at, owner) {
  checkNames(into, new Set(names), `${owner}: into`, 'output');
  return names.map((name, i) => {
    const value = into[name];
    const slot = at + i * slotSize;
    numbers[slot] = 0;
    if (value === undefined || value === null) return undefined;
    const memory = encodeTensor(numbers, slot, value, owner, 'into', name);
    if (isSealed(value))
      throw invalid(
        `${owner}: into '${name}' is a shared tensor that was sealed: its contents may not change any more`,
      );
    if (numbers[slot] === kOnDevice)
      throw invalid(`${owner}: into '${name}' is a DeviceTensor, but must be host memory: a tensor or a typed array`);
    if (memory === value) numbers[slot] = kFlat;
    return memory;
  });
}

// Jobs of programs are counted in the two places behind the built-in workloads.
const kernelIndex = specs.size,
  renderIndex = specs.size + 1;

/**
 * Where a workload is counted.
 * @param {any} workload
 */
function workloadIndex(workload) {
  return (
    specs.get(workload.type)?.index ??
    (workload.type === 'kernel' ? kernelIndex : workload.type === 'render' ? renderIndex : -1)
  );
}

/** The names of what is counted, in the order of its places. */
const countedNames = Object.freeze([...specs.keys(), 'kernel', 'render']);

module.exports = {
  kDirect,
  kernelIndex,
  renderIndex,
  workloadIndex,
  countedNames,
  specs,
  specOf,
  encodeCall,
  encodeTensor,
  encodeParams,
  encodeInto,
  checkNames,
  callInto,
};
