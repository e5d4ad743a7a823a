// WGSL for the webgpu package: what a careful user would write, with vec4 loads and register blocking.
'use strict';

const add = `
@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < arrayLength(&y)) { y[id.x] = a[id.x] + b[id.x]; }
}`;

// A workgroup a row; lanes stride over it, then a tree in shared memory.
const rowHeader = (d, inputs) => `
const D4 = ${d / 4}u; const WIDE = 32u;
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
${inputs}
var<workgroup> part: array<f32, WIDE>;
fn total(lane: u32, mine: f32) -> f32 {
  part[lane] = mine; workgroupBarrier();
  for (var s = WIDE / 2u; s > 0u; s >>= 1u) { if (lane < s) { part[lane] += part[lane + s]; } workgroupBarrier(); }
  let result = part[0]; workgroupBarrier(); return result;
}
fn largest(lane: u32, mine: f32) -> f32 {
  part[lane] = mine; workgroupBarrier();
  for (var s = WIDE / 2u; s > 0u; s >>= 1u) {
    if (lane < s) { part[lane] = max(part[lane], part[lane + s]); }
    workgroupBarrier();
  }
  let result = part[0]; workgroupBarrier(); return result;
}`;
const rowMain = (body) => `
@compute @workgroup_size(32) fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x + group.y * 32768u; let at = row * D4;
  ${body}
}`;
const floats = '@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;';

const normalize = (d) =>
  rowHeader(d, floats) +
  rowMain(`
  var sum = 0.0;
  for (var i = lane; i < D4; i += WIDE) { let v = x[at + i]; sum += dot(v, v); }
  let factor = 1.0 / max(sqrt(total(lane, sum)), 1e-12);
  for (var i = lane; i < D4; i += WIDE) { y[at + i] = x[at + i] * factor; }`);

const softmax = (d) =>
  rowHeader(d, floats) +
  rowMain(`
  var high = -3.4e38;
  for (var i = lane; i < D4; i += WIDE) { let v = x[at + i]; high = max(high, max(max(v.x, v.y), max(v.z, v.w))); }
  high = largest(lane, high);
  var sum = 0.0;
  for (var i = lane; i < D4; i += WIDE) { let e = exp(x[at + i] - high); y[at + i] = e; sum += dot(e, vec4f(1.0)); }
  let factor = 1.0 / total(lane, sum);
  for (var i = lane; i < D4; i += WIDE) { y[at + i] = y[at + i] * factor; }`);

const quantize = (d) =>
  rowHeader(
    d,
    `
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(0) @binding(2) var<storage, read_write> scales: array<f32>;`,
  ) +
  rowMain(`
  var high = 0.0;
  for (var i = lane; i < D4; i += WIDE) { let v = abs(x[at + i]); high = max(high, max(max(v.x, v.y), max(v.z, v.w))); }
  high = largest(lane, high);
  if (lane == 0u) { scales[row] = high / 127.0; }
  let factor = select(0.0, 127.0 / high, high > 0.0);
  for (var i = lane; i < D4; i += WIDE) { y[at + i] = pack4xI8(vec4i(round(x[at + i] * factor))); }`);

// Subtracts the column means, given beside.
const meanColumns = (n, d) => `
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> mean: array<vec4f>;
@compute @workgroup_size(8) fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= ${d / 4}u) { return; }
  var sum = vec4f(0.0);
  for (var r = 0u; r < ${n}u; r++) { sum += x[r * ${d / 4}u + id.x]; }
  mean[id.x] = sum / ${n}.0;
}`;
const centre = (d) => `
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> mean: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * 32768u * 64u;
  if (i < arrayLength(&y)) { y[i] = x[i] - mean[i % ${d / 4}u]; }
}`;

// y[m, n] = alpha * op(a) * op(b), sizes multiples of 4, a block of 4 x 8 (plain or transA) or 4 x 4 (transB) a thread,
// in registers.
function matmul({ m, n, k, transA = false, transB = false, alpha = 1 }) {
  const columns = transB ? 4 : 8,
    acc = Array.from({ length: 4 }, (_, r) => r);
  const body = transB
    ? `
  for (var p = 0u; p < K4; p++) {
    ${acc.map((r) => `let a${r} = a[offA + (row + ${r}u) * K4 + p];`).join(' ')}
    ${acc.map((c) => `let b${c} = b[offB + (col + ${c}u) * K4 + p];`).join(' ')}
    ${acc.map((r) => `s${r} += vec4f(${acc.map((c) => `dot(a${r}, b${c})`).join(', ')});`).join('\n    ')}
  }`
    : transA
      ? `
  for (var p = 0u; p < ${k}u; p++) {
    let av = a[offA + p * M4 + row / 4u];
    let b0 = b[offB + p * N4 + col / 4u]; let b1 = b[offB + p * N4 + col / 4u + 1u];
    ${acc.map((r) => `s${r} += av[${r}] * b0; t${r} += av[${r}] * b1;`).join('\n    ')}
  }`
      : `
  for (var p = 0u; p < K4; p++) {
    ${acc.map((r) => `let a${r} = a[offA + (row + ${r}u) * K4 + p];`).join(' ')}
    ${acc
      .map(
        (i) => `{ let b0 = b[offB + (p * 4u + ${i}u) * N4 + col / 4u];
      let b1 = b[offB + (p * 4u + ${i}u) * N4 + col / 4u + 1u];
    ${acc.map((r) => `s${r} += a${r}[${i}] * b0; t${r} += a${r}[${i}] * b1;`).join(' ')} }`,
      )
      .join('\n    ')}
  }`;
  return `
const K4 = ${k / 4}u; const N4 = ${n / 4}u; const M4 = ${m / 4}u;
@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@compute @workgroup_size(8, 8) fn main(@builtin(global_invocation_id) id: vec3u) {
  let col = id.x * ${columns}u; let row = id.y * 4u;
  if (row >= ${m}u || col >= ${n}u) { return; }
  let offA = id.z * ${(m * k) / 4}u; let offB = id.z * ${(k * n) / 4}u; let offY = id.z * ${(m * n) / 4}u;
  ${acc.map((r) => `var s${r} = vec4f(0.0);${transB ? '' : ` var t${r} = vec4f(0.0);`}`).join(' ')}
  ${body}
  ${acc
    .map(
      (r) =>
        `y[offY + (row + ${r}u) * N4 + col / 4u] = ${alpha} * s${r}` +
        `;${transB ? '' : ` y[offY + (row + ${r}u) * N4 + col / 4u + 1u] = ${alpha} * t${r};`}`,
    )
    .join('\n  ')}
}`;
}
const matmulGroups = ({ m, n, transB = false, batch = 1 }) => [
  Math.ceil(n / (transB ? 32 : 64)),
  Math.ceil(m / 32),
  batch,
];

// Scores of one query against columns kept as [d, n]: a thread four columns, neighbours side by side in memory.
const scores = ({ n, d }) => `
@group(0) @binding(0) var<storage, read> query: array<vec4f>;
@group(0) @binding(1) var<storage, read> base: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= ${n / 4}u) { return; }
  var sum = vec4f(0.0);
  for (var c = 0u; c < ${d / 4}u; c++) {
    let q = query[c];
    ${[0, 1, 2, 3].map((i) => `sum += q[${i}] * base[(c * 4u + ${i}u) * ${n / 4}u + id.x];`).join(' ')}
  }
  y[id.x] = sum;
}`;

module.exports = { add, normalize, softmax, quantize, meanColumns, centre, matmul, matmulGroups, scores };
