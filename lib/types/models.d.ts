// The built-in workloads that models are made of, beside products: rows of tables, norms, rotation, and moves.
import type { DType } from '../generated';
import type { InputTensor } from './tensor';

/** Those of them: a part of Workloads. */
export interface ModelWorkloads {
  /**
   * Rows of a table, an embedding for example. An index outside of it is refused by its place: ERR_INVALID_ARGUMENT.
   * @input table [n, d]
   * @input indices [s]: any shape
   * @input scales [n]: of an int8 table, which is multiplied with them, row by row
   * @output output [s, d]
   * @nan Elements are as they are in the table.
   * @example
   * const table = tensor([[1, 2], [3, 4], [5, 6]]), indices = tensor([2, 0], undefined, 'int32');
   * const { data } = await manager.ops.gather(table, indices); // [5, 6, 1, 2]
   */
  gather: {
    inputs: { table: InputTensor; indices: InputTensor; scales?: InputTensor };
    params: {
      /** Of the output; `same`: that of the first floating input. */
      dtype?: 'float32' | 'float16' | 'bfloat16' | 'same';
    };
    outputs: 'output';
  };
  /**
   * One row for each of n sequences, which lie one behind the other in `input`: sequence i has its rows `offsets[i]` to
   * `offsets[i + 1]`. An empty one gives zeros.
   * @input input [t, d]
   * @input offsets [n + 1]: from 0 to t, never falling, else ERR_INVALID_ARGUMENT
   * @output output [n, d]
   * @nan A column that holds NaN in a sequence gives NaN there, in `first` and `last` only where that row does.
   * @example
   * const input = tensor([[1, 2], [3, 4], [5, 6]]), offsets = tensor([0, 2, 3], undefined, 'int32');
   * const { data } = await manager.ops.pool(input, offsets, { kind: 'mean' }); // [2, 3, 5, 6]
   */
  pool: {
    inputs: { input: InputTensor; offsets: InputTensor };
    params: {
      /** What becomes of the rows of a sequence. */
      kind: 'mean' | 'max' | 'first' | 'last';
      /** Of the output; `same`: that of the first floating input. */
      dtype?: 'float32' | 'float16' | 'bfloat16' | 'same';
    };
    outputs: 'output';
  };
  /**
   * The axes in another order: axis i of the output is axis `axes[i]` of `input`.
   * @input input [s]: any shape
   * @output output [s'], the dtype of input
   * @nan Elements are moved as they are.
   * @example
   * const { data } = await manager.ops.transpose(tensor([[1, 2, 3], [4, 5, 6]])); // [1, 4, 2, 5, 3, 6]
   */
  transpose: {
    inputs: Unary;
    params: {
      /** Each axis of `input` once; the other way round when left out. */
      axes?: readonly number[];
    };
    outputs: 'output';
  };
  /**
   * A part of each axis: `size[i]` entries from `start[i]` on.
   * @input input [s]: any shape
   * @output output [size], the dtype of input
   * @nan Elements are moved as they are.
   * @example
   * const input = tensor([[1, 2, 3], [4, 5, 6]]);
   * const { data } = await manager.ops.slice(input, { start: [0, 1], size: [2, 2] }); // [2, 3, 5, 6]
   */
  slice: {
    inputs: Unary;
    params: {
      /** Where to begin, an entry for each axis; at 0 when left out. */
      start?: readonly number[];
      /** How many entries, for each axis; all from `start` on when left out. */
      size?: readonly number[];
    };
    outputs: 'output';
  };
  /**
   * The same numbers in another dtype: to a floating one rounded to nearest even, to an integer's towards zero, and to
   * the nearest that it has.
   * @input input [s]: any shape
   * @output output [s], the dtype of dtype
   * @nan NaN as an integer is 0; infinities are the largest and the smallest.
   * @example
   * const { data } = await manager.ops.cast(tensor([1.7, -2.5, 300]), { dtype: 'int8' }); // [1, -2, 127]
   */
  cast: {
    inputs: Unary;
    params: {
      /** Of the output. */
      dtype?: DType;
    };
    outputs: 'output';
  };
  /**
   * The same elements in the same order, with another shape. Between nodes of a graph nothing is copied.
   * @input input [s]: any shape, of any dtype
   * @output output [shape], the dtype of input
   * @nan Unchanged.
   * @example
   * const { shape } = await manager.ops.reshape(tensor([1, 2, 3, 4, 5, 6]), { shape: [2, -1] }); // [2, 3]
   */
  reshape: {
    inputs: Unary;
    params: {
      /** Of the output; -1 in one place: what is left. */
      shape: readonly number[];
    };
    outputs: 'output';
  };
  /**
   * `a`, and behind it `b`, along one axis; in all others their shapes are the same, as is their dtype.
   * @input a [s]: at least one axis
   * @input b [s], but for the axis
   * @output output [s], the dtype of a
   * @nan Elements are moved as they are.
   * @example
   * const { data } = await manager.ops.concat(tensor([[1], [2]]), tensor([[3], [4]]), { axis: 1 }); // [1, 3, 2, 4]
   */
  concat: {
    inputs: { a: InputTensor; b: InputTensor };
    params: {
      /** Along which. */
      axis?: number;
    };
    outputs: 'output';
  };
  /**
   * Rows, the last axis, over the root of their mean square: `x / sqrt(mean(x^2) + epsilon)`, times `gamma`.
   * @input input [.., d]
   * @input gamma [d]
   * @input residual [.., d]: added to `input` first, in float32
   * @output output [.., d]
   * @nan A row that holds NaN is NaN throughout. Beside an infinity, finite elements become 0 and infinite ones NaN. A
   *   row of zeros stays zeros, unless `epsilon` is 0: then it is NaN.
   * @example
   * const { data } = await manager.ops.rmsNorm(tensor([[1, 7]]), { epsilon: 0 }); // [0.2, 1.4]
   */
  'rms-norm': {
    inputs: { input: InputTensor; gamma?: InputTensor; residual?: InputTensor };
    params: {
      /** Added to the mean square. */
      epsilon?: number;
      /** Of the output; `same`: that of the first floating input. */
      dtype?: 'float32' | 'float16' | 'bfloat16' | 'same';
    };
    outputs: 'output';
  };
  /**
   * Rotary position embedding: pairs of elements of each head are turned, pair i of d / 2 by the angle `position *
   * base^(-2 i / d)`. Exact at any position.
   * @input input [t, h, d]: t tokens of h heads; d is even
   * @input positions [t]
   * @output output [t, h, d]
   * @nan A NaN or an infinity spoils its pair.
   * @example
   * const input = tensor([[[1, 0]], [[1, 0]]]), positions = tensor([0, 1], undefined, 'int32');
   * const { data } = await manager.ops.rope(input, positions); // [1, 0, 0.5403, 0.8415]
   */
  rope: {
    inputs: { input: InputTensor; positions: InputTensor };
    params: {
      /** The larger, the slower later pairs turn. */
      base?: number;
      /** Pairs are neighbours, (2 i, 2 i + 1); else half a head apart, (i, i + d / 2). */
      interleaved?: boolean;
      /** Of the output; `same`: that of the first floating input. */
      dtype?: 'float32' | 'float16' | 'bfloat16' | 'same';
    };
    outputs: 'output';
  };
}

type Unary = { input: InputTensor };
