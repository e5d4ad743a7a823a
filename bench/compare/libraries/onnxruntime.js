// onnxruntime-node: a model for each workload, CPU provider, its default threads and optimisations.
'use strict';
const { model } = require('../onnx');

const scalar = (x) => ({ shape: [1], data: Float32Array.of(x) });

// Transposed once while preparing: the weight layout onnxruntime packs best.
function transposed(base, n, d) {
  const out = new Float32Array(n * d);
  for (let r = 0; r < n; r++) for (let c = 0; c < d; c++) out[c * n + r] = base[r * d + c];
  return out;
}

// x / 2 (1 + erf(x / sqrt 2)), which onnxruntime makes one kernel of, with the bias.
const gelu = [
  ['Div', ['biased', 'root'], ['scaled']],
  ['Erf', ['scaled'], ['erf']],
  ['Add', ['erf', 'one'], ['more']],
  ['Mul', ['biased', 'more'], ['twice']],
  ['Mul', ['twice', 'half'], ['output']],
];

const codesOf = (weight, scale) => Int8Array.from(weight, (x) => Math.round(x / scale));

// Weights as initializers, transposed: packed once. Both factors are quantized by one scale. Weights have 7 bits, as
// its documentation asks for (reduce_range): of 8 its sums of two products saturate without VNNI, and are wrong.
const kMostCode = 63;
function dynamic(w, data) {
  const scale = data.weight.reduce((most, x) => Math.max(most, Math.abs(x)), 0) / kMostCode;
  return {
    inputs: { input: { shape: [w.n, w.k] } },
    outputs: { output: { shape: [w.n, w.m] } },
    constants: {
      weight: { type: 'int8', shape: [w.k, w.m], data: codesOf(transposed(data.weight, w.m, w.k), scale) },
      weightScale: { shape: [], data: Float32Array.of(scale) },
      zero: { type: 'int8', shape: [], data: Int8Array.of(0) },
      bias: { shape: [w.m], data: data.bias },
    },
    nodes: [
      ['DynamicQuantizeLinear', ['input'], ['codes', 'inputScale', 'inputZero']],
      ['MatMulInteger', ['codes', 'weight', 'inputZero', 'zero'], ['sums']],
      ['Cast', ['sums'], ['floats'], { to: 1 }],
      ['Mul', ['inputScale', 'weightScale'], ['scale']],
      ['Mul', ['floats', 'scale'], ['product']],
      ['Add', ['product', 'bias'], ['output']],
    ],
  };
}

const graphs = {
  linear: (w, data) =>
    w.words === 'int8'
      ? dynamic(w, data)
      : {
          inputs: { input: { shape: [w.n, w.k] } },
          outputs: { output: { shape: [w.n, w.m] } },
          constants: {
            weight: { shape: [w.k, w.m], data: transposed(data.weight, w.m, w.k) },
            ...(w.plain
              ? {}
              : {
                  bias: { shape: [w.m], data: data.bias },
                  root: scalar(Math.SQRT2),
                  one: scalar(1),
                  half: scalar(0.5),
                }),
          },
          nodes: w.plain
            ? [['MatMul', ['input', 'weight'], ['output']]]
            : [['MatMul', ['input', 'weight'], ['product']], ['Add', ['product', 'bias'], ['biased']], ...gelu],
        },
  vector: (w) => ({
    inputs: { a: { shape: [w.n] }, b: { shape: [w.n] } },
    outputs: { output: { shape: [w.n] } },
    nodes: [['Add', ['a', 'b'], ['output']]],
  }),
  normalize: (w) => ({
    inputs: { input: { shape: [w.n, w.d] } },
    outputs: { output: { shape: [w.n, w.d] } },
    nodes: [
      ['ReduceL2', ['input'], ['norm'], { axes: [1], keepdims: 1 }],
      ['Div', ['input', 'norm'], ['output']],
    ],
  }),
  matmul: (w) => {
    const square = { shape: [w.size, w.size] };
    return {
      inputs: { a: square, b: square },
      outputs: { output: square },
      nodes: [['MatMul', ['a', 'b'], ['output']]],
    };
  },
  softmax: (w) => ({
    inputs: { input: { shape: [w.n, w.d] } },
    outputs: { output: { shape: [w.n, w.d] } },
    nodes: [['Softmax', ['input'], ['output'], { axis: 1 }]],
  }),
  attention: (w) => {
    const heads = { shape: [w.h, w.s, w.d] };
    return {
      inputs: { query: heads, key: heads, value: heads },
      outputs: { output: heads },
      constants: { scale: scalar(1 / Math.sqrt(w.d)) },
      nodes: [
        ['Transpose', ['key'], ['keyT'], { perm: [0, 2, 1] }],
        ['MatMul', ['query', 'keyT'], ['raw']],
        ['Mul', ['raw', 'scale'], ['scores']],
        ['Softmax', ['scores'], ['weights'], { axis: 2 }],
        ['MatMul', ['weights', 'value'], ['output']],
      ],
    };
  },
  // The base as an initializer: packed once, the strongest form.
  search: (w, data) => ({
    inputs: { queries: { shape: [w.q, w.d] } },
    outputs: { scores: { shape: [w.q, w.k] }, indices: { type: 'int64', shape: [w.q, w.k] } },
    constants: {
      base: { shape: [w.d, w.n], data: transposed(data.base, w.n, w.d) },
      k: { type: 'int64', shape: [1], data: BigInt64Array.of(BigInt(w.k)) },
    },
    nodes: [
      ['MatMul', ['queries', 'base'], ['all']],
      ['TopK', ['all', 'k'], ['scores', 'indices'], { axis: 1, largest: 1, sorted: 1 }],
    ],
  }),
  pca: (w) => ({
    inputs: { input: { shape: [w.n, w.d] } },
    outputs: { covariance: { shape: [w.d, w.d] }, mean: { shape: [1, w.d] } },
    nodes: [
      ['ReduceMean', ['input'], ['mean'], { axes: [0], keepdims: 1 }],
      ['Sub', ['input', 'mean'], ['centred']],
      ['Gemm', ['centred', 'centred'], ['covariance'], { transA: 1, 'float:alpha': 1 / (w.n - 1) }],
    ],
  }),
  quantize: (w) => ({
    inputs: { input: { shape: [w.n, w.d] } },
    outputs: { output: { type: 'int8', shape: [w.n, w.d] }, scales: { shape: [w.n, 1] } },
    constants: { most: scalar(127) },
    nodes: [
      ['ReduceMax', ['input'], ['high'], { axes: [1], keepdims: 1 }],
      ['ReduceMin', ['input'], ['low'], { axes: [1], keepdims: 1 }],
      ['Neg', ['low'], ['lowAbs']],
      ['Max', ['high', 'lowAbs'], ['largest']],
      ['Div', ['largest', 'most'], ['scales']],
      ['Div', ['most', 'largest'], ['factor']],
      ['Mul', ['input', 'factor'], ['scaled']],
      ['Round', ['scaled'], ['rounded']],
      ['Cast', ['rounded'], ['output'], { to: 3 }],
    ],
  }),
};

async function open() {
  const ort = require('onnxruntime-node');
  return {
    describe: `onnxruntime-node ${require('onnxruntime-node/package.json').version}, CPU, default threads`,
    notes: {
      search: 'base as an initializer, transposed beforehand',
      linear: 'weight as an initializer, transposed beforehand; bfloat16 in float32, the only form it has',
      pca: 'covariance here, eigenvectors by ml-matrix',
    },
    async prepare(w, data) {
      const graph = graphs[w.kind](w, data);
      const session = await ort.InferenceSession.create(model(graph));
      const names = Object.keys(graph.inputs);
      const run = () => {
        const feeds = {};
        for (const name of names) feeds[name] = new ort.Tensor('float32', data[name], graph.inputs[name].shape);
        return session.run(feeds);
      };
      if (w.kind === 'search')
        return async () => {
          const { scores, indices } = await run();
          return { scores: scores.data, indices: Int32Array.from(indices.data, Number) };
        };
      if (w.kind === 'pca') {
        const { principalComponents } = require('../pca');
        return async () => {
          const { covariance, mean } = await run();
          return principalComponents(covariance.data, mean.data, w.d, w.components);
        };
      }
      const outputs = Object.keys(graph.outputs);
      return async () => {
        const results = await run(),
          out = {};
        for (const name of outputs) out[name] = results[name].data;
        return out;
      };
    },
  };
}

module.exports = { open };
