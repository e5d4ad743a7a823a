// Workloads that nobody can run: what is wrong, the workload, the code of its error, what the message must have.
'use strict';
const { gpu, matrix } = require('./random-data');

const { tensor } = gpu;
const f32 = (n, fill = 1) => new Float32Array(n).fill(fill);
const detached = () => {
  const array = f32(4);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
};
const add = (a, b, more = {}) => ({ type: 'add', inputs: { a, b }, ...more });
const normalize = (input, params) => ({ type: 'normalize', inputs: { input }, params });
const matmul = (a, b) => ({ type: 'matmul', inputs: { a, b } });
const topK = (params, input = matrix(2, 5)) => ({ type: 'top-k', inputs: { input }, params });
const INVALID = 'ERR_INVALID_ARGUMENT';

// what, workload, code, what the message must have
const table = [
  ['no workload', undefined, INVALID, /workload is undefined/],
  ['a workload that is a string', 'add', INVALID, /workload is 'add'/],
  ['no type', { inputs: {} }, INVALID, /type is undefined.*matmul/],
  [
    'an unknown workload',
    { type: 'normalise', inputs: {} },
    'ERR_UNKNOWN_WORKLOAD',
    /'normalise' \(did you mean 'normalize'\?\)/,
  ],
  ['a workload far from any', { type: 'fourier', inputs: {} }, 'ERR_UNKNOWN_WORKLOAD', /'fourier' \(there are: add, /],
  ['a workload named like a method', { type: 'constructor', inputs: {} }, 'ERR_UNKNOWN_WORKLOAD', /'constructor'/],
  ['a workload of another spelling', { type: 'topK', inputs: {} }, 'ERR_UNKNOWN_WORKLOAD', /did you mean 'top-k'/],
  [
    'an unknown key',
    { type: 'add', input: {} },
    INVALID,
    /unknown key of the workload 'add' 'input' \(did you mean 'inputs'/,
  ],
  [
    'a parameter at the top level',
    { type: 'top-k', inputs: { input: matrix(2, 5) }, k: 2 },
    INVALID,
    /'k' is a parameter: write it as params: \{ k/,
  ],
  [
    'the result of a job as an input',
    { type: 'softmax', inputs: { input: { outputs: { output: { data: f32(2) } }, timings: {} } } },
    INVALID,
    /softmax: input 'input' is a job's result: give one of its tensors, result\.outputs\.output$/,
  ],
  ['an id that is a number', add(f32(2), f32(2), { id: 5 }), INVALID, /id is 5/],
  [
    'an unknown parameter',
    normalize(matrix(2, 2), { epsilom: 1 }),
    INVALID,
    /normalize: unknown parameter 'epsilom' \(did you mean 'epsilon'/,
  ],
  [
    'a parameter that it has not',
    add(f32(2), f32(2), { params: { x: 1 } }),
    INVALID,
    /unknown parameter 'x' \(there is: dtype\)/,
  ],
  ['params that are a number', normalize(matrix(2, 2), 5), INVALID, /params is 5/],
  ['a NaN parameter', normalize(matrix(2, 2), { epsilon: NaN }), INVALID, /parameter 'epsilon' is NaN/],
  ['an infinite parameter', normalize(matrix(2, 2), { epsilon: Infinity }), INVALID, /epsilon/],
  ['a parameter that is a string', normalize(matrix(2, 2), { epsilon: '1' }), INVALID, /parameter 'epsilon' is '1'/],
  [
    'a boolean that is a number',
    { ...matmul(matrix(2, 2), matrix(2, 2)), params: { transposeA: 1 } },
    INVALID,
    /'transposeA' is 1, but must be true or false/,
  ],
  [
    'a wrong choice',
    { type: 'activation', inputs: { input: f32(2) }, params: { kind: 'Relu' } },
    INVALID,
    /'kind' is 'Relu', but must be 'relu' or .*did you mean 'relu'/,
  ],
  ['a missing required parameter', topK({}), INVALID, /top-k: parameter 'k' is required/],
  ['k over n', topK({ k: 6 }), INVALID, /top-k.*\b6\b.*\b5\b/],
  ['k of zero', topK({ k: 0 }), INVALID, /'k' is 0/],
  ['a negative k', topK({ k: -1 }), INVALID, /'k' is -1/],
  ['half a k', topK({ k: 1.5 }), INVALID, /'k' is 1.5, but must be a whole number/],
  [
    'k over the base',
    { type: 'similarity-search', inputs: { queries: matrix(1, 4), base: matrix(3, 4) }, params: { k: 4 } },
    INVALID,
    /similarity-search.*\b4\b.*\b3\b/,
  ],
  [
    'more components than columns',
    { type: 'pca-fit', inputs: { input: matrix(9, 3) }, params: { components: 4 } },
    INVALID,
    /components/,
  ],
  [
    'an odd number of bits',
    { type: 'quantize', inputs: { input: matrix(2, 2) }, params: { bits: 5 } },
    INVALID,
    /bits/,
  ],
  ['no inputs', { type: 'add' }, INVALID, /add: inputs is undefined, but must be an object with 'a', 'b'/],
  ['a missing input', { type: 'add', inputs: { a: f32(2) } }, INVALID, /input 'b' is missing/],
  [
    'an unknown input',
    { type: 'normalize', inputs: { input: matrix(2, 2), gamma: f32(2) } },
    INVALID,
    /unknown input 'gamma' \(there is: input\)/,
  ],
  [
    'a misspelt input',
    { type: 'normalize', inputs: { inptu: matrix(2, 2) } },
    INVALID,
    /unknown input 'inptu' \(did you mean 'input'/,
  ],
  ['an input that is a string', add('abc', f32(2)), INVALID, /input 'a' is 'abc'/],
  ['an input that is a number', add(3, f32(1)), INVALID, /input 'a' is 3/],
  ['a plain array', add([1, 2], f32(2)), INVALID, /input 'a' is a plain array: make a tensor/],
  [
    'a tensor of a plain array',
    add({ data: [1, 2], shape: [2] }, f32(2)),
    INVALID,
    /data of input 'a' is a plain array/,
  ],
  ['Float64Array', add(new Float64Array(2), f32(2)), INVALID, /Float64Array.*Float32Array\.from/],
  ['BigInt64Array', add(new BigInt64Array(2), f32(2)), INVALID, /BigInt64Array.*64-bit/],
  ['Int16Array', add(new Int16Array(2), f32(2)), INVALID, /Int16Array/],
  ['DataView', add(new DataView(new ArrayBuffer(8)), f32(2)), INVALID, /DataView/],
  ['ArrayBuffer', add(new ArrayBuffer(8), f32(2)), INVALID, /ArrayBuffer: make a typed array/],
  [
    'a dtype the workload does not take',
    add(new Int32Array(2), new Int32Array(2)),
    INVALID,
    /input 'a' is int32, but must be float32 or float16/,
  ],
  [
    "a dtype that is not the data's",
    add({ data: f32(2), shape: [2], dtype: 'int32' }, f32(2)),
    INVALID,
    /dtype 'int32', but its data is a Float32Array/,
  ],
  [
    'an unknown dtype',
    add({ data: f32(2), shape: [2], dtype: 'float23' }, f32(2)),
    INVALID,
    /dtype 'float23' \(did you mean 'float32'/,
  ],
  [
    'a wrong rank',
    normalize(tensor(f32(4), [4])),
    INVALID,
    /normalize: input 'input' must have 2 axes, but its shape is \[4\]/,
  ],
  ['nine axes', add({ data: f32(1), shape: new Array(9).fill(1) }, f32(1)), INVALID, /9 axes, but can have at most 8/],
  [
    'a wrong length',
    add({ data: f32(5), shape: [2, 3] }, f32(6)),
    INVALID,
    /shape \[2, 3\], which takes 6 elements, but its data has 5/,
  ],
  ['a shape that is a number', add({ data: f32(5), shape: 5 }, f32(5)), INVALID, /shape 5/],
  ['NaN in a shape', add({ data: f32(2), shape: [NaN] }, f32(2)), INVALID, /axis 0 is NaN/],
  ['a negative extent', add({ data: f32(2), shape: [-2] }, f32(2)), INVALID, /axis 0 is -2/],
  ['a fractional extent', add({ data: f32(3), shape: [1.5, 2] }, f32(3)), INVALID, /axis 0 is 1.5/],
  ['a string in a shape', add({ data: f32(2), shape: ['2'] }, f32(2)), INVALID, /axis 0 is '2'/],
  [
    'sizes whose product overflows',
    add({ data: f32(2), shape: [2 ** 32, 2 ** 32] }, f32(2)),
    INVALID,
    /4294967296.*more elements than can be counted/,
  ],
  ['an extent past 2^53', add({ data: f32(0), shape: [2 ** 60, 0] }, f32(2)), INVALID, /axis 0/],
  [
    'shapes that do not fit',
    add(matrix(2, 3), matrix(3, 2)),
    INVALID,
    /add: the shape of 'b' is \[3, 2\], but must be that of 'a', \[2, 3\]/,
  ],
  ['inner sizes that differ', matmul(matrix(2, 3), matrix(4, 2)), INVALID, /matmul.*\b3\b.*\b4\b/],
  [
    'a product too large to exist',
    matmul({ data: f32(0), shape: [2 ** 30, 0] }, { data: f32(0), shape: [0, 2 ** 30] }),
    /ERR_(INVALID_ARGUMENT|OUT_OF_MEMORY)/,
    /./,
  ],
  [
    'no column to reduce by min',
    { type: 'reduce', inputs: { input: tensor(f32(0), [2, 0]) }, params: { kind: 'min' } },
    INVALID,
    /reduce/,
  ],
  ['a detached array', () => add(detached(), f32(4)), INVALID, /input 'a' is detached/],
  [
    'a detached array with a shape',
    () => add({ data: detached(), shape: [4] }, f32(4)),
    INVALID,
    /input 'a' is detached/,
  ],
  [
    'a shared array',
    add(new Float32Array(new SharedArrayBuffer(8)), f32(2)),
    INVALID,
    /'a' lies in a SharedArrayBuffer.*slice/,
  ],
  [
    'an array in a resizable buffer',
    add(new Float32Array(new ArrayBuffer(8, { maxByteLength: 64 })), f32(2)),
    INVALID,
    /'a' lies in a resizable ArrayBuffer/,
  ],
  [
    'offsets that go backwards',
    { type: 'pagerank', inputs: { rowOffsets: Int32Array.from([0, 2, 1]), columns: Int32Array.from([0]) } },
    INVALID,
    /pagerank/,
  ],
  [
    'a link to a node that is not there',
    { type: 'pagerank', inputs: { rowOffsets: Int32Array.from([0, 1, 1]), columns: Int32Array.from([7]) } },
    INVALID,
    /pagerank.*\b7\b/,
  ],
];

module.exports = { table, f32, add, topK, INVALID };
