// MPNet: RoBERTa's positions, no token types, and a bias of the attention by how far apart two tokens are, which all
// layers share: distances are sorted into buckets, and each head has a number for each bucket.
'use strict';
const { ConfigReader, kActivations } = require('../config');
const { under, linearTensors, normTensors, layerTensors, encoderSteps } = require('./layer');
const { linear, norm, gather, firstTokens, checkHeads } = require('./layer');

/**
 * @typedef {import('./layer').LayerSizes & { words: number, positions: number, pad: number }} Sizes
 */

const kPrefixes = ['', 'mpnet.'];
const kPad = 1;
const kBuckets = 32,
  kFarthest = 128; // from here on all distances share one bucket

/**
 * The bucket of a key that is so many tokens behind its query. Half of the buckets are for each direction; of those
 * half for one distance each, the others for ranges that grow.
 * @param {number} distance
 */
function bucketOf(distance) {
  const each = kBuckets / 2;
  const side = distance > 0 ? each : 0;
  const size = Math.abs(distance);
  const exact = each / 2;
  if (size < exact) return side + size;
  // In float32, as the model was trained: the edges of ranges are rounded alike.
  const { fround, log } = Math;
  const share = fround(fround(log(fround(size / exact))) / fround(log(kFarthest / exact)));
  return side + Math.min(each - 1, exact + Math.trunc(fround(share * (each - exact))));
}

/** @type {import('../plan').Family<Sizes>} */
const mpnet = {
  name: 'mpnet',
  architectures: ['MPNetModel', 'MPNetForMaskedLM'],
  classifiers: ['MPNetForSequenceClassification'],
  unused: [/^(mpnet\.)?embeddings\.position_ids$/, /^(mpnet\.)?pooler\./, /^lm_head\./],
  read(config, where) {
    const reader = new ConfigReader(config, where);
    const pad = reader.id('pad_token_id', kPad);
    if (pad !== kPad) throw reader.refuse('pad_token_id', `${kPad}, which its positions begin behind`);
    const sizes = {
      words: reader.count('vocab_size', 30527),
      width: reader.count('hidden_size', 768),
      layers: reader.layers('num_hidden_layers', 12),
      heads: reader.count('num_attention_heads', 12),
      hidden: reader.count('intermediate_size', 3072),
      positions: reader.count('max_position_embeddings', 512),
      epsilon: reader.positive('layer_norm_eps', 1e-12),
      activation: reader.choice('hidden_act', kActivations, 'gelu'),
      pad,
    };
    const buckets = reader.value('relative_attention_num_buckets', kBuckets);
    reader.finish('MPNet');
    if (buckets !== kBuckets) throw reader.refuse('relative_attention_num_buckets', `${kBuckets}`);
    checkHeads(reader, sizes, 'num_attention_heads');
    if (sizes.positions <= pad + 1) throw reader.refuse('max_position_embeddings', `more than ${pad + 1}`);
    return sizes;
  },
  maxTokens({ positions, pad }) {
    return positions - pad - 1;
  },
  positions({ pad }) {
    return { first: pad + 1, skipped: pad };
  },
  // The bucket of each pair of places up to the longest text of a batch: one row for each query, moved by one each.
  pairs(longest) {
    const byDistance = Int32Array.from({ length: 2 * longest }, (_, i) => bucketOf(i - longest));
    const data = new Int32Array(longest * longest);
    for (let row = 0; row < longest; ++row)
      data.set(byDistance.subarray(longest - row, 2 * longest - row), row * longest);
    return data;
  },
  tensors(sizes) {
    return [
      ...[
        { name: 'words', from: 'word_embeddings', rows: sizes.words },
        { name: 'places', from: 'position_embeddings', rows: sizes.positions },
      ].map(({ name, from, rows }) => ({
        name,
        from: under(kPrefixes, `embeddings.${from}.weight`),
        shape: [rows, sizes.width],
        kind: /** @type {const} */ ('table'),
      })),
      ...normTensors('norm', under(kPrefixes, 'embeddings.LayerNorm'), sizes.width),
      {
        name: 'distances',
        from: under(kPrefixes, 'encoder.relative_attention_bias.weight'),
        shape: [kBuckets, sizes.heads],
        kind: 'vector', // small, and added to every score
      },
      ...layerTensors(sizes, kPrefixes, (i) => ({
        query: `encoder.layer.${i}.attention.attn.q`,
        key: `encoder.layer.${i}.attention.attn.k`,
        value: `encoder.layer.${i}.attention.attn.v`,
        attended: `encoder.layer.${i}.attention.attn.o`,
        attendedNorm: `encoder.layer.${i}.attention.LayerNorm`,
        hidden: `encoder.layer.${i}.intermediate.dense`,
        output: `encoder.layer.${i}.output.dense`,
        outputNorm: `encoder.layer.${i}.output.LayerNorm`,
      })),
    ];
  },
  steps(sizes) {
    return [
      gather('words', 'ids', 'wordRows'),
      gather('places', 'positions', 'placeRows'),
      norm('wordRows', 'norm', 'embedded', sizes.epsilon, 'placeRows'),
      gather('distances', 'pairs', 'pairBias'),
      { type: 'transpose', inputs: { input: 'pairBias' }, output: 'bias', params: { axes: [2, 0, 1] } },
      ...encoderSteps('embedded', sizes, 'bias'),
    ];
  },
  head: {
    tensors({ width }) {
      return [
        ...linearTensors('dense', ['classifier.dense'], width, width),
        ...linearTensors('classifier', ['classifier.out_proj'], 1, width),
      ];
    },
    steps() {
      return [
        firstTokens('firsts'),
        linear('firsts', 'dense', 'pooled', { activation: 'tanh' }),
        linear('pooled', 'classifier', 'logits'),
      ];
    },
  },
};

module.exports = { mpnet, bucketOf };
