// From a workload as the user writes it to the numbers the addon reads: the checks of types and names, on the hot path.
'use strict';
const { native, layouts } = require('../addon');
const { scratch, layout } = require('./pending');
const { GPUError, invalid, show, suggestion, refuseUnknownKeys } = require('../core');
const {
  typedArrayTag,
  dtypeOfTag,
  checkMemory,
  checkShape,
  refuseData,
  carriedDType,
  kDTypes,
  kMaxRank,
} = require('./tensor');
const { encodeParams } = require('./encode-params');
const { handleOf } = require('./device-tensor');
const { isSealed } = require('./shared-tensor');

/** @typedef {import('../addon/native').WorkKind} Kind of work, which decides which devices suit it */
/**
 * `unset`: NaN, or what the settings say; `place`: of its first number among those of all parameters.
 * @typedef {import('../addon/native').WorkloadEntry['params'][number] & { unset: number, place: number }} Param
 */
/**
 * A built-in workload as the addon names it, with its place in the list of them.
 * @typedef {object} Spec
 * @property {number} index
 * @property {string} type
 * @property {Kind} kind
 * @property {string} publicType as a caller knows it: scenes are all 'render'
 * @property {{ name: string, optional: boolean }[]} inputs
 * @property {Set<string>} inputNames
 * @property {Param[]} params
 * @property {Set<string>} paramNames
 * @property {number} paramPlaces numbers of all parameters
 * @property {string[]} texts
 * @property {string[]} outputs
 * @property {Set<string>} outputNames
 */
/**
 * A value as its owner wrote it: nothing about it is known before it is checked.
 * @typedef {Record<string, unknown>} Fields
 */
/** @typedef {{ data?: unknown, shape?: unknown, dtype?: unknown }} TensorFields */
/** @typedef {import('../index').TensorData} TensorData */
/** @typedef {import('../addon/native').Memory} Memory */

const { absent: kAbsent, host: kHost, onDevice: kOnDevice, flat: kFlat } = layouts.slotKind;
// A slot begins with its kind.
const { dtype: kDTypeAt, rank: kRankAt, extents: kExtentsAt, numbers: slotSize } = layouts.slot;
const { callWorkload, callParams, callInputs, callInto } = layout;
const { directInputs: kDirect } = layouts.limits; // inputs that are handed over by themselves; more come as an array

/** @type {Map<string, Spec>} */
const specs = new Map();
native.workloads().forEach((entry, index) => {
  let paramPlaces = 0;
  const params = entry.params.map((param) => {
    const place = paramPlaces;
    paramPlaces += param.places;
    return { ...param, unset: NaN, place };
  });
  specs.set(entry.type, {
    ...entry,
    index,
    publicType: entry.type.startsWith('render/') ? 'render' : entry.type,
    texts: entry.texts ?? [],
    inputNames: new Set(entry.inputs.map(({ name }) => name)),
    params,
    paramPlaces,
    paramNames: new Set(entry.params.map(({ name }) => name)),
    outputNames: new Set(entry.outputs),
  });
});

/** @type {unknown} */
let precisionOf;
let unsetPrecision = 'high';

/** What decides how a call that names no precision is described. */
function currentPrecision() {
  return unsetPrecision;
}

/**
 * What matrix products of this process have where their call names none. The settings of a manager win over those of
 * contexts beside it, as long as it is open.
 * @param {string} precision
 * @param {unknown} [owner] the manager
 */
function setPrecision(precision, owner) {
  if (precisionOf !== undefined && owner !== precisionOf) return;
  precisionOf = owner;
  unsetPrecision = precision;
  for (const { params } of specs.values()) {
    const param = params.find(({ name }) => name === 'precision');
    if (param) param.unset = param.choices.indexOf(precision) || NaN; // 'high' is the addon's own
  }
}

/** @param {unknown} owner the manager, which is closed */
function leavePrecision(owner) {
  setPrecision('high', owner);
  if (precisionOf === owner) precisionOf = undefined;
}

/**
 * @param {unknown} type of a workload, which is none of `specs`
 * @returns {GPUError} ERR_INVALID_ARGUMENT, ERR_UNKNOWN_WORKLOAD
 */
function refuseType(type) {
  const known = [...specs.keys()].filter((name) => !name.startsWith('render/'));
  known.push('graph', 'kernel', 'render');
  if (typeof type !== 'string')
    return invalid(`a workload's type is ${show(type)}, but must be a string: one of ${known.join(', ')}`, 'type');
  const error = new GPUError('ERR_UNKNOWN_WORKLOAD', `unknown workload '${type}'${suggestion(type, known)}`);
  error.argument = 'type';
  return error;
}

/** The properties of a workload that tensors of each kind stand in; others are arguments by themselves. */
/** @type {Record<string, string>} */
const kPlaces = { input: 'inputs.', into: 'into.', attribute: 'attributes.', uniform: 'uniforms.' };

/**
 * Says in an error which argument it is about, unless it does.
 * @param {unknown} error
 * @param {string} kind
 * @param {string} name
 */
function naming(error, kind, name) {
  if (error instanceof GPUError) error.argument ??= `${kPlaces[kind] ?? ''}${name}`;
  return error;
}

/**
 * Writes one tensor's description to numbers[at..] and returns what the addon reads the bytes from.
 * @param {Float64Array} numbers
 * @param {number} at
 * @param {unknown} value
 * @param {string} owner
 * @param {string} kind
 * @param {string} name
 * @returns {Memory}
 */
function encodeTensor(numbers, at, value, owner, kind, name) {
  try {
    return writeTensor(numbers, at, value, owner, kind, name);
  } catch (error) {
    throw naming(error, kind, name);
  }
}

/**
 * @param {Float64Array} numbers
 * @param {number} at
 * @param {unknown} value
 * @param {string} owner
 * @param {string} kind
 * @param {string} name
 * @returns {Memory}
 */
function writeTensor(numbers, at, value, owner, kind, name) {
  let data = value;
  let shape, dtype;
  let tag = typedArrayTag.call(value);
  if (tag === undefined) {
    const fields = /** @type {TensorFields|null|undefined} */ (value);
    data = fields === null || fields === undefined ? undefined : fields.data;
    if (data === undefined) {
      const handle = handleOf(value);
      if (!handle) throw refuseData(value, `${owner}: ${kind} '${name}'`);
      numbers[at] = kOnDevice;
      return handle;
    }
    ({ shape, dtype } = /** @type {TensorFields} */ (fields));
    tag = typedArrayTag.call(data);
  }
  let index = dtypeOfTag(tag);
  if (index < 0) throw refuseData(data, `${owner}: the data of ${kind} '${name}'`);
  const array = /** @type {TensorData} */ (data);
  if (dtype !== kDTypes[index] && dtype !== undefined)
    index = carriedDType(index, dtype, tag, `${owner}: ${kind} '${name}'`);
  const length = array.length;
  // @ts-ignore: of newer typings: whether the buffer may change its size
  if (length === 0 || array.buffer.resizable !== false) checkMemory(array, `${owner}: ${kind} '${name}'`);
  numbers[at] = kHost;
  numbers[at + kDTypeAt] = index;
  if (shape === undefined) {
    numbers[at + kRankAt] = 1;
    numbers[at + kExtentsAt] = length;
    return array;
  }
  const extents = /** @type {number[]} */ (shape); // checked below, unless it is right
  const rank = extents.length;
  let elements = rank <= kMaxRank ? 1 : -1;
  for (let axis = 0; axis < rank && elements >= 0; ++axis) {
    const extent = extents[axis];
    numbers[at + kExtentsAt + axis] = extent;
    elements *= Number.isSafeInteger(extent) && extent >= 0 ? extent : NaN;
  }
  if (elements !== length || !Array.isArray(shape)) checkShape(shape, length, `${owner}: ${kind} '${name}'`);
  numbers[at + kRankAt] = rank;
  return array;
}

/**
 * Refuses what is no object, and names in it that mean nothing.
 * @param {unknown} object
 * @param {ReadonlySet<string>} names
 * @param {string} owner
 * @param {string} kind of what the names stand for: 'input'
 * @param {string} [path] the argument that the object is, unless it is as many of the kind: 'inputs'
 */
function checkNames(object, names, owner, kind, path) {
  if (object === null || typeof object !== 'object') {
    const known = [...names].map((name) => `'${name}'`).join(', ');
    throw invalid(`${owner}: ${kind}s is ${show(object)}, but must be an object with ${known}`, path ?? `${kind}s`);
  }
  for (const name in object)
    if (!names.has(name))
      throw invalid(`${owner}: unknown ${kind} '${name}'${suggestion(name, names)}`, `${path ?? `${kind}s`}.${name}`);
}

const kWorkloadKeys = new Set(['type', 'inputs', 'params', 'id', 'split']);

/**
 * @param {Spec} spec
 * @param {Fields} workload
 */
function refuseWorkloadKeys(spec, workload) {
  for (const key in workload)
    if (spec.paramNames.has(key))
      throw invalid(`${spec.type}: '${key}' is a parameter: write it as params: { ${key}: ... }`, key);
  refuseUnknownKeys(workload, kWorkloadKeys, `key of the workload '${spec.type}'`);
}

/**
 * Writes a call to the scratch array and fills `arrays` with the inputs' memory, in the workload's order.
 * @param {Spec} spec
 * @param {Fields} workload
 * @param {Memory[]} arrays
 */
function encodeCall(spec, workload, arrays) {
  for (const key in workload)
    if (key !== 'type' && key !== 'inputs' && key !== 'params' && key !== 'id' && key !== 'split')
      refuseWorkloadKeys(spec, workload);
  scratch[callWorkload] = spec.index;
  encodeParams(spec, workload.params, scratch, callParams, spec.type);
  const inputs = /** @type {Fields|null|undefined} */ (workload.inputs);
  const known = spec.inputs;
  let present = 0;
  let name = '';
  if (inputs !== undefined && inputs !== null)
    try {
      for (let i = 0; i < known.length; ++i) {
        name = known[i].name;
        const value = inputs[name];
        if (value === undefined || value === null) {
          if (!known[i].optional) {
            checkNames(inputs, spec.inputNames, spec.type, 'input');
            throw invalid(`${spec.type}: input '${name}' is missing`, `inputs.${name}`);
          }
          scratch[callInputs + i * slotSize] = kAbsent;
          arrays[i] = undefined;
        } else {
          arrays[i] = writeTensor(scratch, callInputs + i * slotSize, value, spec.type, 'input', name);
          ++present;
        }
      }
    } catch (error) {
      throw naming(error, 'input', name);
    }
  else checkNames(inputs, spec.inputNames, spec.type, 'input');
  let given = 0;
  for (const _ in inputs) ++given;
  if (given > present) checkNames(inputs, spec.inputNames, spec.type, 'input');
}

/**
 * `into` targets in the order of the outputs: their memory, with their descriptions in numbers[at..].
 * @param {unknown} into
 * @param {readonly string[]} names
 * @param {Float64Array} numbers
 * @param {number} at
 * @param {string} owner
 * @returns {Memory[]}
 */
function encodeInto(into, names, numbers, at, owner) {
  checkNames(into, new Set(names), `${owner}: into`, 'output', 'into');
  const targets = /** @type {Fields} */ (into);
  return names.map((name, i) => {
    const value = targets[name];
    const slot = at + i * slotSize;
    numbers[slot] = kAbsent;
    if (value === undefined || value === null) return undefined;
    const memory = encodeTensor(numbers, slot, value, owner, 'into', name);
    if (isSealed(value))
      throw invalid(
        `${owner}: into '${name}' is a shared tensor that was sealed: its contents may not change any more`,
        `into.${name}`,
      );
    if (numbers[slot] === kOnDevice)
      throw invalid(
        `${owner}: into '${name}' is a DeviceTensor, but must be host memory: a tensor or a typed array`,
        `into.${name}`,
      );
    if (memory === value) numbers[slot] = kFlat;
    return memory;
  });
}

// Jobs of programs are counted in the two places behind the built-in workloads.
const kernelIndex = specs.size,
  renderIndex = specs.size + 1;

/** The names of what is counted, in the order of its places. */
const countedNames = Object.freeze([...specs.keys(), 'kernel', 'render']);

module.exports = {
  kDirect,
  kOnDevice,
  kernelIndex,
  renderIndex,
  countedNames,
  specs,
  setPrecision,
  currentPrecision,
  leavePrecision,
  refuseType,
  encodeCall,
  encodeTensor,
  encodeParams,
  encodeInto,
  checkNames,
  callInto,
};
