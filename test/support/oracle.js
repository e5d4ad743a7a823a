// Every built-in workload, naively and in double precision: what the devices are compared with.
'use strict';
const sum = (xs) => xs.reduce((a, b) => a + b, 0);
const rowsOf = (x, d) =>
  Array.from({ length: d ? x.length / d : 0 }, (_, r) => Array.from(x.slice(r * d, (r + 1) * d)));
const dot = (a, b) => sum(a.map((x, i) => x * b[i]));
const norm = (a) => Math.sqrt(dot(a, a));

/** Abramowitz and Stegun 7.1.26 is too rough here: the series, and the continued fraction where it converges faster. */
function erf(x) {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  let term = a,
    total = a;
  for (let n = 1; n < 200; ++n) {
    term *= (-a * a) / n;
    total += term / (2 * n + 1);
  }
  return Math.sign(x) * Math.min(1, (2 / Math.sqrt(Math.PI)) * total);
}

const activations = {
  relu: (x) => Math.max(x, 0),
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  silu: (x) => x / (1 + Math.exp(-x)),
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  exp: Math.exp,
};

const reductions = {
  sum,
  mean: (xs) => sum(xs) / xs.length,
  min: (xs) => Math.min(...xs),
  max: (xs) => Math.max(...xs),
  norm,
};

function softmaxRow(row, temperature = 1) {
  const max = Math.max(...row);
  const e = row.map((x) => Math.exp((x - max) / temperature));
  const total = sum(e);
  return e.map((x) => x / total);
}

function layerNormRow(row, gamma, beta, epsilon = 1e-5) {
  const mean = sum(row) / row.length;
  const variance = sum(row.map((x) => (x - mean) ** 2)) / row.length;
  return row.map(
    (x, i) => ((x - mean) / Math.sqrt(variance + epsilon)) * (gamma ? gamma[i] : 1) + (beta ? beta[i] : 0),
  );
}

/** a [m, k] times b [k, n], both as rows. */
const product = (a, b) => a.map((row) => b[0].map((_, j) => sum(row.map((x, i) => x * b[i][j]))));
const transpose = (a) => a[0].map((_, j) => a.map((row) => row[j]));

function attentionHead(query, key, value, { mask, causal = false, scale = 1 / Math.sqrt(query[0].length) }) {
  const scores = query.map((q, r) =>
    key.map((k, c) =>
      causal && c > r + key.length - query.length ? -Infinity : dot(q, k) * scale + (mask ? mask[r][c] : 0),
    ),
  );
  const weights = scores.map((row) => softmaxRow(row));
  return { output: product(weights, value), weights };
}

/** Indices of the best k, ties to the lower index. */
function best(row, k, largest = true) {
  return row
    .map((_, i) => i)
    .sort((i, j) => (largest ? row[j] - row[i] : row[i] - row[j]) || i - j)
    .slice(0, k);
}

const metrics = {
  cosine: (a, b) => (norm(a) && norm(b) ? dot(a, b) / (norm(a) * norm(b)) : 0),
  dot,
  l2: (a, b) => sum(a.map((x, i) => (x - b[i]) ** 2)),
};

function roundHalfEven(v) {
  const floor = Math.floor(v),
    rest = v - floor;
  return rest > 0.5 || (rest === 0.5 && Math.abs(floor % 2) === 1) ? floor + 1 : floor;
}

function quantizeRow(row, levels) {
  const scale = Math.fround(Math.max(...row.map(Math.abs)) / levels);
  return { scale, codes: row.map((x) => (scale ? Math.max(-levels, Math.min(levels, roundHalfEven(x / scale))) : 0)) };
}

/** Eigenvalues and vectors of a symmetric matrix by Jacobi rotations, largest first. */
function eigen(matrix) {
  const n = matrix.length,
    a = matrix.map((row) => [...row]);
  const v = a.map((_, i) => a.map((__, j) => (i === j ? 1 : 0)));
  for (let sweep = 0; sweep < 60; ++sweep)
    for (let p = 0; p < n; ++p)
      for (let q = p + 1; q < n; ++q) {
        if (Math.abs(a[p][q]) < 1e-300) continue;
        const theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
        const t = (Math.sign(theta) || 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        const c = 1 / Math.sqrt(t * t + 1),
          s = t * c;
        for (let k = 0; k < n; ++k) [a[k][p], a[k][q]] = [c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]];
        for (let k = 0; k < n; ++k) [a[p][k], a[q][k]] = [c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]];
        for (let k = 0; k < n; ++k) [v[k][p], v[k][q]] = [c * v[k][p] - s * v[k][q], s * v[k][p] + c * v[k][q]];
      }
  return a.map((_, i) => ({ value: a[i][i], vector: v.map((row) => row[i]) })).sort((x, y) => y.value - x.value);
}

function pca(rows, count) {
  const d = rows[0].length,
    n = rows.length;
  const mean = Array.from({ length: d }, (_, j) => sum(rows.map((row) => row[j])) / n);
  const centered = rows.map((row) => row.map((x, j) => x - mean[j]));
  const covariance = mean.map((_, i) => mean.map((__, j) => sum(centered.map((row) => row[i] * row[j])) / (n - 1)));
  const found = eigen(covariance).slice(0, count);
  const components = found.map(({ vector }) => {
    const most = vector.reduce((m, x) => (Math.abs(x) > Math.abs(m) ? x : m), 0);
    return vector.map((x) => (most < 0 ? -x : x));
  });
  return { mean, components, explainedVariance: found.map(({ value }) => value) };
}

function pagerank(rowOffsets, columns, weights, { damping = 0.85, iterations = 200 } = {}) {
  const n = rowOffsets.length - 1;
  let ranks = new Array(n).fill(1 / n);
  for (let step = 0; step < iterations; ++step) {
    const next = new Array(n).fill(0);
    let dangling = 0;
    for (let i = 0; i < n; ++i) {
      const edges = [];
      for (let e = rowOffsets[i]; e < rowOffsets[i + 1]; ++e) edges.push([columns[e], weights ? weights[e] : 1]);
      const total = sum(edges.map(([, w]) => w));
      if (!total) dangling += ranks[i];
      else for (const [to, w] of edges) next[to] += (ranks[i] * w) / total;
    }
    ranks = next.map((x) => (1 - damping) / n + damping * (x + dangling / n));
  }
  return ranks;
}

module.exports = {
  activations,
  reductions,
  softmaxRow,
  layerNormRow,
  product,
  transpose,
  attentionHead,
  best,
  metrics,
  quantizeRow,
  pca,
  pagerank,
  rowsOf,
  norm,
};
