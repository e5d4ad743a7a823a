// Tensors as a family's table wants them, from those that files have: by name, checked, in our layout.
'use strict';
const { tensor } = require('../call');
const { GPUError, invalid } = require('../core');

/** @typedef {import('../index').Tensor} Tensor */
/** @typedef {import('../index').DType} DType */
/**
 * How a file has a tensor, where that is not as we want it: part of the first axis of `shape`, or of its last as rows
 * of ours (`columns`), from `first` on; or what `make` makes of it.
 * @typedef {object} Stored
 * @property {readonly number[]} shape
 * @property {number} [first]
 * @property {boolean} [columns]
 * @property {(data: Float32Array, shape: readonly number[]) => Float32Array} [make]
 */
/** @typedef {import('./plan').TensorSpec & { optional?: boolean }} TensorEntry */
/**
 * @typedef {object} FileTensor
 * @property {DType} dtype
 * @property {readonly number[]} shape
 * @property {import('../index').TensorData} data
 */
/**
 * @typedef {object} Runner
 * @property {(workload: object, options: { signal?: AbortSignal }) => Promise<{ outputs: Record<string, Tensor> }>} run
 */

/** @param {readonly number[]} shape */
const elementsOf = (shape) => shape.reduce((product, extent) => product * extent, 1);

/**
 * @param {TensorEntry} entry
 * @param {ReadonlyMap<string, FileTensor>} files
 * @returns {FileTensor|undefined} undefined where it is optional and not there
 * @throws {GPUError} ERR_INVALID_ARGUMENT
 */
function findTensor({ name, from, shape, optional, stored }, files) {
  const found = from.find((candidate) => files.has(candidate));
  if (found === undefined) {
    if (optional) return undefined;
    throw invalid(`the model has no tensor '${from.join("' or '")}', which its '${name}' is read from`);
  }
  const file = /** @type {FileTensor} */ (files.get(found));
  const wanted = stored?.shape ?? shape;
  if (String(file.shape) !== String(wanted))
    throw invalid(`the model's tensor '${found}' is [${file.shape.join(', ')}], but must be [${wanted.join(', ')}]`);
  if (stored && file.dtype !== 'float32')
    throw new GPUError('ERR_UNSUPPORTED', `the model's tensor '${found}' is ${file.dtype}, but must be float32`);
  return file;
}

/**
 * Columns of the file's matrix as rows: what takes long is the context's to do.
 * @param {Float32Array} data
 * @param {Stored} stored
 * @param {readonly number[]} shape of ours
 * @param {Runner} context
 * @returns {Promise<Tensor>}
 */
async function columnsAsRows(data, { shape: of, first = 0 }, [m, k], context) {
  const columns = of[of.length - 1];
  const isWhole = m === columns;
  const cut = {
    type: 'slice',
    inputs: { input: 'part' },
    params: { start: [0, first], size: [k, m] },
    outputs: { output: 'cut' },
  };
  const turn = { type: 'transpose', inputs: { input: isWhole ? 'part' : 'cut' }, outputs: { output: 'rows' } };
  const nodes = isWhole ? [turn] : [cut, turn];
  const inputs = { part: tensor(data, [k, columns]) };
  const { outputs } = await context.run({ type: 'graph', inputs, nodes, outputs: ['rows'] }, {});
  return outputs.rows;
}

/**
 * One tensor as its family wants it: in place where the file has it so.
 * @param {TensorEntry} entry
 * @param {FileTensor} file
 * @param {Runner} context
 * @returns {Promise<Tensor>|Tensor}
 */
function layOut({ shape, stored }, file, context) {
  if (!stored) return tensor(file.data, [...shape], file.dtype);
  const data = /** @type {Float32Array} */ (file.data);
  if (stored.make) return tensor(stored.make(data, shape), [...shape]);
  if (stored.columns) return columnsAsRows(data, stored, shape, context);
  const elements = elementsOf(shape),
    begin = ((stored.first ?? 0) * elements) / shape[0];
  return tensor(data.subarray(begin, begin + elements), [...shape]);
}

/**
 * What precision.js takes a model's tensors from: which there are, and each as its family wants it.
 * @typedef {object} TensorSource
 * @property {Given[]} given
 * @property {(name: string) => Promise<Tensor>} take
 */
/**
 * @typedef {object} Given
 * @property {string} name
 * @property {readonly number[]} shape
 * @property {TensorEntry['kind']} kind
 * @property {boolean} [careful]
 * @property {DType} dtype as the file has it
 */

/**
 * @param {readonly TensorEntry[]} table
 * @param {ReadonlyMap<string, FileTensor>} files
 * @param {Runner} context
 * @returns {TensorSource}
 * @throws {GPUError} ERR_INVALID_ARGUMENT a tensor that is not there or has another shape; ERR_UNSUPPORTED
 */
function sourceOf(table, files, context) {
  const found = new Map(
    table.flatMap((entry) => {
      const file = findTensor(entry, files);
      return file ? [[entry.name, { entry, file }]] : [];
    }),
  );
  return {
    given: Array.from(found.values(), ({ entry: { name, shape, kind, careful }, file: { dtype } }) => ({
      name,
      shape,
      kind,
      careful,
      dtype,
    })),
    async take(name) {
      const { entry, file } = /** @type {{ entry: TensorEntry, file: FileTensor }} */ (found.get(name));
      return layOut(entry, file, context);
    },
  };
}

module.exports = { sourceOf };
