// processEmbeddings() in double precision, and rows to give it.
'use strict';

const kNear = 2e-5; // of numbers around 1

/** Numbers around 0, the same in each run. */
function someRows(n, d, seed = 1) {
  let state = seed;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32 - 0.5;
  return Array.from({ length: n }, () => Array.from({ length: d }, next));
}
/** As the device reads them. */
const rounded = (rows) => rows.map((row) => row.map(Math.fround));

// ---- the steps in double precision

const lengthOf = (row) => Math.sqrt(row.reduce((sum, x) => sum + x * x, 0));
const unit = (row) => {
  const length = lengthOf(row);
  return length ? row.map((x) => x / length) : row;
};
const reduce = (row, { mean, components }) => {
  const d = mean.data.length;
  return Array.from({ length: components.shape[0] }, (_, c) =>
    row.reduce((sum, x, i) => sum + (x - mean.data[i]) * components.data[c * d + i], 0),
  );
};
function expected(row, { normalize, basis }) {
  let now = normalize ? unit(row) : row;
  if (basis) now = normalize ? unit(reduce(now, basis)) : reduce(now, basis);
  return now;
}

/** Codes of a row times its scale. */
function decoded({ embeddings, scales }, row, bits) {
  const width = embeddings.shape[1];
  const codes = [...embeddings.data.subarray(row * width, (row + 1) * width)];
  if (bits === 8) return codes.map((code) => code * scales.data[row]);
  const signed = (half) => (half > 7 ? half - 16 : half);
  return codes.flatMap((byte) => [signed(byte & 15), signed(byte >> 4)]).map((code) => code * scales.data[row]);
}

/** Of codes half a step is what rounding costs. */
function expectRows(result, rows, { bits = 0, ...steps }) {
  const { embeddings, scales, dimensions, basis } = result;
  expect(embeddings.shape[0]).toBe(rows.length);
  let worst = 0; // of all, as a share of what may be
  rows.forEach((row, i) => {
    const wanted = expected(row, { ...steps, basis });
    if (dimensions !== wanted.length) throw new Error(`${dimensions} dimensions, but ${wanted.length} were wanted`);
    const step = bits ? Math.max(...wanted.map(Math.abs)) / (bits === 8 ? 127 : 7) : 0;
    if (bits) worst = Math.max(worst, Math.abs(scales.data[i] - step) / kNear);
    const got = bits ? decoded(result, i, bits) : embeddings.data.subarray(i * dimensions, (i + 1) * dimensions);
    for (const [j, x] of wanted.entries()) worst = Math.max(worst, Math.abs(x - got[j]) / (step / 2 + 1.5 * kNear));
  });
  expect(worst).toBeLessThanOrEqual(1);
}

module.exports = { someRows, rounded, expectRows };
