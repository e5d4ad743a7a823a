// RoBERTa, XLM-RoBERTa and CamemBERT: BERT's encoder with positions that begin behind that of the padding, and a head
// of its own.
'use strict';
const { ConfigReader } = require('../config');
const { linearTensors, linear, firstTokens, checkHeads } = require('./layer');
const { readSizes, encoderTensors, steps } = require('./bert');

/** @typedef {import('./layer').LayerSizes & { words: number, positions: number, types: number, pad: number }} Sizes */

const kPrefixes = ['', 'roberta.'];
const kNames = ['Roberta', 'XLMRoberta', 'Camembert'];

/** @type {import('../plan').Family<Sizes>} */
const roberta = {
  name: 'roberta',
  architectures: kNames.flatMap((name) => [`${name}Model`, `${name}ForMaskedLM`]),
  classifiers: kNames.map((name) => `${name}ForSequenceClassification`),
  unused: [/^(roberta\.)?embeddings\.position_ids$/, /^(roberta\.)?pooler\./, /^lm_head\./],
  read(config, where) {
    const reader = new ConfigReader(config, where);
    const pad = reader.id('pad_token_id', 1);
    const sizes = { ...readSizes(reader, { words: 50265, types: 2, positions: 512, epsilon: 1e-12 }), pad };
    reader.finish('RoBERTa');
    checkHeads(reader, sizes, 'num_attention_heads');
    if (sizes.positions <= pad + 1) throw reader.refuse('max_position_embeddings', `more than ${pad + 1}`);
    return sizes;
  },
  maxTokens({ positions, pad }) {
    return positions - pad - 1;
  },
  // A token that is the padding's own has its position, and counts for no other's.
  positions({ pad }) {
    return { first: pad + 1, skipped: pad };
  },
  tensors(sizes) {
    return encoderTensors(sizes, kPrefixes);
  },
  steps,
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

module.exports = { roberta };
