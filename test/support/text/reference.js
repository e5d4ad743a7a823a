// The encoders in double precision, as they are defined: padded batches with a mask, one matrix at a time. Nothing of
// lib/ and nothing packed.
'use strict';
const { kNames, kHeads } = require('./models');

/** The error function: its series near 0, the continued fraction of its complement elsewhere. */
function erf(x) {
  const size = Math.abs(x);
  if (size > 6) return Math.sign(x);
  if (size < 2.5) {
    let term = size,
      sum = size;
    for (let n = 1; n < 80; ++n) {
      term *= (-size * size) / n;
      sum += term / (2 * n + 1);
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let n = 80; n > 0; --n) fraction = n / 2 / (size + fraction);
  return Math.sign(x) * (1 - Math.exp(-size * size) / ((size + fraction) * Math.sqrt(Math.PI)));
}

const kActs = {
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  gelu_new: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  relu: (x) => Math.max(x, 0),
  silu: (x) => x / (1 + Math.exp(-x)),
};

const rowOf = ({ shape, data }, i) => data.subarray(i * shape[1], (i + 1) * shape[1]);

/** x [..] times weight^T plus bias, of a tensor's name. */
function linear(tensors, name, x) {
  const { shape, data } = tensors[`${name}.weight`];
  const bias = tensors[`${name}.bias`]?.data;
  const [outputs, inputs] = shape;
  return Float64Array.from({ length: outputs }, (_, o) => {
    let sum = bias ? bias[o] : 0;
    for (let i = 0; i < inputs; ++i) sum += data[o * inputs + i] * x[i];
    return sum;
  });
}

function layerNorm(tensors, name, x, epsilon) {
  const { data: gamma } = tensors[`${name}.weight`];
  const { data: beta } = tensors[`${name}.bias`];
  let mean = 0,
    variance = 0;
  for (const value of x) mean += value / x.length;
  for (const value of x) variance += (value - mean) ** 2 / x.length;
  return x.map((value, i) => ((value - mean) / Math.sqrt(variance + epsilon)) * gamma[i] + beta[i]);
}

const plus = (a, b) => a.map((value, i) => value + b[i]);

/** As modeling_mpnet's relative_position_bucket: 32 buckets, distances up to 128. */
function bucketOf(relative) {
  let n = -relative;
  const base = n < 0 ? 16 : 0;
  n = Math.abs(n);
  if (n < 8) return base + n;
  return base + Math.min(15, 8 + Math.floor((Math.log(n / 8) / Math.log(16)) * 8 + 1e-9));
}

/** Positions of a padded row, as the family counts them. */
function positionsOf(family, ids, length, padId) {
  if (family === 'bert' || family === 'distilbert') return ids.map((_, i) => i);
  let next = padId;
  return ids.map((id, i) => (i < length && id !== padId ? ++next : padId));
}

/**
 * The last layer's tokens of each text, padding included, and what each layer weighs with: [layer][text][head][q][k].
 * @param {ReturnType<typeof import('./models').makeModel>} model
 * @param {number[][]} ids of each text
 * @param {number[][]} [types]
 */
function encode({ family, sizes, prefix, tensors }, ids, types = ids.map((text) => text.map(() => 0))) {
  const { width, layers, heads, epsilon, act } = sizes;
  const { embeddings, layer, parts } = kNames[family];
  const padId = family === 'bert' || family === 'distilbert' ? 0 : 1;
  const longest = Math.max(...ids.map(({ length }) => length));
  const at = `${prefix}${embeddings}`;
  const table = (name) => tensors[`${at}.${name}.weight`];
  const attention = [];
  let x = ids.map((text, t) => {
    const padded = [...text, ...new Array(longest - text.length).fill(padId)];
    const positions = positionsOf(family, padded, text.length, padId);
    return padded.map((id, i) => {
      let sum = plus(
        Float64Array.from(rowOf(table('word_embeddings'), id)),
        rowOf(table('position_embeddings'), positions[i]),
      );
      if (table('token_type_embeddings')) sum = plus(sum, rowOf(table('token_type_embeddings'), types[t][i] ?? 0));
      return layerNorm(tensors, `${at}.LayerNorm`, sum, epsilon);
    });
  });
  const depth = width / heads;
  for (let l = 0; l < layers; ++l) {
    const of = (part) => `${prefix}${layer(l)}.${parts[part]}`;
    attention.push([]);
    x = x.map((text, t) => {
      const [query, key, value] = ['query', 'key', 'value'].map((part) =>
        text.map((token) => linear(tensors, of(part), token)),
      );
      const seen = text.map(() => new Float64Array(width));
      const all = [];
      for (let h = 0; h < heads; ++h) {
        const weights = text.map((_, q) => {
          const scores = text.map((__, k) => {
            if (k >= ids[t].length) return -Infinity; // padding
            let score = 0;
            for (let i = h * depth; i < (h + 1) * depth; ++i) score += query[q][i] * key[k][i];
            score /= Math.sqrt(depth);
            if (family === 'mpnet')
              score += rowOf(tensors[`${prefix}encoder.relative_attention_bias.weight`], bucketOf(k - q))[h];
            return score;
          });
          const most = Math.max(...scores);
          const exps = scores.map((score) => Math.exp(score - most));
          const sum = exps.reduce((a, b) => a + b, 0);
          return exps.map((each) => each / sum);
        });
        weights.forEach((row, q) =>
          row.forEach((weight, k) => {
            for (let i = h * depth; i < (h + 1) * depth; ++i) seen[q][i] += weight * value[k][i];
          }),
        );
        all.push(weights);
      }
      attention[l].push(all);
      return text.map((token, i) => {
        const attended = layerNorm(
          tensors,
          of('attendedNorm'),
          plus(linear(tensors, of('attended'), seen[i]), token),
          epsilon,
        );
        const hidden = linear(tensors, of('hidden'), attended).map(kActs[act]);
        return layerNorm(tensors, of('outputNorm'), plus(linear(tensors, of('output'), hidden), attended), epsilon);
      });
    });
  }
  return { tokens: x, attention };
}

const kPools = {
  cls: (tokens) => tokens[0],
  mean: (tokens) => tokens.reduce(plus).map((sum) => sum / tokens.length),
  max: (tokens) => tokens.reduce((a, b) => a.map((value, i) => Math.max(value, b[i]))),
  lasttoken: (tokens) => tokens.at(-1),
};

function normalized(x) {
  const length = Math.sqrt(x.reduce((sum, value) => sum + value * value, 0));
  return x.map((value) => value / Math.max(length, 1e-12));
}

/** Vectors of texts, by a pooling. */
function embed(model, ids, { pooling = 'mean', normalize = false, types } = {}) {
  return encode(model, ids, types).tokens.map((text, t) => {
    const pooled = kPools[pooling](text.slice(0, ids[t].length));
    return normalize ? normalized(pooled) : pooled;
  });
}

/** Logits of a cross-encoder. */
function logits(model, ids, types) {
  const { dense, out, act } = kHeads[model.family];
  return encode(model, ids, types).tokens.map(
    ([first]) => linear(model.tensors, out, linear(model.tensors, dense, first).map(act))[0],
  );
}

/** The cosine of two vectors. */
function cosine(a, b) {
  let dot = 0;
  const [x, y] = [normalized(Float64Array.from(a)), normalized(Float64Array.from(b))];
  for (let i = 0; i < x.length; ++i) dot += x[i] * y[i];
  return dot;
}

module.exports = { encode, embed, logits, linear, normalized, cosine };
