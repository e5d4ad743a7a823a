// The built-in workloads that find something out: the best, the nearest, what rows have in common, places in a graph.
import type { ModelWorkloads } from './models';
import type { InputTensor } from './tensor';

/** Those of them: a part of Workloads, as are those of models. */
export interface AnalysisWorkloads extends ModelWorkloads {
  /**
   * The `k` largest (or smallest) of each row, best first, and where they are; of equal ones the lower index first, -0
   * as +0.
   * @input input [n, d]
   * @output values [n, k]
   * @output indices int32 [n, k]
   * @nan NaN comes last, whether the largest are wanted or the smallest.
   * @example
   * const { values, indices } = await manager.ops.topK(tensor([[1, 9, 5]]), { k: 2 });
   * const data = [...values.data, ...indices.data]; // [9, 5, 1, 2]
   */
  'top-k': {
    inputs: Unary;
    params: {
      /** How many: at most d. */
      k: number;
      /** false: the smallest. */
      largest?: boolean;
      /** Of the values; `same`: that of the first floating input. */
      dtype?: 'float32' | 'float16' | 'bfloat16' | 'same';
    };
    outputs: 'values' | 'indices';
  };
  /**
   * The `k` rows of `base` that are nearest to each query, nearest first; of equal ones the lower index first. Rows of
   * an int8 base are `scales` times its codes, as `quantize` makes both; scores are in float32 whatever the base is.
   *
   * `bound` says how much better than the last score that was returned the exact score of any other row can be: that of
   * the float32 rows which an int8 or half base was made of, each rounded to the nearest. It is the worst that rounding
   * can have done to a row that may be found: of int8 half a scale an element, of half precision half a unit in the
   * last place, u = 2^-11 (bfloat16 2^-8) of it. A product is off by at most the sum of the query's magnitudes times
   * that (of halves its length times u and the longest row's length); a distance D is at least
   * max(0, sqrt(D) - |e|)^2, |e| the length of the worst row's error; a cosine is that of an angle smaller by at most
   * asin(|e| / |row|). The roundings of sums in float32 are in it. With `rescore` the scores of the best
   * max(2k, k + 32) rows by `base` are exact, the best k of those are returned, and `bound` is what is left for the
   * other rows: 0 proves that a search of exact rows would find nothing better. Where every row that may be found was
   * returned it is 0, where nothing can be said Infinity. A row of zeros counts as one that was zeros.
   * @input queries [q, d]
   * @input base [n, d]: floating, or int8 with `scales`
   * @input scales [n]: of an int8 base, which needs them
   * @input mask [ceil(n / 8)]: bit i of byte i / 8, the lowest first, lets row i be found; the others are not read.
   *   Where fewer than k are left, the rest of an answer has the index -1 and the score NaN.
   * @input rescore [n, d]: the float32 rows that an int8 or half base was made of, for exact scores of the best
   * @output scores float32 [q, k]
   * @output indices int32 [q, k]
   * @output bound float32 [q]: of a base of int8 or half precision alone
   * @nan A score that is NaN comes last, before what a mask leaves over. The cosine with a vector of zeros is 0; else
   *   that with a row that holds NaN or an infinity is NaN.
   * @example
   * const base = tensor([[0, 1], [2, 0]]);
   * const { scores, indices } = await manager.ops.similaritySearch(tensor([[1, 0]]), base, { k: 1 });
   * const data = [...scores.data, ...indices.data]; // [1, 1]
   */
  'similarity-search': {
    inputs: {
      queries: InputTensor;
      base: InputTensor;
      scales?: InputTensor;
      mask?: InputTensor;
      rescore?: InputTensor;
    };
    params: {
      /** How many: at most n. */
      k: number;
      /** l2 is the squared distance, the smallest first; the others are products, the largest first. */
      metric?: 'cosine' | 'dot' | 'l2';
      /**
       * fast may look for the rows of a float32 base with factors rounded to 16 bits, and so miss one that is nearer by
       * less than that; scores are those of `high`. Left out, the setting `precision` says which.
       */
      precision?: 'high' | 'fast';
    };
    outputs: 'scores' | 'indices' | 'bound';
  };
  /**
   * Rows as whole numbers of 8 bits (-127 to 127) or 4 bits (-7 to 7, two's complement), with a scale for each row:
   * its largest magnitude over 127 or 7. Halves are rounded to even.
   * @input input [n, d]
   * @output output int8 [n, d]; of 4 bits uint8 [n, ceil(d / 2)], the low half first
   * @output scales float32 [n]
   * @nan A row that holds NaN has the scale NaN, one with an infinity the scale infinity, one of zeros the scale 0:
   *   all their codes are 0.
   * @example
   * const { output, scales } = await manager.ops.quantize(tensor([[1, -127]]));
   * const data = [...output.data, ...scales.data]; // [1, -127, 1]
   */
  quantize: {
    inputs: Unary;
    params: {
      /** How many. */
      bits?: 8 | 4;
    };
    outputs: 'output' | 'scales';
  };
  /**
   * The reverse of quantize: codes times their row's scale.
   * @input input [n, d]; of 4 bits uint8 [n, ceil(d / 2)]
   * @input scales [n]
   * @output output float32 [n, d]
   * @nan IEEE 754: the scale NaN gives NaN, the scale infinity NaN for the code 0.
   * @example
   * const { data } = await manager.ops.dequantize(tensor([[1, -127]], undefined, 'int8'), tensor([2])); // [2, -254]
   */
  dequantize: {
    inputs: { input: InputTensor; scales: InputTensor };
    params: {
      /** How many. */
      bits?: 8 | 4;
      /** The length of a row, which 4 bits leave open: the even one when left out. */
      columns?: number;
    };
    outputs: 'output';
  };
  /**
   * The directions in which the rows differ most, the first one most: of length 1, their entry of the largest
   * magnitude positive. Variances are over n - 1.
   * @input input [n, d], n at least 2; n or d at most 32768
   * @output mean float32 [d]
   * @output components float32 [c, d]
   * @output explainedVariance float32 [c]
   * @nan NaN, infinities, and values whose variance is past float32 are refused: ERR_INVALID_ARGUMENT.
   * @example
   * const { mean, components } = await manager.ops.pcaFit(tensor([[0, 1], [3, 5]]), { components: 1 });
   * const data = [...mean.data, ...components.data]; // [1.5, 3, 0.6, 0.8]
   */
  'pca-fit': {
    inputs: Unary;
    params: {
      /** How many: at most the smaller of n and d. */
      components: number;
      /** high is float32 throughout, fast may round to TF32; left out, the setting `precision` says which. */
      precision?: 'high' | 'fast';
    };
    outputs: 'mean' | 'components' | 'explainedVariance';
  };
  /**
   * The rows in the directions that pca-fit found: `(input - mean) components^T`.
   * @input input [n, d]
   * @input mean [d]
   * @input components [c, d]
   * @output output [n, c]
   * @nan A NaN in `input` stays in its row.
   * @example
   * const { data } = await manager.ops.pcaTransform(tensor([[3, 5]]), tensor([1.5, 3]), tensor([[0.6, 0.8]])); // [2.5]
   */
  'pca-transform': {
    inputs: { input: InputTensor; mean: InputTensor; components: InputTensor };
    params: {
      /** high is float32 throughout, fast may round to TF32; left out, the setting `precision` says which. */
      precision?: 'high' | 'fast';
      /** Of the output; `same`: that of the first floating input. */
      dtype?: 'float32' | 'float16' | 'bfloat16' | 'same';
    };
    outputs: 'output';
  };
  /**
   * The rank of each node of a graph in compressed rows: row i lists the nodes that node i points at. Weights count by
   * their share of a row, an edge that is there twice adds up, a node that points nowhere spreads its rank evenly. To
   * run out of iterations is no error.
   * @input rowOffsets [n + 1]
   * @input columns [m]
   * @input weights [m]: 1 when left out
   * @output ranks float32 [n]: they add up to 1
   * @output iterations int32 [1]
   * @output residual float32 [1]: what the last one changed
   * @nan A weight that is NaN, infinite or negative is refused: ERR_INVALID_ARGUMENT.
   * @example
   * const rowOffsets = tensor([0, 1, 2], undefined, 'int32'), columns = tensor([1, 0], undefined, 'int32');
   * const { ranks } = await manager.ops.pagerank(rowOffsets, columns);
   * const { data } = ranks; // [0.5, 0.5]
   */
  pagerank: {
    inputs: { rowOffsets: InputTensor; columns: InputTensor; weights?: InputTensor };
    params: {
      /** How much of a rank goes on along the edges. */
      damping?: number;
      /** Ends when an iteration changes the ranks by less, summed up. */
      tolerance?: number;
      /** Ends in any case. */
      maxIterations?: number;
    };
    outputs: 'ranks' | 'iterations' | 'residual';
  };
  /**
   * Places of the nodes of a graph in the plane: all push each other away, edges pull, after ForceAtlas2. Given the
   * positions of an earlier call, it goes on from there.
   * @input rowOffsets [n + 1]
   * @input columns [m]
   * @input weights [m]: 1 when left out
   * @input positions [n, 2]: where to begin; spread out by `seed` when left out
   * @output positions float32 [n, 2]
   * @output movement float32 [1]: how far nodes went in the last step, as a mean
   * @nan A weight that is NaN, infinite or negative, and a position that is NaN or past 1e15, are refused:
   *   ERR_INVALID_ARGUMENT.
   * @example
   * const rowOffsets = tensor([0, 1, 2], undefined, 'int32'), columns = tensor([1, 0], undefined, 'int32');
   * const { positions } = await manager.ops.forceLayout({ rowOffsets, columns }, { iterations: 100 });
   * const data = positions.shape; // [2, 2]
   */
  'force-layout': {
    inputs: { rowOffsets: InputTensor; columns: InputTensor; weights?: InputTensor; positions?: InputTensor };
    params: {
      /** Steps of this call. */
      iterations?: number;
      /** The share of each step taken. */
      step?: number;
      /** The farthest a node goes at first, as a share of the graph's side, cooling over a call's iterations. */
      temperature?: number;
      /** How strongly nodes push each other away. */
      repulsion?: number;
      /** How strongly the middle pulls. */
      gravity?: number;
      /** Of the places to begin with. */
      seed?: number;
    };
    outputs: 'positions' | 'movement';
  };
  /**
   * The weight of each piece of evidence at a moment, decaying with its distance in time: timestamp, `importance *
   * exp(-decay * |currentTime - timestamp|)`, relevance, category.
   * @input evidence [n, 4]: timestamp, importance, category, relevance
   * @output timeline [n, 4]
   * @nan IEEE 754: a NaN in a timestamp or an importance makes that weight NaN, and stays in its row.
   * @example
   * const { data } = await manager.ops.evidenceTimeline(tensor([[1, 0.5, 7, 0.9]])); // [1, 0.5, 0.9, 7]
   */
  'evidence-timeline': {
    inputs: { evidence: InputTensor };
    params: {
      /** The moment. */
      currentTime?: number;
      /** How fast weights fall. */
      decay?: number;
      /** Of the output; `same`: that of the first floating input. */
      dtype?: 'float32' | 'float16' | 'bfloat16' | 'same';
    };
    outputs: 'timeline';
  };
}

type Unary = { input: InputTensor };
