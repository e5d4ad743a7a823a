// Small inputs that a workload can be tried with at once: of each its shape, or its numbers where not any will do.

/** @typedef {number[]|{ shape: number[], data: number[], dtype?: string }} Sample a shape: random numbers of it */

/** @param {number[]} data */
const whole = (...data) => ({ shape: [data.length], data });
const kGraph = { rowOffsets: whole(0, 2, 3, 5, 6, 7), columns: whole(1, 2, 2, 0, 3, 4, 0) };
/** timestamp, importance, category, relevance */
const kEvidence = [
  [0.1, 0.9, 0, 0.7],
  [0.3, 0.6, 1, 0.9],
  [0.45, 0.8, 2, 0.5],
  [0.6, 0.4, 0, 0.8],
  [0.8, 0.95, 1, 1],
  [0.95, 0.7, 2, 0.6],
];
/** @param {number[][]} rows */
const inRows = (rows) => ({ shape: [rows.length, rows[0].length], data: rows.flat() });

/** @type {Readonly<Record<string, { inputs: Record<string, Sample>, params?: Record<string, unknown> }>>} */
export const kSamples = {
  attention: { inputs: { query: [2, 4, 8], key: [2, 6, 8], value: [2, 6, 8] }, params: { returnWeights: true } },
  'top-k': { inputs: { input: [2, 12] }, params: { k: 3 } },
  'similarity-search': { inputs: { queries: [2, 8], base: [20, 8] }, params: { k: 3 } },
  matmul: { inputs: { a: [4, 6], b: [6, 5] } },
  activation: { inputs: { input: [2, 8] }, params: { kind: 'gelu' } },
  reduce: { inputs: { input: [3, 8] }, params: { kind: 'mean' } },
  dequantize: {
    inputs: { input: { shape: [2, 4], data: [127, -64, 0, 32, 90, -127, 12, 1], dtype: 'int8' }, scales: [2] },
  },
  'pca-fit': { inputs: { input: [12, 6] }, params: { components: 2 } },
  'pca-transform': { inputs: { input: [4, 6], mean: [6], components: [2, 6] } },
  gather: { inputs: { table: [6, 4], indices: whole(5, 0, 3) } },
  pool: { inputs: { input: [6, 4], offsets: whole(0, 2, 6) }, params: { kind: 'mean' } },
  transpose: { inputs: { input: [3, 5] } },
  slice: { inputs: { input: [4, 6] }, params: { start: [1, 2], size: [2, 3] } },
  cast: { inputs: { input: [2, 6] }, params: { dtype: 'int8' } },
  reshape: { inputs: { input: [4, 6] }, params: { shape: [8, 3] } },
  rope: { inputs: { input: [3, 2, 8], positions: whole(0, 1, 2) } },
  linear: { inputs: { input: [3, 8], weight: [5, 8] } },
  pagerank: { inputs: kGraph },
  'force-layout': { inputs: kGraph },
  'evidence-timeline': { inputs: { evidence: inRows(kEvidence) } },
  'render/attention-heatmap': { inputs: { weights: [8, 8] }, params: { width: 640, height: 360, title: 'weights' } },
  'render/evidence-timeline': {
    inputs: {
      timeline: inRows(kEvidence.map(([at, weight, category, relevance]) => [at, weight, relevance, category])),
    },
    params: { width: 640, height: 360, title: 'evidence', categories: ['a', 'b', 'c'] },
  },
  'render/document-network': {
    inputs: kGraph,
    params: { width: 640, height: 360, title: 'a graph', labels: ['one', 'two', 'three', 'four', 'five'] },
  },
};

/**
 * @param {{ type: string, inputs: { name: string, optional: boolean, dtypes: string[] }[] }} workload
 * @returns {{ inputs: Record<string, Sample>, params: Record<string, unknown> }}
 */
export function sampleOf({ type, inputs }) {
  const known = kSamples[type];
  const needed = inputs.filter(({ optional }) => !optional);
  return {
    inputs: known?.inputs ?? Object.fromEntries(needed.map(({ name }) => [name, [4, 6]])),
    params: known?.params ?? {},
  };
}

/**
 * A sample as the text of a field: JSON.
 * @param {Sample} sample
 * @param {string} dtype the first that the input takes
 */
export function sampleText(sample, dtype) {
  if (!Array.isArray(sample)) return JSON.stringify(dtype === 'float32' ? sample : { dtype, ...sample });
  const count = sample.reduce((product, extent) => product * extent, 1);
  const data = Array.from({ length: count }, () => Math.round(Math.random() * 200 - 100) / 100);
  return JSON.stringify({ shape: sample, data });
}
