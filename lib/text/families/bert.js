// BERT: MiniLM, bge, e5, gte of that shape, multilingual BERT. Words, positions and token types are added and
// normalized; layers as in layer.js.
'use strict';
const { ConfigReader, kActivations } = require('../config');
const { under, linearTensors, normTensors, layerTensors, encoderSteps } = require('./layer');
const { linear, norm, gather, firstTokens, checkHeads } = require('./layer');

/** @typedef {import('./layer').LayerSizes & { words: number, positions: number, types: number }} Sizes */

const kPrefixes = ['', 'bert.'];

/**
 * What BERT's and RoBERTa's config.json have in common.
 * @param {ConfigReader} reader
 * @param {{ words: number, types: number, positions: number, epsilon: number }} initial
 * @returns {Sizes}
 */
function readSizes(reader, initial) {
  const sizes = {
    words: reader.count('vocab_size', initial.words),
    width: reader.count('hidden_size', 768),
    layers: reader.layers('num_hidden_layers', 12),
    heads: reader.count('num_attention_heads', 12),
    hidden: reader.count('intermediate_size', 3072),
    positions: reader.count('max_position_embeddings', initial.positions),
    types: reader.count('type_vocab_size', initial.types),
    epsilon: reader.positive('layer_norm_eps', initial.epsilon),
    activation: reader.choice('hidden_act', kActivations, 'gelu'),
  };
  reader.choice('position_embedding_type', { absolute: true }, 'absolute');
  return sizes;
}

/** @param {number} i */
const layerNames = (i) => ({
  query: `encoder.layer.${i}.attention.self.query`,
  key: `encoder.layer.${i}.attention.self.key`,
  value: `encoder.layer.${i}.attention.self.value`,
  attended: `encoder.layer.${i}.attention.output.dense`,
  attendedNorm: `encoder.layer.${i}.attention.output.LayerNorm`,
  hidden: `encoder.layer.${i}.intermediate.dense`,
  output: `encoder.layer.${i}.output.dense`,
  outputNorm: `encoder.layer.${i}.output.LayerNorm`,
});

/**
 * @param {Sizes} sizes
 * @param {readonly string[]} prefixes
 * @returns {import('../plan').TensorSpec[]}
 */
function encoderTensors(sizes, prefixes) {
  const table = (/** @type {string} */ name, /** @type {string} */ from, /** @type {number} */ rows) => ({
    name,
    from: under(prefixes, `embeddings.${from}.weight`),
    shape: [rows, sizes.width],
    kind: /** @type {const} */ ('table'),
  });
  return [
    table('words', 'word_embeddings', sizes.words),
    table('places', 'position_embeddings', sizes.positions),
    table('types', 'token_type_embeddings', sizes.types),
    ...normTensors('norm', under(prefixes, 'embeddings.LayerNorm'), sizes.width),
    ...layerTensors(sizes, prefixes, layerNames),
  ];
}

/**
 * @param {Sizes} sizes
 * @returns {import('../plan').Step[]}
 */
function steps(sizes) {
  return [
    gather('words', 'ids', 'wordRows'),
    gather('places', 'positions', 'placeRows'),
    gather('types', 'typeIds', 'typeRows'),
    { type: 'add', inputs: { a: 'placeRows', b: 'typeRows' }, output: 'whereRows', params: {} },
    norm('wordRows', 'norm', 'embedded', sizes.epsilon, 'whereRows'),
    ...encoderSteps('embedded', sizes),
  ];
}

/** @type {import('../plan').Family<Sizes>} */
const bert = {
  name: 'bert',
  architectures: ['BertModel', 'BertForMaskedLM', 'BertForPreTraining'],
  classifiers: ['BertForSequenceClassification'],
  unused: [/^(bert\.)?embeddings\.position_ids$/, /^(bert\.)?pooler\./, /^cls\./],
  read(config, where) {
    const reader = new ConfigReader(config, where);
    reader.id('pad_token_id', 0); // nothing is padded here
    const sizes = readSizes(reader, { words: 30522, types: 2, positions: 512, epsilon: 1e-12 });
    reader.finish('BERT');
    checkHeads(reader, sizes, 'num_attention_heads');
    return sizes;
  },
  maxTokens(sizes) {
    return sizes.positions;
  },
  tensors(sizes) {
    return encoderTensors(sizes, kPrefixes);
  },
  steps,
  head: {
    tensors({ width }) {
      return [
        ...linearTensors('pooler', ['bert.pooler.dense'], width, width),
        ...linearTensors('classifier', ['classifier'], 1, width),
      ];
    },
    steps() {
      return [
        firstTokens('firsts'),
        linear('firsts', 'pooler', 'pooled', { activation: 'tanh' }),
        linear('pooled', 'classifier', 'logits'),
      ];
    },
  },
};

module.exports = { bert, readSizes, encoderTensors, steps };
