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

/** All of them as [name, () => file]. */
const kAll = [
  ...Object.entries(kReal),
  ...Object.entries(kNormalizers).map(([name, part]) => [`normalizer ${name}`, () => bytesFile(part)]),
  ['normalizer ByteLevel', () => bytesFile({ type: 'ByteLevel' }, { pre_tokenizer: null })],
  ...Object.entries(kPreTokenizers).map(([name, part]) => [`pre-tokenizer ${name}`, () => wordsFile(part)]),
  ...Object.entries(kAdded),
];

module.exports = { kReal, kAdded, kAll };
