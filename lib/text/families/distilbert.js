// DistilBERT: BERT without token types, under names of its own.
'use strict';
const { ConfigReader, kActivations } = require('../config');
const { under, linearTensors, normTensors, layerTensors, encoderSteps } = require('./layer');
const { linear, norm, gather, firstTokens, checkHeads } = require('./layer');

/** @typedef {import('./layer').LayerSizes & { words: number, positions: number }} Sizes */

const kPrefixes = ['', 'distilbert.'];

/** @type {import('../plan').Family<Sizes>} */
const distilbert = {
  name: 'distilbert',
  architectures: ['DistilBertModel', 'DistilBertForMaskedLM'],
  classifiers: ['DistilBertForSequenceClassification'],
  unused: [/^(distilbert\.)?embeddings\.position_ids$/, /^vocab_(transform|layer_norm|projector)\./],
  read(config, where) {
    const reader = new ConfigReader(config, where);
    reader.id('pad_token_id', 0); // nothing is padded here
    reader.value('sinusoidal_pos_embds', false); // they stand in the file either way
    const sizes = {
      words: reader.count('vocab_size', 30522),
      positions: reader.count('max_position_embeddings', 512),
      width: reader.count('dim', 768),
      layers: reader.layers('n_layers', 6),
      heads: reader.count('n_heads', 12),
      hidden: reader.count('hidden_dim', 3072),
      activation: reader.choice('activation', kActivations, 'gelu'),
      epsilon: 1e-12,
    };
    reader.finish('DistilBERT');
    checkHeads(reader, sizes, 'n_heads');
    return sizes;
  },
  maxTokens({ positions }) {
    return positions;
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
      ...layerTensors(sizes, kPrefixes, (i) => ({
        query: `transformer.layer.${i}.attention.q_lin`,
        key: `transformer.layer.${i}.attention.k_lin`,
        value: `transformer.layer.${i}.attention.v_lin`,
        attended: `transformer.layer.${i}.attention.out_lin`,
        attendedNorm: `transformer.layer.${i}.sa_layer_norm`,
        hidden: `transformer.layer.${i}.ffn.lin1`,
        output: `transformer.layer.${i}.ffn.lin2`,
        outputNorm: `transformer.layer.${i}.output_layer_norm`,
      })),
    ];
  },
  steps(sizes) {
    return [
      gather('words', 'ids', 'wordRows'),
      gather('places', 'positions', 'placeRows'),
      norm('wordRows', 'norm', 'embedded', sizes.epsilon, 'placeRows'),
      ...encoderSteps('embedded', sizes),
    ];
  },
  head: {
    tensors({ width }) {
      return [
        ...linearTensors('dense', ['pre_classifier'], width, width),
        ...linearTensors('classifier', ['classifier'], 1, width),
      ];
    },
    steps() {
      return [
        firstTokens('firsts'),
        linear('firsts', 'dense', 'pooled', { activation: 'relu' }),
        linear('pooled', 'classifier', 'logits'),
      ];
    },
  },
};

module.exports = { distilbert };
