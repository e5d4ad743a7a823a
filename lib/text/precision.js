// The precisions that a model's weights can have: how each kind of tensor is stored in them, and what a step is given
// that reads it. What takes long (rounding, codes) is done by workloads on a context, not by the event loop.
'use strict';
const { tensor } = require('../call');

/** @typedef {import('../index').Tensor} Tensor */
/** @typedef {import('../index').DType} DType */
/** @typedef {import('./stored').Given} Given */
/** @typedef {import('./stored').TensorSource} TensorSource */
/** @typedef {import('./plan').Step} Step */
/** @typedef {import('./stored').Runner} Runner */
/** @typedef {'float32'|'float16'|'bfloat16'|'int8'|'int4'} Precision */
/** @typedef {{ scales?: string, params?: Record<string, unknown> }} Form what a step is given that reads a tensor */
/** @typedef {{ name: string, dtype: DType, shape: readonly number[] }} Part a tensor as it is given to the graph */
/**
 * The tensors of a model as they are given to its graph, and by the name of one how it is read.
 * @typedef {{ precision: Precision, tensors: Map<string, Tensor>, forms: Map<string, Form> }} Packed
 */
/**
 * How a tensor is stored: as it is; as halves; or as codes of so many bits, in groups of columns that share a scale
 * (none: all of a row).
 * @typedef {{ dtype?: 'float16'|'bfloat16', bits?: 8|4, group?: number }} Way
 */
/**
 * `bound`: the smallest cosine to float32, over sentences whose mean was subtracted, that it may have.
 * @typedef {{ weight: Way, table: Way, bound: number }} Kind
 */

const kGroup = 32; // columns of a weight of 4 bits that share a scale
const kAtOnce = 4; // tensors that are packed
const kNotYet = tensor(new Float32Array(0), [0]); // in the place of one that is still to be packed

/** @type {Readonly<Record<Precision, Kind>>} */
const kPrecisions = Object.freeze({
  float32: { weight: {}, table: {}, bound: 1 - 1e-6 },
  float16: { weight: { dtype: 'float16' }, table: { dtype: 'float16' }, bound: 0.999 },
  bfloat16: { weight: { dtype: 'bfloat16' }, table: { dtype: 'bfloat16' }, bound: 0.999 },
  int8: { weight: { bits: 8 }, table: { bits: 8 }, bound: 0.98 },
  int4: { weight: { bits: 4, group: kGroup }, table: { bits: 8 }, bound: 0.95 },
});

/**
 * The most columns up to `most` that make whole groups of a row, and whole bytes.
 * @param {number} columns
 * @param {number} most
 */
function groupOf(columns, most) {
  for (let group = Math.min(most, columns); group > 1; --group)
    if (columns % group === 0 && group % 2 === 0) return group;
  return columns;
}

/**
 * @param {Precision} precision
 * @param {Pick<Given, 'kind'|'careful'>} entry
 * @returns {Way}
 */
function wayOf(precision, { kind, careful }) {
  if (kind === 'vector') return {};
  const way = kPrecisions[precision][kind];
  return careful && way.bits === 4 ? { bits: 8 } : way;
}

/**
 * How a tensor of some rows is stored in codes.
 * @param {readonly number[]} shape [m, k]
 * @param {Way} way
 */
function codesOf([m, k], { bits, group }) {
  const columns = group === undefined ? k : groupOf(k, group);
  return {
    columns,
    codes: {
      dtype: /** @type {DType} */ (bits === 4 ? 'uint8' : 'int8'),
      shape: [m, bits === 4 ? Math.ceil(k / 2) : k],
    },
    scales: { dtype: /** @type {DType} */ ('float32'), shape: columns === k ? [m] : [m, k / columns] },
  };
}

/** @param {string} name of a tensor of codes */
const scalesOf = (name) => `${name}.scales`;

/**
 * What a model's tensors are in a precision, and how they are read, without one of them being there: who finds them in
 * the memory that another process has put them in knows them by this.
 * @param {readonly Given[]} given
 * @param {Precision} precision
 * @returns {{ parts: Part[], forms: Map<string, Form> }}
 */
function layoutOf(given, precision) {
  /** @type {Part[]} */
  const parts = [];
  const forms = new Map();
  for (const entry of given) {
    const { name, shape, dtype } = entry;
    const way = wayOf(precision, entry);
    if (way.bits) {
      const { codes, scales } = codesOf(shape, way);
      parts.push({ name, ...codes }, { name: scalesOf(name), ...scales });
      const params = entry.kind === 'weight' ? { bits: way.bits, activations: 'int8' } : {};
      forms.set(name, { scales: scalesOf(name), params });
    } else parts.push({ name, dtype: way.dtype ?? dtype, shape });
  }
  return { parts, forms };
}

/**
 * @param {Given} entry
 * @param {Tensor} input floating
 * @param {Precision} precision
 * @param {Runner} context
 * @returns {Promise<[name: string, tensor: Tensor][]>}
 */
async function packOne(entry, input, precision, context) {
  const { name, shape } = entry;
  const way = wayOf(precision, entry);
  if (way.bits) {
    const { columns, codes, scales } = codesOf(shape, way);
    const rows = { ...input, shape: [(shape[0] * shape[1]) / columns, columns] };
    const params = { bits: way.bits };
    const { outputs } = await context.run({ type: 'quantize', inputs: { input: rows }, params }, {});
    return [
      [name, tensor(outputs.output.data, codes.shape, codes.dtype)],
      [scalesOf(name), tensor(outputs.scales.data, scales.shape)],
    ];
  }
  if (!way.dtype || way.dtype === input.dtype) return [[name, input]];
  const { outputs } = await context.run({ type: 'cast', inputs: { input }, params: { dtype: way.dtype } }, {});
  return [[name, outputs.output]];
}

/**
 * A few at a time, so that all of them in float32 need not be there at once.
 * @param {TensorSource} source
 * @param {Precision} precision
 * @param {Runner} context on which it is done
 * @returns {Promise<Packed>}
 */
async function pack({ given, take }, precision, context) {
  const { parts, forms } = layoutOf(given, precision);
  /** @type {Map<string, Tensor>} in the order of the parts, whichever are done first */
  const tensors = new Map(parts.map(({ name }) => [name, kNotYet]));
  const left = given.values();
  const work = async () => {
    for (const entry of left)
      for (const [name, packed] of await packOne(entry, await take(entry.name), precision, context))
        tensors.set(name, packed);
  };
  await Promise.all(Array.from({ length: kAtOnce }, work));
  return { precision, tensors, forms };
}

/**
 * A step, given what it needs to read its tensors as they are stored.
 * @param {Step} step
 * @param {ReadonlyMap<string, Form>} forms
 * @returns {Step}
 */
function fitStep(step, forms) {
  const read = step.inputs.weight ?? step.inputs.table;
  const form = read === undefined ? undefined : forms.get(read);
  if (form === undefined) return step;
  return {
    ...step,
    inputs: form.scales === undefined ? step.inputs : { ...step.inputs, scales: form.scales },
    params: { ...step.params, ...form.params },
  };
}

module.exports = { kPrecisions, layoutOf, pack, fitStep };
