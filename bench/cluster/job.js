// The jobs that travel. As many bytes come out as go in.
'use strict';

const kRow = 256,
  kSide = 256;

// what: bytes (4 KB are normalized, what is larger is scaled), or 'matmul 256'. { data, shape, expected,
// workload(input) }
function makeJob(what) {
  if (what === 'matmul 256') return matmul();
  const length = what / 4,
    data = Float32Array.from({ length }, (_, i) => (i % 13) - 6);
  if (what <= 4096)
    return {
      data,
      expected: normalized(data),
      shape: [length / kRow, kRow],
      workload: (input) => ({ type: 'normalize', inputs: { input } }),
    };
  return {
    data,
    expected: data.map((value) => value * 2),
    shape: [length],
    workload: (input) => ({ type: 'scale', inputs: { input }, params: { factor: 2 } }),
  };
}

function normalized(data) {
  const out = Float32Array.from(data);
  for (let at = 0; at < out.length; at += kRow) {
    const norm = Math.hypot(...data.subarray(at, at + kRow));
    for (let i = at; i < at + kRow; ++i) out[i] /= norm;
  }
  return out;
}

// A matrix by itself.
function matmul() {
  const data = Float32Array.from({ length: kSide * kSide }, (_, i) => ((i * 7) % 11) - 5),
    expected = new Float32Array(kSide * kSide);
  for (let i = 0; i < kSide; ++i)
    for (let k = 0; k < kSide; ++k)
      for (let j = 0; j < kSide; ++j) expected[i * kSide + j] += data[i * kSide + k] * data[k * kSide + j];
  return {
    data,
    expected,
    shape: [kSide, kSide],
    workload: (input) => ({ type: 'matmul', inputs: { a: input, b: input } }),
  };
}

function check(output, { expected }) {
  if (output.length !== expected.length) throw new Error(`wrong result: ${output.length} elements`);
  for (let i = 0; i < expected.length; ++i)
    if (!(Math.abs(output[i] - expected[i]) <= 1e-6))
      throw new Error(`wrong result: element ${i} is ${output[i]}, but must be ${expected[i]}`);
}

module.exports = { makeJob, check };
