// The built-in workloads: what each takes and gives.
import type { SplitName, WorkloadName } from '../generated';
import type { AnalysisWorkloads } from './analysis';
import type { InputTensor } from './tensor';

/**
 * Each workload's inputs, parameters and outputs. A row runs along the last axis; `[..]` is a shape, `[.., d]` one of
 * any number of axes before the last. Where no dtype is named, inputs are floating, and an output is float32, or what
 * the parameter `dtype` says; sums are kept in float32 at least.
 */
export interface Workloads extends AnalysisWorkloads {
  /**
   * `a + b`, element by element.
   * @input a [s]: any shape
   * @input b [s], a row [d] for a [.., d], or one number, [1] or []
   * @output output [s]
   * @nan IEEE 754.
   * @example
   * const { data } = await manager.ops.add(tensor([[1, 2], [3, 4]]), tensor([10, 20])); // [11, 22, 13, 24]
   */
  add: {
    inputs: Binary;
    params: {
      /** Of the output; `same`: that of the first floating input. */
      dtype?: 'float32' | 'float16' | 'bfloat16' | 'same';
    };
    outputs: 'output';
  };
  /**
   * `a - b`, element by element.
   * @input a [s]: any shape
   * @input b [s], a row [d] for a [.., d], or one number, [1] or []
   * @output output [s]
   * @nan IEEE 754.
   * @example
   * const { data } = await manager.ops.subtract(tensor([5, 7]), tensor([1, 2])); // [4, 5]
   */
  subtract: {
    inputs: Binary;
    params: {
      /** Of the output; `same`: that of the first floating input. */
      dtype?: 'float32' | 'float16' | 'bfloat16' | 'same';
    };
    outputs: 'output';
  };
  /**
   * `a * b`, element by element.
   * @input a [s]: any shape
   * @input b [s], a row [d] for a [.., d], or one number, [1] or []
   * @output output [s]
   * @nan IEEE 754.
   * @example
   * const { data } = await manager.ops.multiply(tensor([5, 7]), tensor([2, 3])); // [10, 21]
   */
  multiply: {
    inputs: Binary;
    params: {
      /** Of the output; `same`: that of the first floating input. */
      dtype?: 'float32' | 'float16' | 'bfloat16' | 'same';
    };
    outputs: 'output';
  };
  /**
   * `a / b`, element by element.
   * @input a [s]: any shape
   * @input b [s], a row [d] for a [.., d], or one number, [1] or []
   * @output output [s]
   * @nan IEEE 754; on Vulkan the quotient by a divisor above 2^126 or below 2^-126 may lose all its digits.
   * @example
   * const { data } = await manager.ops.divide(tensor([5, 9]), tensor([2])); // [2.5, 4.5]
   */
  divide: {
    inputs: Binary;
    params: {
      /** Of the output; `same`: that of the first floating input. */
      dtype?: 'float32' | 'float16' | 'bfloat16' | 'same';
    };
    outputs: 'output';
  };
  /**
   * `input * factor + offset`.
   * @input input [s]: any shape
   * @output output [s]
   * @nan IEEE 754.
   * @example
   * const { data } = await manager.ops.scale(tensor([1, 2]), { factor: 10, offset: 0.5 }); // [10.5, 20.5]
   */
  scale: {
    inputs: Unary;
    params: {
      /** What each element is multiplied with. */
      factor?: number;
      /** What is added to the product. */
      offset?: number;
      /** Of the output; `same`: that of the first floating input. */
      dtype?: 'float32' | 'float16' | 'bfloat16' | 'same';
    };
    outputs: 'output';
  };
  /**
   * A function of each element.
   * @input input [s]: any shape
   * @output output [s]
   * @nan NaN stays NaN; an infinity gives the limit, which is 0 for relu, gelu and silu of -infinity.
   * @example
   * const { data } = await manager.ops.activation(tensor([-1, 0, 2]), { kind: 'relu' }); // [0, 0, 2]
   */
  activation: {
    inputs: Unary;
    params: {
      /** Which; gelu is the exact one, by erf, gelu-tanh its common approximation. */
      kind: 'relu' | 'gelu' | 'silu' | 'tanh' | 'sigmoid' | 'exp' | 'gelu-tanh';
      /** Of the output; `same`: that of the first floating input. */
      dtype?: 'float32' | 'float16' | 'bfloat16' | 'same';
    };
    outputs: 'output';
  };
  /**
   * One number for each row, the last axis.
   * @input input [.., d]
   * @output output [..]
   * @nan A row that holds NaN gives NaN, min and max included; infinities as IEEE 754 says.
   * @example
   * const { data } = await manager.ops.reduce(tensor([[1, 2], [3, 4]]), { kind: 'sum' }); // [3, 7]
   */
  reduce: {
    inputs: Unary;
    params: {
      /** Which; norm is the L2 norm. A row without elements has a sum and a norm, 0, and is refused by the others. */
      kind: 'sum' | 'mean' | 'min' | 'max' | 'norm';
      /** Of the output; `same`: that of the first floating input. */
      dtype?: 'float32' | 'float16' | 'bfloat16' | 'same';
    };
    outputs: 'output';
  };
  /**
   * Each row over the larger of its L2 norm and `epsilon`: rows of length 1.
   * @input input [n, d]
   * @output output [n, d]
   * @nan A row that holds NaN is NaN throughout. Beside an infinity, finite elements become 0 and infinite ones NaN. A
   *   row of zeros stays zeros, unless `epsilon` is 0: then it is NaN.
   * @example
   * const { data } = await manager.ops.normalize(tensor([[3, 4]])); // [0.6, 0.8]
   */
  normalize: {
    inputs: Unary;
    params: {
      /** Keeps rows that are nearly 0 from growing without bound. */
      epsilon?: number;
      /** Of the output; `same`: that of the first floating input. */
      dtype?: 'float32' | 'float16' | 'bfloat16' | 'same';
    };
    outputs: 'output';
  };
  /**
   * Rows, the last axis, of positive numbers that add up to 1: `exp(x / temperature)` over its sum.
   * @input input [.., d]
   * @output output [.., d]
   * @nan A row that holds NaN or +infinity, or nothing but -infinity, is NaN throughout; -infinity beside finite
   *   elements gives 0.
   * @example
   * const { data } = await manager.ops.softmax(tensor([[0, 0, -Infinity]])); // [0.5, 0.5, 0]
   */
  softmax: {
    inputs: Unary;
    params: {
      /** Sharper the lower it is. */
      temperature?: number;
      /** Of the output; `same`: that of the first floating input. */
      dtype?: 'float32' | 'float16' | 'bfloat16' | 'same';
    };
    outputs: 'output';
  };
  /**
   * Rows, the last axis, of mean 0 and variance 1 (over d), times `gamma`, plus `beta`.
   * @input input [.., d]
   * @input gamma [d]
   * @input beta [d]
   * @input residual [.., d]: added to `input` first, in float32
   * @output output [.., d]
   * @nan A row that holds NaN or an infinity is NaN throughout.
   * @example
   * const { data } = await manager.ops.layerNorm(tensor([[1, 3]])); // [-1, 1]
   */
  'layer-norm': {
    inputs: { input: InputTensor; gamma?: InputTensor; beta?: InputTensor; residual?: InputTensor };
    params: {
      /** Added to the variance. */
      epsilon?: number;
      /** Of the output; `same`: that of the first floating input. */
      dtype?: 'float32' | 'float16' | 'bfloat16' | 'same';
    };
    outputs: 'output';
  };
  /**
   * The matrix product, of batches too, times `alpha`. A batch axis of 1, or one that is missing, is repeated.
   * @input a [.., m, k]; with transposeA [.., k, m]
   * @input b [.., k, n]; with transposeB [.., n, k]
   * @output output [.., m, n]
   * @nan IEEE 754: a NaN spoils its row of `a`, or its column of `b`, also where `alpha` is 0; k = 0 gives zeros.
   * @example
   * const { data } = await manager.ops.matmul(tensor([[1, 2], [3, 4]]), tensor([[1, 0], [0, 2]])); // [1, 4, 3, 8]
   */
  matmul: {
    inputs: Binary;
    params: {
      /** `a` comes transposed. */
      transposeA?: boolean;
      /** `b` comes transposed. */
      transposeB?: boolean;
      /** What the product is multiplied with. */
      alpha?: number;
      /** high is float32 throughout, fast may round to TF32; left out, the setting `precision` says which. */
      precision?: 'high' | 'fast';
      /** Of the output; `same`: that of the first floating input. */
      dtype?: 'float32' | 'float16' | 'bfloat16' | 'same';
    };
    outputs: 'output';
  };
  /**
   * A layer of a model: `activation(input weight^T + bias) + residual`.
   * @input input [.., k]
   * @input weight [m, k]; or int8 [m, k], or 4 bits as `quantize` packs them, uint8 [m, ceil(k / 2)]: codes
   * @input scales [m], or [m, groups] with as many columns in each: what the codes are multiplied with
   * @input bias [m]
   * @input residual [.., m]
   * @output output [.., m], float32 where `dtype` doesn't say otherwise
   * @nan IEEE 754: a NaN spoils its row of `input`, or its column of the output; k = 0 gives products of 0. An infinity
   *   in a row that becomes int8 spoils that row.
   * @example
   * const input = tensor([[1, 2]]), weight = tensor([[3, 4], [-5, 1]]), bias = tensor([0.5, 1]);
   * const { data } = await manager.ops.linear({ input, weight, bias }, { activation: 'relu' }); // [11.5, 0]
   */
  linear: {
    inputs: {
      input: InputTensor;
      weight: InputTensor;
      scales?: InputTensor;
      bias?: InputTensor;
      residual?: InputTensor;
    };
    params: {
      /** What is done to each sum; gelu is the exact one, by erf. */
      activation?: 'none' | 'relu' | 'gelu' | 'gelu-tanh' | 'silu' | 'tanh';
      /** Of a code, where the weight is of int8 or uint8. */
      bits?: 8 | 4;
      /**
       * What the rows of `input` are multiplied as, where the weight is codes: int8 rounds each as `quantize` does, for
       * products of integers.
       */
      activations?: 'float' | 'int8';
      /** Of the output; same is that of input. */
      dtype?: 'float32' | 'float16' | 'bfloat16' | 'same';
      /** high is float32 at least, fast may round to TF32 or bfloat16; left out, the setting `precision` says which. */
      precision?: 'high' | 'fast';
    };
    outputs: 'output';
  };
  /**
   * `softmax(scale * query key^T + mask) value`, a head at a time. With `offsets` it is of packed sequences of any
   * lengths: each is some rows, one after the other, and attends within itself; rows offsets[i] to offsets[i + 1] are
   * sequence i. The scores are never in memory: beside inputs and outputs there is nothing that grows with the square
   * of a length, unless the weights are asked for.
   * @input query [h, s, d]; packed [t, h, d]
   * @input key [h, t, d]; packed [u, g, d]: g divides h, and a head of it serves h / g heads of query
   * @input value [h, t, e]; packed [u, g, e]
   * @input mask [s, t]: added to the scores; not packed
   * @input offsets [n + 1]: from 0 to the rows of query, not falling; of offsets that are on a device, the job waits
   *   until the host has read them
   * @input keyOffsets [n + 1]: the same of key and value, `offsets` when left out. The a queries of a sequence are the
   *   last of its b keys, as with a cache of keys: query r is at position r + b - a
   * @input bias [h, s, s]: packed, added to the scores of the query at a position (of r where a > b) and a key; s is
   *   the length of the longest sequence, of its queries or keys
   * @output output [h, s, e]; packed [t, h, e]
   * @output weights [h, s, t]: with returnWeights alone
   * @nan -infinity in the mask or bias hides a key; a query from which all keys are hidden so gives NaN, one of no keys
   *   at all (t = 0, or packed none in its sequence, or by `causal` and `window`) zeros. A NaN in `query` or `mask`
   *   stays in its row, one in `value` in its column, one in `key` in the rows of those that see it; what `causal` or
   *   `window` hides does not count, unless the weights are asked for.
   * @example
   * const query = tensor([[[0, 0]]]), key = tensor([[[1, 2], [3, 4]]]), value = tensor([[[10], [20]]]);
   * const { data } = await manager.ops.attention(query, key, value); // [15]
   * // Two sequences, of 1 and 2 tokens:
   * const q = tensor([[[0]], [[0]], [[0]]]), v = tensor([[[1]], [[2]], [[4]]]);
   * const offsets = tensor(new Int32Array([0, 1, 3]));
   * const packed = await manager.ops.attention({ query: q, key: q, value: v, offsets }, { causal: true }); // [1, 2, 3]
   */
  attention: {
    inputs: {
      query: InputTensor;
      key: InputTensor;
      value: InputTensor;
      mask?: InputTensor;
      offsets?: InputTensor;
      keyOffsets?: InputTensor;
      bias?: InputTensor;
    };
    params: {
      /** What the scores are multiplied with; 1 / sqrt(d) when left out. */
      scale?: number;
      /**
       * Key c is hidden from query r where c > r + t - s: the queries are the last rows, as with a cache of keys;
       * packed, where c is past its position, r + b - a.
       */
      causal?: boolean;
      /** Gives the weights, too; not packed. */
      returnWeights?: boolean;
      /** Packed: a query sees the last so many keys, its position's among them, and without `causal` as many after. */
      window?: number;
      /**
       * high is float32 at least, fast may round to TF32 or bfloat16, and weights to the halves that values are; left
       * out, the setting `precision` says which.
       */
      precision?: 'high' | 'fast';
      /** Of the outputs; `same`: that of the first floating input. */
      dtype?: 'float32' | 'float16' | 'bfloat16' | 'same';
    };
    outputs: 'output' | 'weights';
  };
}

type Binary = { a: InputTensor; b: InputTensor };
type Unary = { input: InputTensor };
/** The names of the built-in workloads. */
export type WorkloadType = keyof Workloads;
export type RequiredKeys<T> = { [K in keyof T]-?: {} extends Pick<T, K> ? never : K }[keyof T];
type ParamsOf<T extends WorkloadType> = [RequiredKeys<Workloads[T]['params']>] extends [never]
  ? { params?: Workloads[T]['params'] }
  : { params: Workloads[T]['params'] };
/**
 * A call of one: `type`, its name; `inputs` and `params`, as Workloads has them; `id`, for logs and events. `split:
 * true`, of those that docs/api.md says it of, lets a cluster cut it by rows into parts that run on several devices at
 * once, as its `parts` tell afterwards; a context is one device, and runs it whole.
 * @example
 * const workload = { type: 'top-k', inputs: { input: tensor([[1, 9, 5]]) }, params: { k: 2 }, id: 'best' };
 * const { outputs } = await manager.executeWorkload(workload);
 */
export type Workload<T extends WorkloadType = WorkloadType> = T extends WorkloadType
  ? {
      type: T;
      inputs: Workloads[T]['inputs'];
      id?: string;
      split?: T extends SplitName ? boolean : false;
    } & ParamsOf<T>
  : never;

// Every workload of the addon has its types, and no other: else this does not compile.
type Same<A extends B, B> = A;
type _Typed = Same<WorkloadName, WorkloadType> & Same<WorkloadType, WorkloadName>;

/**
 * One step of a graph: `type`, `inputs`, `outputs` and `params` as a workload has them, but inputs and outputs are
 * names. An output that nobody needs may be left out.
 * @example const node = { type: 'normalize', inputs: { input: 'x' }, outputs: { output: 'unit' } };
 */
export type GraphNode = {
  [T in WorkloadType]: {
    type: T;
    inputs: { [K in keyof Workloads[T]['inputs']]: string };
    outputs: { [K in Workloads[T]['outputs']]?: string };
  } & ParamsOf<T>;
}[WorkloadType];
/**
 * Nodes in any order; names lead from the inputs over the nodes to the outputs. Intermediates never leave the device.
 * @example
 * const unit = { type: 'normalize', inputs: { input: 'x' }, outputs: { output: 'unit' } };
 * const best = { type: 'top-k', inputs: { input: 'unit' }, params: { k: 1 }, outputs: { values: 'best' } };
 * const graph = { type: 'graph', inputs: { x: tensor([[3, 4]]) }, nodes: [unit, best], outputs: ['best'] };
 * const { data } = (await manager.executeWorkload(graph)).outputs.best; // [0.8]
 */
export interface GraphWorkload<Output extends string = string> {
  /** Runs as one job. */
  type: 'graph';
  /** By the names that the nodes use. */
  inputs: Record<string, InputTensor>;
  /** The steps. */
  nodes: readonly GraphNode[];
  /** The names that come back. */
  outputs: readonly Output[];
  /** For logs and events; one is made where there is none. */
  id?: string;
}
