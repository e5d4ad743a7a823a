// What a call can ask for: pairs, lengths, spans, counts, decoding; and what it may not.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { monitorEventLoopDelay } = require('node:perf_hooks');
const { Tokenizer } = require('../../../lib/text/tokenizer');
const { failure } = require('../../support/assertions');
const { kTexts, licenceTexts } = require('../../support/text-corpus');
const { rust, rustEncode, ourEncode } = require('../../support/tokenizer-references');
const files = require('../../support/tokenizer-files');

jest.setTimeout(120000);

const INVALID = 'ERR_INVALID_ARGUMENT';
const load = (file) => Tokenizer.load({ json: JSON.stringify(file) });
const bertFile = files.bertFile();
let bert;
beforeAll(async () => {
  bert = await load(bertFile);
});
afterAll(() => bert.close());

test('pairs, with and without special tokens', async () => {
  const pairs = [...kTexts].reverse();
  for (const file of [bertFile, files.robertaFile(), files.gpt2File()]) {
    const tokenizer = await load(file);
    for (const addSpecial of [true, false]) {
      const expected = await rustEncode(file, kTexts, { pairs, addSpecial });
      expect(await ourEncode(tokenizer, kTexts, { pairs, addSpecial })).toEqual(expected);
    }
    tokenizer.close();
  }
});

test.each(['LongestFirst', 'OnlyFirst', 'OnlySecond'])('truncation, %s, from both sides', async (strategy) => {
  const first = ['one two three four five six', 'a', 'a b c d e f g h i j'];
  const second = ['seven eight nine ten eleven twelve', 'a b c d e f g h i j k l', 'b c d e f g'];
  for (const direction of ['Right', 'Left']) {
    const file = { ...bertFile, truncation: { direction, max_length: 14, strategy, stride: 0 } };
    const tokenizer = await load(file);
    expect(tokenizer.maxLength).toBe(14);
    for (let i = 0; i < first.length; ++i) {
      const [texts, pairs] = [[first[i]], [second[i]]];
      const expected = await rustEncode(file, texts, { pairs }).catch(() => null);
      const ours = ourEncode(tokenizer, texts, { pairs });
      if (expected) expect(await ours).toEqual(expected);
      else expect((await failure(ours, INVALID)).message).toMatch(/pair 0 can't be truncated/);
    }
    tokenizer.close();
  }
});

test('maxLength counts special tokens, and says what it cut off', async () => {
  const texts = ['one two three four', 'one'];
  const cut = await bert.encode(texts, { maxLength: 4 });
  expect(cut.truncated).toEqual([true, false]);
  expect([...cut.offsets]).toEqual([0, 4, 7]);
  expect(bert.tokens(cut.ids)).toEqual(['[CLS]', 'one', 'two', '[SEP]', '[CLS]', 'one', '[SEP]']);
  const error = await failure(bert.encode(texts, { maxLength: 4, truncate: false }), INVALID);
  expect(error.message).toMatch(/text 0 has 6 tokens, more than the 4/);
  expect((await failure(bert.encode(texts, { maxLength: 1 }), INVALID)).message).toMatch(/adds 2 tokens of its own/);
  expect(await bert.count(texts)).toEqual([6, 3]);
});

test('spans are places in the text', async () => {
  const text = 'Ünïcode 👍 café ok';
  const { ids, spans } = await bert.encode([text], { spans: true });
  const parts = bert.tokens(ids).map((_, i) => text.slice(spans[2 * i], spans[2 * i + 1]));
  expect(parts.filter(Boolean).join('')).toBe('Ünïcode👍caféok');
});

test('decodes as the Rust original', async () => {
  for (const file of [bertFile, files.gpt2File(), files.unigramFile()]) {
    const tokenizer = await load(file);
    const theirs = rust.Tokenizer.fromString(JSON.stringify(file));
    const { ids, offsets } = await tokenizer.encode(kTexts);
    for (let i = 0; i < kTexts.length; ++i) {
      const some = [...ids.subarray(offsets[i], offsets[i + 1])];
      for (const skipSpecial of [true, false])
        expect(tokenizer.decode(some, { skipSpecial })).toBe(await theirs.decode(some, skipSpecial));
    }
    tokenizer.close();
  }
});

test('a vocab.txt is BERT', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-vocab-'));
  try {
    expect((await failure(Tokenizer.load({ folder }), 'ERR_NOT_FOUND')).message).toMatch(/no tokenizer.json/);
    fs.writeFileSync(path.join(folder, 'vocab.txt'), `${files.bertVocabulary().join('\n')}\n`);
    const plain = await Tokenizer.load({ folder });
    expect(await ourEncode(plain, kTexts)).toEqual(await ourEncode(bert, kTexts));
    plain.close();
    const config = { do_lower_case: false, strip_accents: false, tokenize_chinese_chars: false };
    fs.writeFileSync(path.join(folder, 'tokenizer_config.json'), JSON.stringify(config));
    const cased = await Tokenizer.load({ folder });
    expect(cased.tokens((await cased.encode(['Hello 中文'])).ids)).toEqual(['[CLS]', '[UNK]', '中', '##文', '[SEP]']);
    cased.close();
    fs.writeFileSync(path.join(folder, 'tokenizer_config.json'), JSON.stringify({ tokenizer_class: 'MPNetTokenizer' }));
    expect((await failure(Tokenizer.load({ folder }), 'ERR_UNSUPPORTED')).message).toMatch(/MPNetTokenizer/);
    fs.writeFileSync(path.join(folder, 'tokenizer_config.json'), '{}');
    fs.writeFileSync(path.join(folder, 'vocab.txt'), '[UNK]\n[CLS]\n[SEP]\na\na\n');
    expect((await failure(Tokenizer.load({ folder }), INVALID)).message).toMatch(/'a' twice: in lines 4 and 5/);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});

test('many texts at once, and a text of 10 MB, leave the event loop its turns', async () => {
  const paragraph = licenceTexts()[3].slice(0, 40);
  const [alone] = await ourEncode(bert, [paragraph]);
  const many = Array.from({ length: 100_000 }, () => paragraph);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const { ids, offsets } = await bert.encode(many);
  delay.disable();
  expect(offsets[100_000]).toBe(100_000 * alone.ids.length);
  expect([...ids.subarray(offsets[77_777], offsets[77_778])]).toEqual(alone.ids);
  expect(delay.percentile(90) / 1e6).toBeLessThan(50); // a bound that holds on a busy machine
  const long = 'word '.repeat(2_000_000) + '👍'.repeat(100_000);
  const one = await bert.encode([long], { maxLength: 512 });
  expect([one.ids.length, one.truncated[0]]).toEqual([512, true]);
  expect(await bert.count([long])).toEqual([2_000_003]);
});

test('calls that can not be right say so', async () => {
  const wrong = [
    ['text', undefined, /texts is 'text', but must be an array/],
    [['a', 5], undefined, /text 1 is a number, but must be a string/],
    [['a', null], undefined, /text 1 is null/],
    [['a'], { pairs: [] }, /pairs has 0 texts, but must have 1/],
    [['a'], { pairs: [{}] }, /text 0 is an object/],
    [['a'], { maxLength: 0 }, /maxLength is 0/],
    [['a'], { maxLength: 1.5 }, /maxLength is 1.5/],
    [['a'], { truncate: 1 }, /truncate is 1, but must be true or false/],
    [['a'], { maxlength: 5 }, /unknown option 'maxlength' \(did you mean 'maxLength'/],
    [['a'], { signal: 5 }, /signal is 5/],
  ];
  for (const [texts, options, message] of wrong)
    expect((await failure(bert.encode(texts, options), INVALID)).message).toMatch(message);
  expect((await failure(Tokenizer.load({}), INVALID)).message).toMatch(/from \{ folder \} or from \{ json \}/);
  expect(() => bert.decode([30522])).toThrow(/no token has the id 30522: ids go from 0 to 30521/);
  expect(() => bert.decode([-1])).toThrow(/id 0 is -1/);
  expect(() => bert.decode('x')).toThrow(/ids is 'x'/);
  expect(bert.idOf('[CLS]')).toBe(101);
  expect(bert.idOf('no such token')).toBeUndefined();
  expect((await bert.encode([])).ids).toHaveLength(0);
});

test('a signal ends a call, and a closed tokenizer says so', async () => {
  const abort = new AbortController();
  const pending = bert.encode(
    Array.from({ length: 50_000 }, () => 'some words of a text'),
    { signal: abort.signal },
  );
  abort.abort();
  await failure(pending, 'ERR_CANCELED');
  await failure(bert.encode(['a'], { signal: abort.signal }), 'ERR_CANCELED');
  const tokenizer = await load(files.wordsFile(null));
  const last = tokenizer.encode(['a b']);
  tokenizer.close();
  tokenizer.close();
  expect([...(await last).ids]).toEqual([0]);
  await failure(tokenizer.encode(['a']), 'ERR_CLOSED');
  expect(() => tokenizer.decode([0])).toThrow(/closed/);
});

test('a deadline ends a call, while its texts are copied, too', async () => {
  const many = Array.from({ length: 200_000 }, () => 'some words of a text');
  for (const texts of [many, ['word '.repeat(4_000_000)]]) {
    const began = performance.now();
    const error = await failure(bert.encode(texts, { timeout: 3 }), 'ERR_TIMEOUT');
    expect(error.message).toMatch(/not tokenized within 3 ms/);
    expect(performance.now() - began).toBeLessThan(100);
    await error.released;
  }
  await failure(bert.encode(['a'], { timeout: 0 }), INVALID);
  expect((await bert.encode(['a'], { timeout: 20_000 })).ids).toHaveLength(3);
});
