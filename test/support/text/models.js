// Models for tests: folders as Hugging Face lays them out, with generated weights of the shapes of published models,
// scaled so that sentences differ.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { writeSafetensors, rounded } = require('./safetensors');

/** Words that the tests' sentences are made of, behind the special tokens. */
const kWords = (
  'the a of in is to and licence software copy may use sell product author must give credit text work source code ' +
  'free warranty without any other term under you not change notice . , ! ##s ##ed ##ing'
).split(' ');

/** The special tokens of a family, by id. */
const kSpecials = {
  bert: ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'],
  roberta: ['<s>', '<pad>', '</s>', '<unk>', '<mask>'],
};

/** Even numbers in (-1, 1), the same in each run. */
class Random {
  #state;
  constructor(seed) {
    this.#state = seed >>> 0;
  }
  next() {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return (this.#state / 2 ** 32) * 2 - 1;
  }
  /** Of a standard deviation, about a mean. */
  tensor(shape, deviation, mean = 0) {
    const scale = deviation * Math.sqrt(3);
    return {
      shape,
      data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => mean + scale * this.next()),
    };
  }
}

function linear(random, tensors, name, outputs, inputs, gain = 1) {
  tensors[`${name}.weight`] = random.tensor([outputs, inputs], gain / Math.sqrt(inputs));
  tensors[`${name}.bias`] = random.tensor([outputs], 0.1);
}

function norm(random, tensors, name, width) {
  tensors[`${name}.weight`] = random.tensor([width], 0.2, 1);
  tensors[`${name}.bias`] = random.tensor([width], 0.2);
}

/** What each family's tensors are called. */
const kNames = {
  bert: {
    embeddings: 'embeddings',
    layer: (i) => `encoder.layer.${i}`,
    parts: {
      query: 'attention.self.query',
      key: 'attention.self.key',
      value: 'attention.self.value',
      attended: 'attention.output.dense',
      attendedNorm: 'attention.output.LayerNorm',
      hidden: 'intermediate.dense',
      output: 'output.dense',
      outputNorm: 'output.LayerNorm',
    },
  },
  distilbert: {
    embeddings: 'embeddings',
    layer: (i) => `transformer.layer.${i}`,
    parts: {
      query: 'attention.q_lin',
      key: 'attention.k_lin',
      value: 'attention.v_lin',
      attended: 'attention.out_lin',
      attendedNorm: 'sa_layer_norm',
      hidden: 'ffn.lin1',
      output: 'ffn.lin2',
      outputNorm: 'output_layer_norm',
    },
  },
  mpnet: {
    embeddings: 'embeddings',
    layer: (i) => `encoder.layer.${i}`,
    parts: {
      query: 'attention.attn.q',
      key: 'attention.attn.k',
      value: 'attention.attn.v',
      attended: 'attention.attn.o',
      attendedNorm: 'attention.LayerNorm',
      hidden: 'intermediate.dense',
      output: 'output.dense',
      outputNorm: 'output.LayerNorm',
    },
  },
};
kNames.roberta = kNames.bert;

const kArchitectures = { bert: 'Bert', roberta: 'XLMRoberta', distilbert: 'DistilBert', mpnet: 'MPNet' };
const kDefaults = { width: 32, layers: 2, heads: 4, hidden: 64, positions: 24, epsilon: 1e-12, act: 'gelu' };

/** What config.json says of a model of a family and sizes. */
function configOf(family, sizes, head) {
  const { width, layers, heads, hidden, positions, words, epsilon, act } = sizes;
  const name = kArchitectures[family];
  const common = {
    architectures: [`${name}${head ? 'ForSequenceClassification' : 'Model'}`],
    model_type: family,
    vocab_size: words,
    max_position_embeddings: positions,
    transformers_version: '4.40.0',
    torch_dtype: 'float32',
    initializer_range: 0.02,
    ...(head && { id2label: { 0: 'LABEL_0' }, label2id: { LABEL_0: 0 } }),
  };
  if (family === 'distilbert')
    return {
      ...common,
      dim: width,
      n_layers: layers,
      n_heads: heads,
      hidden_dim: hidden,
      activation: act,
      dropout: 0.1,
      attention_dropout: 0.1,
      qa_dropout: 0.1,
      seq_classif_dropout: 0.2,
      sinusoidal_pos_embds: false,
      pad_token_id: 0,
      tie_weights_: true,
    };
  return {
    ...common,
    hidden_size: width,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    intermediate_size: hidden,
    hidden_act: act,
    layer_norm_eps: epsilon,
    hidden_dropout_prob: 0.1,
    attention_probs_dropout_prob: 0.1,
    pad_token_id: family === 'bert' ? 0 : 1,
    ...(family === 'mpnet' ? { relative_attention_num_buckets: 32 } : { type_vocab_size: family === 'bert' ? 2 : 1 }),
    ...(family !== 'mpnet' && { position_embedding_type: 'absolute', use_cache: true, classifier_dropout: null }),
  };
}

/** The tensors of an encoder, under a prefix as in the files of models with a head. */
function encoderTensors(family, { width, layers, heads, hidden, positions, words }, random, prefix) {
  const { embeddings, layer, parts } = kNames[family];
  const tensors = {};
  const at = `${prefix}${embeddings}`;
  tensors[`${at}.word_embeddings.weight`] = random.tensor([words, width], 1);
  tensors[`${at}.position_embeddings.weight`] = random.tensor([positions, width], 0.4);
  if (family === 'bert' || family === 'roberta')
    tensors[`${at}.token_type_embeddings.weight`] = random.tensor([family === 'bert' ? 2 : 1, width], 0.3);
  norm(random, tensors, `${at}.LayerNorm`, width);
  if (family === 'mpnet') tensors[`${prefix}encoder.relative_attention_bias.weight`] = random.tensor([32, heads], 1);
  for (let i = 0; i < layers; ++i) {
    const of = (part) => `${prefix}${layer(i)}.${parts[part]}`;
    linear(random, tensors, of('query'), width, width, 1.6); // so that attention is not even
    linear(random, tensors, of('key'), width, width, 1.6);
    linear(random, tensors, of('value'), width, width);
    linear(random, tensors, of('attended'), width, width);
    norm(random, tensors, of('attendedNorm'), width);
    linear(random, tensors, of('hidden'), hidden, width);
    linear(random, tensors, of('output'), width, hidden);
    norm(random, tensors, of('outputNorm'), width);
  }
  return tensors;
}

/** The head of a cross-encoder: its two layers, and what lies between them. */
const kHeads = {
  bert: { dense: 'bert.pooler.dense', out: 'classifier', act: Math.tanh },
  roberta: { dense: 'classifier.dense', out: 'classifier.out_proj', act: Math.tanh },
  distilbert: { dense: 'pre_classifier', out: 'classifier', act: (x) => Math.max(x, 0) },
  mpnet: { dense: 'classifier.dense', out: 'classifier.out_proj', act: Math.tanh },
};

/**
 * A model: { family, sizes, head, prefix, config, tensors }.
 * @param {string} family
 * @param {{ head?: boolean, prefix?: string, dtype?: string, seed?: number, words?: number } & object} [options]
 */
function makeModel(family, { head = false, prefix, dtype = 'F32', seed = 1, ...given } = {}) {
  const specials = kSpecials[family === 'roberta' || family === 'mpnet' ? 'roberta' : 'bert'];
  const sizes = { ...kDefaults, words: specials.length + kWords.length, ...given };
  const random = new Random(seed);
  const under = prefix ?? (head ? `${family}.` : '');
  const tensors = encoderTensors(family, sizes, random, under);
  if (head) {
    linear(random, tensors, kHeads[family].dense, sizes.width, sizes.width);
    linear(random, tensors, kHeads[family].out, 1, sizes.width, 2);
  }
  for (const tensor of Object.values(tensors)) {
    tensor.dtype = dtype;
    tensor.data = tensor.data.map((value) => rounded(value, dtype));
  }
  return { family, sizes, head, prefix: under, specials, config: configOf(family, sizes, head), tensors };
}

/** A tokenizer.json of WordPiece with the special tokens of a family. */
function tokenizerOf({ specials }, words = kWords) {
  const isBert = specials === kSpecials.bert;
  const [first, last, unknown] = isBert ? ['[CLS]', '[SEP]', '[UNK]'] : ['<s>', '</s>', '<unk>'];
  const vocab = Object.fromEntries([...specials, ...words].map((word, id) => [word, id]));
  const special = (id) => ({ SpecialToken: { id, type_id: 0 } });
  const second = isBert ? 1 : 0;
  const sequence = (id, type) => ({ Sequence: { id, type_id: type } });
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specials.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [special(first), sequence('A', 0), special(last)],
      pair: [
        special(first),
        sequence('A', 0),
        special(last),
        ...(isBert ? [] : [special(last)]),
        sequence('B', second),
        { SpecialToken: { id: last, type_id: second } },
      ],
      special_tokens: Object.fromEntries(
        [first, last].map((token) => [token, { id: token, ids: [vocab[token]], tokens: [token] }]),
      ),
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: unknown,
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab,
    },
  };
}

const writeJson = (file, value) => fs.writeFileSync(file, JSON.stringify(value));

/**
 * Writes a model to a folder.
 * @param {string} folder
 * @param {ReturnType<typeof makeModel>} model
 * @param {{ modules?: object[], pooling?: object, dense?: object, sentence?: object, prompts?: object, shards?: number,
 *   change?: (header: object) => object }} [options]
 */
function writeModel(folder, model, { pooling, dense = [], normalize, sentence, prompts, shards = 1, change } = {}) {
  fs.mkdirSync(folder, { recursive: true });
  writeJson(path.join(folder, 'config.json'), model.config);
  writeJson(path.join(folder, 'tokenizer.json'), model.tokenizer ?? tokenizerOf(model));
  if (shards === 1) writeSafetensors(path.join(folder, 'model.safetensors'), model.tensors, change);
  else writeShards(folder, model.tensors, shards);
  if (sentence) writeJson(path.join(folder, 'sentence_bert_config.json'), sentence);
  if (prompts) writeJson(path.join(folder, 'config_sentence_transformers.json'), prompts);
  if (!pooling) return folder;
  const modules = [['Transformer', ''], ['Pooling', '1_Pooling'], ...dense.map((_, i) => ['Dense', `${2 + i}_Dense`])];
  if (normalize) modules.push(['Normalize', `${modules.length}_Normalize`]);
  writeJson(
    path.join(folder, 'modules.json'),
    modules.map(([type, where], idx) => ({
      idx,
      name: `${idx}`,
      path: where,
      type: `sentence_transformers.models.${type}`,
    })),
  );
  fs.mkdirSync(path.join(folder, '1_Pooling'));
  writeJson(path.join(folder, '1_Pooling', 'config.json'), { word_embedding_dimension: model.sizes.width, ...pooling });
  for (const [i, { config, tensors }] of dense.entries()) {
    const at = path.join(folder, `${2 + i}_Dense`);
    fs.mkdirSync(at);
    writeJson(path.join(at, 'config.json'), config);
    writeSafetensors(path.join(at, 'model.safetensors'), tensors);
  }
  return folder;
}

function writeShards(folder, tensors, shards) {
  const names = Object.keys(tensors);
  const weightMap = {};
  for (let i = 0; i < shards; ++i) {
    const file = `model-0000${i + 1}-of-0000${shards}.safetensors`;
    const own = names.filter((_, place) => place % shards === i);
    for (const name of own) weightMap[name] = file;
    writeSafetensors(path.join(folder, file), Object.fromEntries(own.map((name) => [name, tensors[name]])));
  }
  writeJson(path.join(folder, 'model.safetensors.index.json'), { metadata: {}, weight_map: weightMap });
}

/** A folder of its own below the system's temporary one. */
function temporaryFolder() {
  return fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-text-'));
}

/** Sentences of the words, of many lengths. */
function someTexts(count, seed = 7) {
  const random = new Random(seed);
  const words = kWords.filter((word) => /^[a-z]+$/.test(word));
  return Array.from({ length: count }, (_, i) => {
    const length = 1 + (i % 5) * 3 + Math.floor((random.next() + 1) * 2);
    return Array.from({ length }, () => words[Math.floor(((random.next() + 1) / 2) * words.length)]).join(' ');
  });
}

module.exports = { makeModel, writeModel, tokenizerOf, temporaryFolder, someTexts, Random, kNames, kHeads, kWords };
