// What people use for one workload alone: usearch, ml-pca, and a plain loop.
'use strict';
const fs = require('node:fs');
const path = require('node:path');

const plain = {
  vector:
    (w, { a, b }) =>
    () => {
      const output = new Float32Array(w.n);
      for (let i = 0; i < w.n; i++) output[i] = a[i] + b[i];
      return { output };
    },
  normalize:
    (w, { input }) =>
    () => {
      const output = new Float32Array(input.length);
      for (let start = 0; start < input.length; start += w.d) {
        let sum = 0;
        for (let i = start; i < start + w.d; i++) sum += input[i] * input[i];
        const factor = 1 / Math.max(Math.sqrt(sum), 1e-12);
        for (let i = start; i < start + w.d; i++) output[i] = input[i] * factor;
      }
      return { output };
    },
};

function search(w, { queries, base }) {
  const { exactSearch, MetricKind } = require('usearch');
  return () => {
    const found = exactSearch(base, queries, w.d, w.k, MetricKind.IP, 0);
    const keys = found.keys,
      distances = found.distances;
    return { scores: Float32Array.from(distances, (x) => 1 - x), indices: Int32Array.from(keys, Number) };
  };
}

function pca(w, { input }) {
  const { PCA } = require('ml-pca'),
    { flatten } = require('../pca');
  return () => {
    const rows = Array.from({ length: w.n }, (_, r) => Array.from(input.subarray(r * w.d, (r + 1) * w.d)));
    const fitted = new PCA(rows, { method: 'SVD', center: true, scale: false });
    const loadings = fitted.getLoadings().to2DArray().slice(0, w.components);
    return {
      mean: Float32Array.from(fitted.toJSON().means),
      components: flatten(loadings, w.d),
      explainedVariance: Float32Array.from(fitted.getEigenvalues().slice(0, w.components)),
    };
  };
}

// Not through require: not every package exports its package.json.
const version = (name) =>
  JSON.parse(fs.readFileSync(path.join(__dirname, '../../node_modules', name, 'package.json'))).version;

const recipes = { ...plain, search, pca };

async function open() {
  return {
    describe: `usearch ${version('usearch')}, ml-pca ${version('ml-pca')}, plain JavaScript`,
    notes: { search: 'usearch exactSearch, all threads', pca: 'ml-pca', vector: 'plain loop', normalize: 'plain loop' },
    // null: nothing of this kind is in use for the workload.
    prepare: async (w, data) => recipes[w.kind]?.(w, data) ?? null,
  };
}

module.exports = { open };
