// What a call can ask for: pairs, lengths, spans, counts, decoding; and what it may not.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { performance } = require('node:perf_hooks');
const { Tokenizer } = require('../../../lib/text/tokenizer');
const { failure } = require('../../support/assertions');
const { ownTime, watchTurns } = require('../../support/own-time');
const { runChild } = require('../../support/run-child');
const { kTexts, licenceTexts } = require('../../support/text-corpus');
const { rust, rustEncode, ourEncode } = require('../../support/tokenizer-references');
const files = require('../../support/tokenizer-files');
const { kAll } = require('../../support/tokenizer-table');

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

test.each(kAll)('decodes as the Rust original: %s', async (_, make) => {
  const file = make();
  const tokenizer = await load(file);
  const theirs = rust.Tokenizer.fromString(JSON.stringify(file));
  const { ids, offsets } = await tokenizer.encode(kTexts);
  for (let i = 0; i < kTexts.length; ++i) {
    const some = [...ids.subarray(offsets[i], offsets[i + 1])];
    for (const skipSpecial of [true, false])
      expect(tokenizer.decode(some, { skipSpecial })).toBe(await theirs.decode(some, skipSpecial));
  }
  tokenizer.close();
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

/** What `call` gives, and the longest that the event loop had no turn meanwhile, of how long it took: ms. */
async function measured(call) {
  const watch = watchTurns(1);
  const began = performance.now();
  const result = await call();
  const took = performance.now() - began;
  await turns(5, 2); // what blocked it last is counted at the next turn
  return { result, took, blocked: watch.stop() };
}

/** So many turns of the event loop, each so many ms long. */
async function turns(count, ms = 0) {
  for (let i = 0; i < count; ++i)
    await new Promise((resolve) => {
      if (ms) setTimeout(resolve, ms);
      else setImmediate(resolve);
    });
}

test('many texts at once, and a text of 20 MB, leave the event loop its turns', async () => {
  const paragraph = licenceTexts()[3].slice(0, 200);
  const [alone] = await ourEncode(bert, [paragraph]);
  const many = Array.from({ length: 100_000 }, () => paragraph);
  const long = 'word '.repeat(4_000_000) + '👍'.repeat(100_000);
  const all = await measured(() => bert.encode(many));
  const { ids, offsets } = all.result;
  expect(offsets[100_000]).toBe(100_000 * alone.ids.length);
  expect([...ids.subarray(offsets[77_777], offsets[77_778])]).toEqual(alone.ids);
  const one = await measured(() => bert.encode([long], { maxLength: 512 }));
  expect([one.result.ids.length, one.result.truncated[0]]).toEqual([512, true]);
  const counted = await measured(() => bert.count([long]));
  expect(counted.result).toEqual([4_000_003]);
  // A bound that holds on a busy machine, and not where the work is done on the event loop.
  for (const { took, blocked } of [all, one, counted]) expect(blocked).toBeLessThan(Math.max(50, took / 3));
});

// What is under way is in C++ once its texts have been copied, 128 Ki units or 2,048 texts a turn.
const kTurnUnits = 128 << 10;
const testOnSeveral = os.availableParallelism() > 1 ? test : test.skip; // on one processor there is one lane

testOnSeveral('a text does not wait for a long one where a thread is free', async () => {
  const long = 'word '.repeat(5_000_000);
  let ended = false;
  const pending = bert.count([long]).finally(() => (ended = true));
  await turns(long.length / kTurnUnits + 10);
  for (let i = 0; i < 10; ++i) {
    await turns(1, 2); // so that the other lane has gone to sleep
    await bert.encode(['a text']);
  }
  expect(ended).toBe(false);
  expect(await pending).toEqual([5_000_002]);
});

test('a text does not wait for all of many', async () => {
  const many = Array.from({ length: 100_000 }, () => 'word '.repeat(60));
  let ended = false;
  const pending = bert.count(many).finally(() => (ended = true));
  await turns((many.length * many[0].length) / kTurnUnits + 60);
  for (let i = 0; i < 5; ++i) await bert.encode(['a text']);
  expect(ended).toBe(false);
  await pending;
});

test('texts of a Proxy of an array, or that a getter gives once, are texts', async () => {
  const [expected] = await ourEncode(bert, ['a text']);
  expect(await ourEncode(bert, new Proxy(['a text'], {}))).toEqual([expected]);
  expect(await bert.count(new Proxy(['a text'], {}))).toEqual([expected.ids.length]);
  let asked = 0;
  const once = Object.defineProperty([], 0, { get: () => (asked++ ? 5 : 'a text'), enumerable: true });
  expect(await bert.count(once)).toEqual([expected.ids.length]);
});

test('what is wrong twice is an error once, and holds nothing', async () => {
  for (const [what, codes] of [
    ['descriptors', ['ERR_OUT_OF_MEMORY']],
    ['both', ['ERR_OUT_OF_MEMORY', INVALID]],
  ]) {
    const options = { limits: '-n 64', timeout: 20000 };
    const { code, signal, stdout, stderr } = await runChild('text/late-errors.js', [what], options);
    expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
    expect(JSON.parse(stdout)).toEqual(codes);
  }
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

test('a signal ends what has begun, and leaves its threads to others', async () => {
  const grows = { type: 'Replace', pattern: { String: 'a' }, content: 'x'.repeat(100_000) };
  const tokenizer = await load(files.wordsFile(null, { normalizer: grows }));
  const texts = Array.from({ length: 200 }, () => 'a'); // few, so that they are all copied in the call
  const began = performance.now();
  await tokenizer.count(texts);
  const whole = performance.now() - began;
  const abort = new AbortController();
  const pending = Array.from({ length: 3 * os.availableParallelism() }, () =>
    failure(tokenizer.encode(texts, { signal: abort.signal }), 'ERR_CANCELED'),
  );
  abort.abort();
  const aborted = ownTime();
  await tokenizer.encode(['b']);
  expect(ownTime() - aborted).toBeLessThan(whole);
  await Promise.all(pending);
  tokenizer.close();
});

test('a deadline ends a call, while its texts are copied, too', async () => {
  const many = Array.from({ length: 200_000 }, () => 'some words of a text');
  for (const texts of [many, ['word '.repeat(4_000_000)]]) {
    const began = ownTime();
    const error = await failure(bert.encode(texts, { timeout: 3 }), 'ERR_TIMEOUT');
    expect(error.message).toMatch(/not tokenized within 3 ms/);
    expect(ownTime() - began).toBeLessThan(100);
    await error.released;
  }
  await failure(bert.encode(['a'], { timeout: 0 }), INVALID);
  expect((await bert.encode(['a'], { timeout: 20_000 })).ids).toHaveLength(3);
});
