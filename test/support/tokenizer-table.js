// The tokenizers that are compared with others: of real vocabularies, and one for each part that a file can have.
'use strict';
const files = require('./tokenizer-files');

const { bytesFile, wordsFile } = files;
const kGpt4 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" +
  '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
const kQwen2 = kGpt4.replace('{1,3}', '');

const kCharsmap = files.charsmap({
  ﬁ: 'fi',
  Ａ: 'A',
  '\u00a0': ' ',
  '\t': ' ',
  '\r': ' ',
  '\n': ' ',
  'e\u0301': 'é',
  '½': '1/2',
  '\u200b': '',
  '㎏': 'kg',
  '\u0301': '',
  'か\u3099': 'が',
  '👍': '+',
  ǆ: 'dz',
});

const bert = (options) => ({
  type: 'BertNormalizer',
  clean_text: true,
  handle_chinese_chars: true,
  strip_accents: null,
  lowercase: true,
  ...options,
});
const metaspace = (prependScheme, split = true) => ({
  type: 'Metaspace',
  replacement: '▁',
  prepend_scheme: prependScheme,
  split,
});
const split = (pattern, behavior, invert = false) => ({ type: 'Split', pattern, behavior, invert });
const sequence = (...pretokenizers) => ({ type: 'Sequence', pretokenizers });

/** By name; each is made when it is asked for, as vocabularies are large. */
const kReal = {
  'bert-base-uncased': () => files.bertFile(),
  'BERT with its case': () => files.bertFile({ normalizer: bert({ lowercase: false, strip_accents: false }) }),
  'GPT-2': () => files.gpt2File(),
  'GPT-2, its merges as pairs': () => files.gpt2File({}, true),
  'GPT-2, words that are tokens first': () => {
    const file = files.gpt2File();
    return { ...file, model: { ...file.model, ignore_merges: true } };
  },
  'GPT-2 split as GPT-4 does': () =>
    files.gpt2File({
      pre_tokenizer: sequence(split({ Regex: kGpt4 }, 'Isolated'), files.byteLevel({ use_regex: false })),
    }),
  RoBERTa: () => files.robertaFile(),
  Unigram: () => files.unigramFile(),
  'Unigram of whole texts': () => files.unigramFile({ pre_tokenizer: metaspace('first', false) }),
};

/** What a normalizer does: see bytesFile(). */
const kNormalizers = {
  none: null,
  BertNormalizer: bert(),
  'BertNormalizer, only accents': bert({
    clean_text: false,
    handle_chinese_chars: false,
    strip_accents: true,
    lowercase: false,
  }),
  NFC: { type: 'NFC' },
  NFD: { type: 'NFD' },
  NFKC: { type: 'NFKC' },
  NFKD: { type: 'NFKD' },
  Lowercase: { type: 'Lowercase' },
  StripAccents: { type: 'StripAccents' },
  Strip: { type: 'Strip', strip_left: true, strip_right: true },
  'Strip on the left': { type: 'Strip', strip_left: true, strip_right: false },
  'Replace a string': { type: 'Replace', pattern: { String: 'a' }, content: 'é!' },
  'Replace spaces': { type: 'Replace', pattern: { Regex: ' {2,}' }, content: '▁' },
  Prepend: { type: 'Prepend', prepend: '▁x' },
  Nmt: { type: 'Nmt' },
  Precompiled: { type: 'Precompiled', precompiled_charsmap: kCharsmap },
  Sequence: {
    type: 'Sequence',
    normalizers: [{ type: 'NFKD' }, { type: 'StripAccents' }, { type: 'Lowercase' }, { type: 'NFC' }],
  },
};

/** How a pre-tokenizer cuts: see wordsFile(). */
const kPreTokenizers = {
  BertPreTokenizer: { type: 'BertPreTokenizer' },
  Whitespace: { type: 'Whitespace' },
  WhitespaceSplit: { type: 'WhitespaceSplit' },
  'Metaspace, always': metaspace('always'),
  'Metaspace, first': metaspace('first'),
  'Metaspace, never': metaspace('never', false),
  ByteLevel: files.byteLevel({ add_prefix_space: true }),
  'ByteLevel without a space': files.byteLevel(),
  Punctuation: { type: 'Punctuation', behavior: 'Isolated' },
  'Punctuation, contiguous': { type: 'Punctuation', behavior: 'Contiguous' },
  'Punctuation with what is before': { type: 'Punctuation', behavior: 'MergedWithPrevious' },
  'Punctuation with what follows': { type: 'Punctuation', behavior: 'MergedWithNext' },
  'Punctuation, removed': { type: 'Punctuation', behavior: 'Removed' },
  Digits: { type: 'Digits', individual_digits: true },
  'Digits together': { type: 'Digits', individual_digits: false },
  CharDelimiterSplit: { type: 'CharDelimiterSplit', delimiter: 'a' },
  'Split by a string': split({ String: 'a' }, 'MergedWithNext'),
  'Split, inverted': split({ Regex: '\\s+' }, 'Removed', true),
  'Split as GPT-4 does': split({ Regex: kGpt4 }, 'Isolated'),
  'Split as Qwen 2 does': split({ Regex: kQwen2 }, 'Isolated'),
  'words, then Metaspace': sequence({ type: 'WhitespaceSplit' }, metaspace('first')),
  'digits, then ByteLevel': sequence(
    { type: 'Digits', individual_digits: true },
    files.byteLevel({ add_prefix_space: true }),
  ),
};

/** Tokens that are found first, with every way of finding them. */
const kAdded = {
  'tokens found first': () =>
    bytesFile(bert(), {
      added_tokens: [
        files.added('<mask>', 256, { lstrip: true }),
        files.added('<right>', 257, { rstrip: true }),
        files.added('word', 258, { special: false, single_word: true, normalized: false }),
        files.added('ÉLAN', 259, { special: false, normalized: true }),
        files.added('<a>', 260),
        files.added('<a><b>', 261),
        files.added('x y', 262, { special: false, normalized: true, lstrip: true, rstrip: true }),
      ],
    }),
};

const kLetters = [...'abcdefghijklmnopqrstuvwxyz'];

/** A vocabulary of letters and what merges make of them, each once, and of letters that `more` is for. */
function bpeFile(model, { merges = ['t h', 'th e', 'l l', 'h e'], more = [], ...changes } = {}) {
  const made = merges.map((merge) => merge.replace(' ', ''));
  const tokens = ['<unk>', ...kLetters, ...more, ...made];
  return files.file({
    pre_tokenizer: { type: 'WhitespaceSplit' },
    model: { ...files.kBpe, vocab: files.idsOf([...new Set(tokens)]), merges, ...model },
    ...changes,
  });
}
const kByteTokens = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
const decoders = (...all) => ({ type: 'Sequence', decoders: all });
const kLlama = decoders(
  { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
  { type: 'ByteFallback' },
  { type: 'Fuse' },
  { type: 'Strip', content: ' ', start: 1, stop: 0 },
);

/** What models and decoders do that no published vocabulary here shows. */
const kModels = {
  'BPE, unknown characters': () => bpeFile({ unk_token: '<unk>' }),
  'BPE, unknown characters as one': () => bpeFile({ unk_token: '<unk>', fuse_unk: true }),
  'BPE, unknown characters as their bytes': () =>
    bpeFile(
      { byte_fallback: true },
      { more: kByteTokens, decoder: decoders({ type: 'ByteFallback' }, { type: 'Fuse' }) },
    ),
  'BPE, ends of words marked': () =>
    bpeFile(
      { unk_token: '<unk>', end_of_word_suffix: '</w>' },
      {
        more: kLetters.map((letter) => `${letter}</w>`),
        merges: ['t h', 'th e</w>', 'l l', 'l d</w>'],
        decoder: { type: 'BPEDecoder', suffix: '</w>' },
      },
    ),
  'BPE, what goes on marked': () =>
    bpeFile(
      { unk_token: '<unk>', continuing_subword_prefix: '##' },
      {
        merges: [],
        more: kLetters.map((letter) => `##${letter}`),
        decoder: { type: 'WordPiece', prefix: '##', cleanup: false },
      },
    ),
  'BPE of bytes, unknown ones': () => lackingBytes({ unk_token: '<unk>' }),
  'BPE of bytes, unknown ones as one': () => lackingBytes({ unk_token: '<unk>', fuse_unk: true }),
  'Unigram, unknown characters as their bytes': () => {
    const file = files.unigramFile({ decoder: kLlama });
    const vocab = [...file.model.vocab, ...kByteTokens.map((token) => [token, -20])];
    return { ...file, model: { ...file.model, vocab, byte_fallback: true } };
  },
  'decoder Replace': () =>
    bpeFile({ unk_token: '<unk>' }, { decoder: { type: 'Replace', pattern: { String: 'l' }, content: 'LL ' } }),
  'decoder Strip': () =>
    bpeFile({ unk_token: '<unk>' }, { decoder: { type: 'Strip', content: 'l', start: 2, stop: 0 } }),
  'decoder Fuse, then Strip': () =>
    bpeFile(
      { unk_token: '<unk>' },
      { decoder: decoders({ type: 'Fuse' }, { type: 'Strip', content: 't', start: 2, stop: 0 }) },
    ),
};

/** Of letters alone, written as GPT-2 writes bytes: all other bytes are unknown. */
function lackingBytes(model) {
  return bpeFile(model, { pre_tokenizer: files.byteLevel(), decoder: files.byteLevel() });
}

/** All of them as [name, () => file]. */
const kAll = [
  ...Object.entries(kReal),
  ...Object.entries(kNormalizers).map(([name, part]) => [`normalizer ${name}`, () => bytesFile(part)]),
  ['normalizer ByteLevel', () => bytesFile({ type: 'ByteLevel' }, { pre_tokenizer: null })],
  ...Object.entries(kPreTokenizers).map(([name, part]) => [`pre-tokenizer ${name}`, () => wordsFile(part)]),
  ...Object.entries(kAdded),
  ...Object.entries(kModels),
];

module.exports = { kReal, kAdded, kAll };
