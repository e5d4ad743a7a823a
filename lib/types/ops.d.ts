// manager.ops: the built-in workloads as functions.
import type { InputTensor, Tensor } from './tensor';
import type { RequiredKeys, WorkloadType, Workloads } from './workloads';
import type { JobOptions } from './cluster';

type CamelCase<S extends string> = S extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : S;
type Maybe = InputTensor | null | undefined;
/** A workload's inputs one after the other. */
type Positional<T extends WorkloadType> = Workloads[T]['inputs'] extends { a: InputTensor; b: InputTensor }
  ? [a: InputTensor, b: InputTensor]
  : T extends 'layer-norm'
    ? | [input: InputTensor, gamma: Maybe, beta: Maybe, residual: Maybe]
      | [input: InputTensor, gamma: Maybe, beta: Maybe]
      | [input: InputTensor, gamma: InputTensor]
      | [input: InputTensor]
    : T extends 'attention'
      ? | [query: InputTensor, key: InputTensor, value: InputTensor, mask: null, offsets: InputTensor, ...more: Maybe[]]
        | [query: InputTensor, key: InputTensor, value: InputTensor, mask: Maybe]
        | [query: InputTensor, key: InputTensor, value: InputTensor]
      : T extends 'pagerank'
        ? | [rowOffsets: InputTensor, columns: InputTensor, weights: Maybe]
          | [rowOffsets: InputTensor, columns: InputTensor]
        : T extends 'force-layout'
          ? | [rowOffsets: InputTensor, columns: InputTensor, weights: Maybe, positions: Maybe]
            | [rowOffsets: InputTensor, columns: InputTensor, weights: Maybe]
            | [rowOffsets: InputTensor, columns: InputTensor]
          : T extends 'similarity-search'
            ? | [queries: InputTensor, base: InputTensor, scales: Maybe, mask: Maybe, rescore: Maybe]
              | [queries: InputTensor, base: InputTensor, scales: Maybe, mask: Maybe]
              | [queries: InputTensor, base: InputTensor, scales: Maybe]
              | [queries: InputTensor, base: InputTensor]
            : T extends 'dequantize'
              ? [input: InputTensor, scales: InputTensor]
              : T extends 'pca-transform'
                ? [input: InputTensor, mean: InputTensor, components: InputTensor]
                : ModelInputs<T>;
type ModelInputs<T extends WorkloadType> = T extends 'gather'
  ? [table: InputTensor, indices: InputTensor, scales: Maybe] | [table: InputTensor, indices: InputTensor]
  : T extends 'pool'
    ? [input: InputTensor, offsets: InputTensor]
    : T extends 'rope'
      ? [input: InputTensor, positions: InputTensor]
      : T extends 'rms-norm'
        ? | [input: InputTensor, gamma: Maybe, residual: Maybe]
          | [input: InputTensor, gamma: InputTensor]
          | [input: InputTensor]
        : T extends 'linear'
          ? | [input: InputTensor, weight: InputTensor, scales: Maybe, bias: Maybe, residual: Maybe]
            | [input: InputTensor, weight: InputTensor, scales: Maybe, bias: Maybe]
            | [input: InputTensor, weight: InputTensor, scales: Maybe]
            | [input: InputTensor, weight: InputTensor]
          : [input: InputTensor];
type OpRest<T extends WorkloadType> = [RequiredKeys<Workloads[T]['params']>] extends [never]
  ? [params?: Workloads[T]['params'], options?: JobOptions]
  : [params: Workloads[T]['params'], options?: JobOptions];
type IsUnion<T, Whole = T> = T extends unknown ? ([Whole] extends [T] ? false : true) : never;
/** The one output of a workload, or all of them by name. */
type OpResult<T extends WorkloadType> = T extends 'attention'
  ? Tensor
  : T extends 'similarity-search'
    ? Record<'scores' | 'indices', Tensor> & { /** Of an int8 or half base. */ bound?: Tensor }
    : IsUnion<Workloads[T]['outputs']> extends true
      ? Record<Workloads[T]['outputs'], Tensor>
      : Tensor;
interface Op<T extends WorkloadType> {
  (...args: [...Positional<T>, ...OpRest<T>]): Promise<OpResult<T>>;
  (inputs: Workloads[T]['inputs'], ...rest: OpRest<T>): Promise<OpResult<T>>;
}
interface AttentionWithWeights {
  (
    query: InputTensor,
    key: InputTensor,
    value: InputTensor,
    params: Workloads['attention']['params'] & { returnWeights: true },
    options?: JobOptions,
  ): Promise<Record<'output' | 'weights', Tensor>>;
  (
    inputs: Workloads['attention']['inputs'],
    params: Workloads['attention']['params'] & { returnWeights: true },
    options?: JobOptions,
  ): Promise<Record<'output' | 'weights', Tensor>>;
}
/**
 * The built-in workloads as functions: tensors in, tensor out (or all outputs by name, where there are several). Inputs
 * come one after the other, or all in one object by name; then `params`, and JobOptions. A name with hyphens is there
 * in both forms: `ops.topK` and `ops['top-k']`.
 * @example
 * const product = await manager.ops.matmul(a, b);
 * const { values } = await manager.ops.topK({ input: product }, { k: 2 }, { timeout: 1000 });
 * @throws {GPUError} as executeWorkload()
 */
export type Ops = {
  readonly [T in WorkloadType as T | CamelCase<T>]: T extends 'attention' ? AttentionWithWeights & Op<T> : Op<T>;
};
