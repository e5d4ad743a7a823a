// tfjs with its WebAssembly backend: SIMD; its threaded build needs browser workers and does not start in Node.
'use strict';
const path = require('node:path');

async function open() {
  const tf = require('@tensorflow/tfjs-core'),
    wasm = require('@tensorflow/tfjs-backend-wasm');
  wasm.setWasmPaths(
    path.join(path.dirname(require.resolve('@tensorflow/tfjs-backend-wasm/package.json')), 'wasm-out', path.sep),
  );
  await tf.setBackend('wasm');
  await tf.ready();
  const simd = await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT'),
    threads = await tf.env().getAsync('WASM_HAS_MULTITHREAD_SUPPORT');
  // Host data in, host data out: tensors made from arrays and read back each time, the rest freed by tidy.
  const compute = (body) => async () => {
    const tensors = tf.tidy(body),
      out = {};
    for (const [name, tensor] of Object.entries(tensors)) {
      out[name] = await tensor.data();
      tensor.dispose();
    }
    return out;
  };
  const recipes = {
    vector: (w, { a, b }) => compute(() => ({ output: tf.add(tf.tensor1d(a), tf.tensor1d(b)) })),
    normalize: (w, { input }) =>
      compute(() => {
        const x = tf.tensor2d(input, [w.n, w.d]);
        return { output: tf.div(x, tf.sqrt(tf.sum(tf.square(x), 1, true))) };
      }),
    matmul: (w, { a, b }) =>
      compute(() => ({ output: tf.matMul(tf.tensor2d(a, [w.size, w.size]), tf.tensor2d(b, [w.size, w.size])) })),
    softmax: (w, { input }) => compute(() => ({ output: tf.softmax(tf.tensor2d(input, [w.n, w.d])) })),
    attention: (w, { query, key, value }) =>
      compute(() => {
        const shape = [w.h, w.s, w.d];
        const scores = tf.mul(
          tf.matMul(tf.tensor3d(query, shape), tf.tensor3d(key, shape), false, true),
          tf.scalar(1 / Math.sqrt(w.d)),
        );
        return { output: tf.matMul(tf.softmax(scores), tf.tensor3d(value, shape)) };
      }),
    search: (w, { queries, base }) => {
      const kept = tf.tidy(() => tf.transpose(tf.tensor2d(base, [w.n, w.d])));
      return compute(() => {
        const { values, indices } = tf.topk(tf.matMul(tf.tensor2d(queries, [w.q, w.d]), kept), w.k);
        return { scores: values, indices };
      });
    },
    pca: (w, { input }) => {
      const { principalComponents } = require('../pca');
      const covariance = compute(() => {
        const x = tf.tensor2d(input, [w.n, w.d]),
          mean = tf.mean(x, 0, true),
          centred = tf.sub(x, mean);
        return { covariance: tf.mul(tf.matMul(centred, centred, true, false), tf.scalar(1 / (w.n - 1))), mean };
      });
      return async () => {
        const { covariance: c, mean } = await covariance();
        return principalComponents(c, mean, w.d, w.components);
      };
    },
    quantize: (w, { input }) => {
      const codes = compute(() => {
        const x = tf.tensor2d(input, [w.n, w.d]),
          largest = tf.max(tf.abs(x), 1, true);
        return {
          output: tf.cast(tf.round(tf.mul(x, tf.div(tf.scalar(127), largest))), 'int32'),
          scales: tf.div(largest, tf.scalar(127)),
        };
      });
      return async () => {
        const { output, scales } = await codes();
        return { output: Int8Array.from(output), scales };
      };
    },
  };
  return {
    describe:
      `tfjs ${tf.version_core}, WebAssembly${simd ? ' SIMD' : ''}, ` +
      `${threads ? `${wasm.getThreadsCount()} threads` : 'one thread'}`,
    notes: {
      search: 'base kept as a tensor',
      pca: 'covariance here, eigenvectors by ml-matrix',
      quantize: 'no int8 type: narrowed in JavaScript',
    },
    prepare: async (w, data) => recipes[w.kind]?.(w, data) ?? null,
  };
}

module.exports = { open };
