// The workloads every library computes: one definition, one seeded set of input data, one way to compare two results.
'use strict';

// xorshift32: the same numbers in every process.
function random(seed) {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 4294967296;
  };
}

function uniform(count, seed) {
  const next = random(seed),
    values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = next() * 2 - 1;
  return values;
}

function unitRows(n, d, seed) {
  const values = uniform(n * d, seed);
  for (let row = 0; row < n; row++) {
    let sum = 0;
    for (let i = row * d; i < (row + 1) * d; i++) sum += values[i] * values[i];
    const factor = 1 / Math.sqrt(sum);
    for (let i = row * d; i < (row + 1) * d; i++) values[i] *= factor;
  }
  return values;
}

// Columns of falling spread, mixed with their neighbours: eigenvalues far enough apart for components to be comparable.
function spectrum(n, d, seed) {
  const values = uniform(n * d, seed);
  for (let row = 0; row < n; row++) {
    let previous = 0;
    for (let c = 0; c < d; c++) {
      const i = row * d + c,
        own = values[i] * 10 * 0.96 ** c;
      values[i] = own + 0.2 * previous + 0.5;
      previous = own;
    }
  }
  return values;
}

const workloads = [
  {
    name: 'vector',
    title: '1K-element vector, one by one',
    kind: 'vector',
    n: 1024,
    inFlight: 100,
    seconds: 0.5,
    data: (w) => ({ a: uniform(w.n, 1), b: uniform(w.n, 2) }),
  },
  {
    name: 'normalize',
    title: 'normalize 10,000 x 384',
    kind: 'normalize',
    n: 10_000,
    d: 384,
    data: (w) => ({ input: uniform(w.n * w.d, 3) }),
  },
  ...[64, 256, 1024].map((size) => ({
    name: `matmul-${size}`,
    title: `matmul ${size}`,
    kind: 'matmul',
    size,
    tolerance: 1e-3,
    blocking: size === 1024,
    data: (w) => ({ a: uniform(w.size ** 2, 4), b: uniform(w.size ** 2, 5) }),
  })),
  // The layers of a model. int8 is rounded otherwise by each library: by rows of 8 bits here, by tensors in
  // onnxruntime, weights to 7; the outputs have a standard deviation of 6.5.
  ...[
    { name: 'linear', title: 'bias and gelu' },
    { name: 'linear-bfloat16', title: 'bias and gelu, bfloat16', words: 'bfloat16', tolerance: 0.2 },
    { name: 'linear-int8', title: 'int8 by int8, bias', words: 'int8', tolerance: 0.6 },
    { name: 'linear-plain', title: 'nothing else', n: 1024 },
  ].map(({ name, title, words = 'float32', n = 4096, tolerance = 1e-3 }) => ({
    name,
    title: `linear ${n} x 384 to 1536, ${title}`,
    kind: 'linear',
    words,
    plain: name === 'linear-plain',
    n,
    k: 384,
    m: 1536,
    tolerance,
    data: (w) => ({ input: uniform(w.n * w.k, 14), weight: uniform(w.m * w.k, 15), bias: uniform(w.m, 16) }),
  })),
  {
    name: 'softmax',
    title: 'softmax 1024 x 1024',
    kind: 'softmax',
    n: 1024,
    d: 1024,
    data: (w) => ({ input: uniform(w.n * w.d, 6).map((x) => x * 5) }),
  },
  {
    name: 'attention',
    title: 'attention 8 x 512 x 64',
    kind: 'attention',
    h: 8,
    s: 512,
    d: 64,
    tolerance: 1e-3,
    data: (w) => ({
      query: uniform(w.h * w.s * w.d, 7),
      key: uniform(w.h * w.s * w.d, 8),
      value: uniform(w.h * w.s * w.d, 9),
    }),
  },
  ...[1, 64].map((q) => ({
    name: `top10-${q}`,
    title: `top 10 of 100,000 x 384, ${q} ${q === 1 ? 'query' : 'queries'}`,
    kind: 'search',
    q,
    n: 100_000,
    d: 384,
    k: 10,
    data: (w) => ({ queries: unitRows(w.q, w.d, 10), base: unitRows(w.n, w.d, 11) }),
  })),
  {
    name: 'pca',
    title: 'PCA 10,000 x 256 to 64',
    kind: 'pca',
    n: 10_000,
    d: 256,
    components: 64,
    tolerance: 2e-3,
    data: (w) => ({ input: spectrum(w.n, w.d, 12) }),
  },
  {
    name: 'quantize',
    title: 'quantize 10,000 x 384',
    kind: 'quantize',
    n: 10_000,
    d: 384,
    data: (w) => ({ input: uniform(w.n * w.d, 13) }),
  },
];

// The largest difference, relative to the reference's size where that is over 1.
function difference(got, want) {
  if (got.length !== want.length) return Infinity;
  let worst = 0;
  for (let i = 0; i < want.length; i++) {
    const delta = Math.abs(got[i] - want[i]) / Math.max(1, Math.abs(want[i]));
    if (!(delta <= worst)) worst = delta;
    if (Number.isNaN(delta)) return Infinity;
  }
  return worst;
}

// Entries that are not the same, as a share.
function mismatches(got, want, allowed) {
  if (got.length !== want.length) return 1;
  let count = 0;
  for (let i = 0; i < want.length; i++) if (!(Math.abs(got[i] - want[i]) <= allowed)) count++;
  return count / Math.max(1, want.length);
}

// null when two results agree, else what differs.
function disagreement(workload, got, want) {
  const tolerance = workload.tolerance ?? 1e-4,
    found = [];
  const close = (name, limit = tolerance) => {
    const delta = difference(got[name], want[name]);
    if (!(delta <= limit)) found.push(`${name} differs by ${delta.toPrecision(3)}`);
  };
  if (workload.kind === 'search') {
    close('scores');
    // Two rows whose scores differ in the last bit may change places.
    const share = mismatches(got.indices, want.indices, 0);
    if (share > 0.02) found.push(`${(share * 100).toFixed(1)}% of the indices differ`);
  } else if (workload.kind === 'quantize') {
    close('scales');
    if (mismatches(got.output, want.output, 1) > 0 || mismatches(got.output, want.output, 0) > 0.001)
      found.push('codes differ');
  } else if (workload.kind === 'pca') {
    for (const name of ['mean', 'components', 'explainedVariance']) close(name);
  } else {
    close('output');
  }
  return found.length ? found.join(', ') : null;
}

module.exports = { workloads, disagreement };
