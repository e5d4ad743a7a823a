// The built-in workloads: what each takes and gives.
import type { WorkloadName } from '../generated';
import type { InputTensor } from './tensor';

/** Each workload's inputs, parameters and outputs. */
export interface Workloads {
  /** `a + b`; `b` has the same shape, is a row, or a scalar. */
  add: { inputs: Binary; params: {}; outputs: 'output' };
  /** `a - b`. */
  subtract: { inputs: Binary; params: {}; outputs: 'output' };
  /** `a * b`, element by element. */
  multiply: { inputs: Binary; params: {}; outputs: 'output' };
  /** `a / b`. */
  divide: { inputs: Binary; params: {}; outputs: 'output' };
  /** `input * factor + offset`; 1 and 0 when left out. */
  scale: { inputs: Unary; params: { factor?: number; offset?: number }; outputs: 'output' };
  /** A function of each element. */
  activation: {
    inputs: Unary;
    params: { kind: 'relu' | 'gelu' | 'silu' | 'tanh' | 'sigmoid' | 'exp' };
    outputs: 'output';
  };
  /** One number for each row. */
  reduce: { inputs: Unary; params: { kind: 'sum' | 'mean' | 'min' | 'max' | 'norm' }; outputs: 'output' };
  /** Rows of length 1; `epsilon` (1e-12) keeps short ones from growing without bound. */
  normalize: { inputs: Unary; params: { epsilon?: number }; outputs: 'output' };
  /** Rows that add up to 1, sharper the lower the `temperature` (1). */
  softmax: { inputs: Unary; params: { temperature?: number }; outputs: 'output' };
  /** Rows of mean 0 and variance 1, times `gamma`, plus `beta`. */
  'layer-norm': {
    inputs: { input: InputTensor; gamma?: InputTensor; beta?: InputTensor };
    params: { epsilon?: number };
    outputs: 'output';
  };
  /** The matrix product, of batches too. `fast` may compute with fewer bits. */
  matmul: {
    inputs: Binary;
    params: { transposeA?: boolean; transposeB?: boolean; alpha?: number; precision?: 'high' | 'fast' };
    outputs: 'output';
  };
  /** softmax(query key^T * scale) value; a `mask` is added first. `weights` come with `returnWeights`. */
  attention: {
    inputs: { query: InputTensor; key: InputTensor; value: InputTensor; mask?: InputTensor };
    params: { scale?: number; causal?: boolean; returnWeights?: boolean };
    outputs: 'output' | 'weights';
  };
  /** The `k` largest (or smallest) of each row, and where they are. */
  'top-k': { inputs: Unary; params: { k: number; largest?: boolean }; outputs: 'values' | 'indices' };
  /** The `k` rows of `base` that are nearest to each query. */
  'similarity-search': {
    inputs: { queries: InputTensor; base: InputTensor };
    params: { k: number; metric?: 'cosine' | 'dot' | 'l2' };
    outputs: 'scores' | 'indices';
  };
  /** Rows as whole numbers of 8 or 4 bits, with a scale for each. */
  quantize: { inputs: Unary; params: { bits?: 8 | 4 }; outputs: 'output' | 'scales' };
  /** The reverse of quantize; 4 bits need `columns`, the length of a row. */
  dequantize: {
    inputs: { input: InputTensor; scales: InputTensor };
    params: { bits?: 8 | 4; columns?: number };
    outputs: 'output';
  };
  /** The directions in which the rows differ most. */
  'pca-fit': { inputs: Unary; params: { components: number }; outputs: 'mean' | 'components' | 'explainedVariance' };
  /** The rows in the directions that pca-fit found. */
  'pca-transform': {
    inputs: { input: InputTensor; mean: InputTensor; components: InputTensor };
    params: {};
    outputs: 'output';
  };
  /** The rank of each node of a graph in compressed rows. */
  pagerank: {
    inputs: { rowOffsets: InputTensor; columns: InputTensor; weights?: InputTensor };
    params: { damping?: number; tolerance?: number; maxIterations?: number };
    outputs: 'ranks' | 'iterations' | 'residual';
  };
  /** Places of the nodes of a graph in the plane. */
  'force-layout': {
    inputs: { rowOffsets: InputTensor; columns: InputTensor; weights?: InputTensor; positions?: InputTensor };
    /**
     * `step`: the share of each step taken; `temperature`: the farthest a node goes at first, as a share of the graph's
     * side, cooling over a call's iterations.
     */
    params: {
      iterations?: number;
      step?: number;
      temperature?: number;
      repulsion?: number;
      gravity?: number;
      seed?: number;
    };
    outputs: 'positions' | 'movement';
  };
  /**
   * The weight of each piece of evidence (rows of timestamp, importance, category, relevance) at `currentTime`,
   * decaying with its distance in time.
   */
  'evidence-timeline': {
    inputs: { evidence: InputTensor };
    params: { currentTime?: number; decay?: number };
    outputs: 'timeline';
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
/** A call of one: its name, its inputs, its parameters. */
export type Workload<T extends WorkloadType = WorkloadType> = T extends WorkloadType
  ? { type: T; inputs: Workloads[T]['inputs']; id?: string } & ParamsOf<T>
  : never;

// Every workload of the addon has its types, and no other: else this does not compile.
type Same<A extends B, B> = A;
type _Typed = Same<WorkloadName, WorkloadType> & Same<WorkloadType, WorkloadName>;

/** One step of a graph: inputs and outputs are names. */
export type GraphNode = {
  [T in WorkloadType]: {
    type: T;
    inputs: { [K in keyof Workloads[T]['inputs']]: string };
    outputs: { [K in Workloads[T]['outputs']]?: string };
  } & ParamsOf<T>;
}[WorkloadType];
/**
 * Nodes in any order; names lead from the inputs over the nodes to the outputs. Intermediates never leave the device.
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
