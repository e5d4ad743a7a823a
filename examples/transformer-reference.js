// The layer of transformer-layer.js in plain double precision: what each device's result is compared with.
'use strict';

const rowsOf = ({ data, shape }) =>
  Array.from({ length: shape[0] }, (_, r) => Array.from(data.subarray(r * shape[1], (r + 1) * shape[1])));
const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
const add = (a, b) => a.map((row, r) => row.map((x, i) => x + b[r][i]));
const linear = (rows, weight) => rows.map((row) => rowsOf(weight).map((out) => dot(row, out)));
const silu = (x) => x / (1 + Math.exp(-x));

function rmsNorm(rows, gamma, epsilon = 1e-6) {
  return rows.map((row) => {
    const factor = 1 / Math.sqrt(dot(row, row) / row.length + epsilon);
    return row.map((x, i) => x * factor * gamma.data[i]);
  });
}

/** Element i and element i + depth / 2 of each head are turned by position / base^(2 i / depth). */
function rope(rows, positions, depth, base = 10000) {
  const half = depth / 2;
  return rows.map((row, r) => {
    const turned = row.slice();
    for (let first = 0; first < row.length; first += depth)
      for (let i = 0; i < half; ++i) {
        const angle = positions.data[r] / base ** ((2 * i) / depth);
        const [x, y] = [row[first + i], row[first + half + i]];
        turned[first + i] = x * Math.cos(angle) - y * Math.sin(angle);
        turned[first + half + i] = y * Math.cos(angle) + x * Math.sin(angle);
      }
    return turned;
  });
}

/** Each row of a sequence sees those up to itself; the heads of a group share their keys and values. */
function attention(query, key, value, { heads, groups, depth }, lengths) {
  const part = (row, head) => row.slice(head * depth, (head + 1) * depth);
  const counted = (count) => [...Array(count).keys()];
  let begin = 0;
  return lengths.flatMap((length) => {
    const first = begin;
    begin += length;
    const one = (r, head) => {
      const group = Math.floor((head * groups) / heads);
      const seen = counted(r + 1).map((c) => first + c);
      const scores = seen.map((c) => dot(part(query[first + r], head), part(key[c], group)) / Math.sqrt(depth));
      const most = Math.max(...scores);
      const weights = scores.map((score) => Math.exp(score - most));
      const total = weights.reduce((a, b) => a + b, 0);
      return counted(depth).map(
        (i) => seen.reduce((sum, c, at) => sum + weights[at] * part(value[c], group)[i], 0) / total,
      );
    };
    return counted(length).map((r) => counted(heads).flatMap((head) => one(r, head)));
  });
}

/** The layer's output, row by row in one array. */
function layer(inputs, sizes, lengths) {
  const x = rowsOf(inputs.x);
  const normed = rmsNorm(x, inputs.gammaAttention);
  const turned = (weight) => rope(linear(normed, weight), inputs.positions, sizes.depth);
  const seen = attention(turned(inputs.toQuery), turned(inputs.toKey), linear(normed, inputs.toValue), sizes, lengths);
  const attended = add(linear(seen, inputs.fromHeads), x);
  const again = rmsNorm(attended, inputs.gammaHidden);
  const hidden = linear(again, inputs.toHidden);
  const gated = linear(again, inputs.toGate).map((row, r) => row.map((gate, i) => silu(gate) * hidden[r][i]));
  return add(linear(gated, inputs.fromHidden), attended).flat();
}

module.exports = { layer };
