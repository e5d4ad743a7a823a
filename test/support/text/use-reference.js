// The default model in double precision, a text at a time, as plainly as it can be written down.
'use strict';

/** rows [t][k] times weight [m, k], plus bias [m]. */
function linear(rows, { data, shape: [m, k] }, bias) {
  const weight = Float64Array.from(data);
  return rows.map((row) => {
    const out = new Float64Array(m);
    for (let j = 0; j < m; ++j) {
      let sum = 0;
      for (let i = 0; i < k; ++i) sum += row[i] * weight[j * k + i];
      out[j] = sum + bias.data[j];
    }
    return out;
  });
}

const add = (a, b) => a.map((row, i) => row.map((value, j) => value + b[i][j]));

function norm(rows, gamma, beta) {
  return rows.map((row) => {
    const mean = row.reduce((sum, value) => sum + value, 0) / row.length;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / row.length;
    return row.map((value, i) => ((value - mean) / Math.sqrt(variance + 1e-6)) * gamma.data[i] + beta.data[i]);
  });
}

function attend(query, key, value, heads) {
  const depth = query[0].length / heads;
  return query.map((q) => {
    const out = new Float64Array(q.length);
    for (let head = 0; head < heads; ++head) {
      const begin = head * depth;
      const scores = key.map((k) => {
        let sum = 0;
        for (let i = begin; i < begin + depth; ++i) sum += q[i] * k[i];
        return sum / Math.sqrt(depth);
      });
      const most = Math.max(...scores);
      const weights = scores.map((score) => Math.exp(score - most));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      value.forEach((v, j) => {
        for (let i = begin; i < begin + depth; ++i) out[i] += (weights[j] / total) * v[i];
      });
    }
    return out;
  });
}

/**
 * @param {Map<string, { data: Float32Array, shape: number[] }>} tensors by the family's names
 * @param {number[]} ids of at most 128 tokens, at least one
 */
function embed(tensors, ids) {
  const of = (name) => tensors.get(name);
  const layer = (rows, name) => linear(rows, of(`${name}.weight`), of(`${name}.bias`));
  const rowOf = ({ data, shape: [, width] }, i) => Float64Array.from(data.subarray(i * width, (i + 1) * width));
  let x = ids.map((id, position) => {
    const signal = rowOf(of('signal'), position);
    return rowOf(of('tokens'), id).map((value, i) => 2 * value + signal[i]);
  });
  for (const i of [0, 1]) {
    const normed = norm(x, of(`${i}.attention.norm.gamma`), of(`${i}.attention.norm.beta`));
    const [query, key, value] = ['query', 'key', 'value'].map((name) => layer(normed, `${i}.${name}`));
    const attended = layer(attend(query, key, value, 4), `${i}.heads`);
    x = add(attended, tensors.has(`${i}.skip.weight`) ? layer(x, `${i}.skip`) : x);
    const hidden = layer(norm(x, of(`${i}.hidden.norm.gamma`), of(`${i}.hidden.norm.beta`)), `${i}.hidden`);
    x = add(
      layer(
        hidden.map((row) => row.map((number) => Math.max(number, 0))),
        `${i}.output`,
      ),
      x,
    );
  }
  const mean = x[0].map((_, i) => x.reduce((sum, row) => sum + row[i], 0) / x.length);
  const dense = layer([mean], 'dense')[0].map(Math.tanh);
  const length = Math.hypot(...dense);
  return dense.map((number) => number / length);
}

module.exports = { embed };
