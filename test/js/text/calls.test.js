// embed(), rerank() and their like: options, what is refused, and what comes back.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const gpu = require('../../..');
const { LoadedModel } = require('../../../lib/text/loaded-model');
const { makeModel, writeModel, temporaryFolder, someTexts } = require('../../support/text/models');
const { embed, encode, normalized } = require('../../support/text/reference');

const kTexts = ['', 'the licence', ...someTexts(6)];
const kPrecise = 2e-5;
const spec = makeModel('bert');

let context, root, model;
const folderOf = (name, ...of) => writeModel(path.join(root, name), ...of);

/** In float32, which is compared with; what is left out is tested in auto-precision.test.js. */
const load = (folder, options) =>
  context.loadModel(folder, options === null ? options : { precision: 'float32', ...options });

beforeAll(async () => {
  root = temporaryFolder();
  context = await gpu.createContext({ device: 'cpu' });
  const prompts = { prompts: { query: 'the query : ', document: '' }, default_prompt_name: null };
  const pooling = { pooling_mode_mean_tokens: true };
  const sentence = { max_seq_length: 20, do_lower_case: false };
  model = await load(folderOf('encoder', spec, { pooling, normalize: true, prompts, sentence }));
});
afterAll(async () => {
  await model.close();
  await context.close();
  fs.rmSync(root, { recursive: true });
});

async function idsOf(of, texts) {
  const { ids, offsets } = await of.tokenize(texts);
  return texts.map((_, i) => [...ids.subarray(offsets[i], offsets[i + 1])]);
}

function expectRows({ shape, data }, expected) {
  expect(shape).toEqual([expected.length, expected[0].length]);
  for (const [i, row] of expected.entries())
    for (const [j, value] of row.entries()) expect(Math.abs(value - data[i * row.length + j])).toBeLessThan(kPrecise);
}

test('one string gives one vector', async () => {
  const { embeddings: one, tokens } = await model.embed(kTexts[1]);
  const { embeddings: all } = await model.embed(kTexts);
  expect(one.shape).toEqual([32]);
  expect(tokens).toHaveLength(1);
  for (const [i, value] of one.data.entries()) expect(value).toBeCloseTo(all.data[32 + i], 5);
});

test('no texts give no rows', async () => {
  const { embeddings, tokens, truncated } = await model.embed([]);
  expect(embeddings).toMatchObject({ shape: [0, 32], dtype: 'float32' });
  expect([embeddings.data.length, tokens, truncated]).toEqual([0, [], []]);
  expect((await model.embed([], { dimensions: 3, dtype: 'float16' })).embeddings).toMatchObject({
    shape: [0, 3],
    dtype: 'float16',
  });
});

test('long texts are cut and said to be, or refused by their place', async () => {
  const long = 'the '.repeat(40);
  const { tokens, truncated } = await model.embed(['a', long]);
  expect([tokens, truncated]).toEqual([
    [3, 20],
    [false, true],
  ]);
  await expect(model.embed(['a', long], { truncate: false })).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    argument: 'texts[1]',
    message: expect.stringMatching(/texts\[1\] has 42 tokens, but the model takes 20 at most/),
  });
});

test('a prompt goes before each text, by itself or by its name', async () => {
  const { embeddings: plain } = await model.embed(['the query : a copy']);
  const { embeddings: named } = await model.embed(['a copy'], { promptName: 'query' });
  const { embeddings: given } = await model.embed(['a copy'], { prompt: 'the query : ' });
  expect(named.data).toEqual(plain.data);
  expect(given.data).toEqual(plain.data);
  expect(model.prompts).toEqual({ query: 'the query : ', document: '' });
  await expect(model.embed(['a'], { promptName: 'passage' })).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: expect.stringMatching(/'passage', which is no prompt of this model.*query, document/),
  });
});

test('normalize, dimensions and dtype', async () => {
  const rows = embed(spec, await idsOf(model, kTexts));
  const { embeddings: whole } = await model.embed(kTexts, { normalize: false });
  expectRows(whole, rows);
  const { embeddings: prefix } = await model.embed(kTexts, { dimensions: 8 });
  expectRows(
    prefix,
    rows.map((row) => normalized(row.slice(0, 8))),
  );
  const { embeddings: raw } = await model.embed(kTexts, { dimensions: 8, normalize: false });
  expectRows(
    raw,
    rows.map((row) => row.slice(0, 8)),
  );
  const { embeddings: half } = await model.embed(kTexts, { dtype: 'bfloat16' });
  expect(half).toMatchObject({ dtype: 'bfloat16', shape: [kTexts.length, 32] });
  const { embeddings: full } = await model.embed(kTexts);
  const numbers = Float32Array.from(half.data, (bits) => new Float32Array(Uint32Array.of(bits << 16).buffer)[0]);
  for (const [i, value] of full.data.entries()) expect(Math.abs(value - numbers[i])).toBeLessThanOrEqual(2 ** -8);
});

test('the attention of a layer, with its tokens', async () => {
  const texts = [kTexts[1], kTexts[4]];
  const { attention, embeddings } = await model.embed(texts, { returnAttention: 1 });
  const { attention: expected } = encode(spec, await idsOf(model, texts));
  const { embeddings: plain } = await model.embed(texts);
  for (const [i, { labels, weights }] of attention.entries()) {
    const t = labels.length;
    expect(weights.shape).toEqual([4, t, t]);
    expect([labels[0], labels[1], labels.at(-1)]).toEqual(['[CLS]', texts[i].split(' ')[0], '[SEP]']);
    for (let h = 0; h < 4; ++h)
      for (let q = 0; q < t; ++q)
        for (let k = 0; k < t; ++k)
          expect(Math.abs(weights.data[(h * t + q) * t + k] - expected[1][i][h][q][k])).toBeLessThan(kPrecise);
  }
  for (const [i, value] of plain.data.entries()) expect(embeddings.data[i]).toBeCloseTo(value, 5);
});

test('the attention of MPNet has its bias in it', async () => {
  const mpnet = makeModel('mpnet');
  const other = await load(folderOf('mpnet', mpnet));
  const { attention } = await other.embed(kTexts[4], { returnAttention: 0 });
  const { attention: expected } = encode(mpnet, await idsOf(other, [kTexts[4]]));
  const flat = expected[0][0].flat(2);
  for (const [i, value] of attention[0].weights.data.entries())
    expect(Math.abs(value - flat[i])).toBeLessThan(kPrecise);
  await other.close();
});

test('what attention gives is what the scene attention-heatmap takes', async () => {
  const { attention } = await model.embed('the copy', { returnAttention: 0 });
  const [{ labels, weights }] = attention;
  const params = { rowLabels: labels, columnLabels: labels };
  const scene = { type: 'render', scene: 'attention-heatmap', inputs: { weights }, params };
  let drawing;
  try {
    drawing = await gpu.createContext({ device: 'vulkan' });
  } catch (error) {
    expect(error.code).toBe('ERR_UNSUPPORTED'); // SKIPPED: nothing here draws
    return;
  }
  const { outputs } = await drawing.run({ ...scene, width: 64, height: 64 });
  expect(outputs.image.shape.slice(0, 2)).toEqual([64, 64]);
  await drawing.close();
});

test('tokens, their text, and how many there are', async () => {
  const { ids, offsets, truncated, spans } = await model.tokenize(['a copy', 'the '.repeat(40)], { offsets: true });
  expect([...offsets]).toEqual([0, 4, 24]);
  expect(truncated).toEqual([false, true]);
  expect(spans).toHaveLength(48);
  expect([...spans.subarray(0, 8)]).toEqual([0, 0, 0, 1, 2, 6, 0, 0]);
  expect(model.decode(ids.subarray(1, 3))).toBe('a copy');
  expect(await model.count(['a copy', 'the '.repeat(40)])).toEqual([4, 42]);
  expect(await model.count('a copy')).toEqual([4]);
});

test('many calls at once give what each gives alone', async () => {
  const alone = await Promise.all(kTexts.map((text) => model.embed([text])));
  const { embeddings } = await model.embed(kTexts);
  for (const [i, { embeddings: one }] of alone.entries())
    for (const [j, value] of one.data.entries()) expect(value).toBeCloseTo(embeddings.data[i * 32 + j], 5);
});

test.each([
  [() => model.embed([1]), /texts\[0\] is 1, but must be a string/],
  [() => model.embed(['a', null]), /texts\[1\] is null/],
  [() => model.embed({}), /texts is an object, but must be a string or an array of strings/],
  [() => model.embed(['a'], { normalise: true }), /unknown option of embed\(\) 'normalise' \(did you mean 'normalize'/],
  [() => model.embed(['a'], { dimensions: 33 }), /dimensions is 33, but must be a whole number from 1 to 32/],
  [() => model.embed(['a'], { returnAttention: 2 }), /returnAttention is 2, but must be a whole number from 0 to 1/],
  [() => model.embed(['a'], { dtype: 'int8' }), /dtype is 'int8', but must be one of float32, float16, bfloat16/],
  [() => model.embed(['a'], { priority: 1 }), /unknown option of embed\(\) 'priority'/],
  [() => model.embed(['a'], { prompt: 'x', promptName: 'query' }), /only one of them can be/],
  [() => model.embed(['a'], { timeout: -1 }), /timeout is -1/],
  [() => model.count([undefined]), /texts\[0\] is undefined/],
])('refuses %p', async (call, message) => {
  await expect(call()).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringMatching(message) });
});

test('callers of one text have memory of their own', async () => {
  const [{ embeddings: a }, { embeddings: b }] = await Promise.all([model.embed(['a copy']), model.embed(['a copy'])]);
  const expected = [...b.data];
  a.data.fill(0);
  expect([...b.data]).toEqual(expected);
});

test('the tokens of any list of ids are its text', () => {
  expect(model.decode({ length: 0 })).toBe('');
  expect(model.decode({ length: 1, 0: 5 })).toBe(model.decode([5]));
  for (const [ids, message] of [
    [[1n], /ids\[0\] is 1n, but must be a token's id/],
    [new BigInt64Array(1), /ids\[0\] is 0n/],
    [new DataView(new ArrayBuffer(4)), /but must be an array of token ids/],
    [null, /ids is null/],
    ['12', /ids is '12'/],
  ])
    expect(() => model.decode(ids)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringMatching(message) }),
    );
});

test('a precision that was found and the same one asked for are one model', async () => {
  const probes = jest.spyOn(LoadedModel.prototype, 'probe');
  const folder = path.join(root, 'encoder');
  const found = await context.loadModel(folder);
  const asked = await context.loadModel(folder, { precision: found.precision });
  // The other one is that of all these tests.
  expect(probes).toHaveBeenCalledTimes(found.precision === 'float32' ? 0 : 1);
  expect([found.precisionReason, asked.precisionReason]).toEqual([
    expect.stringMatching(/float32 .* ms/),
    'it was asked for',
  ]);
  probes.mockRestore();
  await Promise.all([found.close(), asked.close()]);
});

test('an encoder ranks nothing, a cross-encoder embeds nothing', async () => {
  await expect(model.rerank('a', ['b'])).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
  const reranker = await load(folderOf('reranker', makeModel('bert', { head: true })));
  await expect(reranker.embed('a')).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
  expect(reranker).toMatchObject({ kind: 'cross-encoder', dimensions: 1 });
  expect(await reranker.rerank('a', [])).toEqual([]);
  expect(await reranker.rerank('a', ['the copy', 'a', 'the copy'], { topK: 2 })).toHaveLength(2);
  const equal = await reranker.rerank('a', ['work', 'work', 'work']);
  expect(equal.map(({ index }) => index)).toEqual([0, 1, 2]);
  for (const [query, documents, message] of [
    ['a', ['b', 3], /documents\[1\] is 3, but must be a string/],
    ['a', 'abc', /documents is 'abc', but must be an array of strings/],
    [5, ['b'], /query is 5, but must be a string/],
  ])
    await expect(reranker.rerank(query, documents)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringMatching(message),
    });
  await expect(reranker.rerank('a', ['the '.repeat(40)], { truncate: false })).rejects.toMatchObject({
    message: expect.stringMatching(/documents\[0\] has 44 tokens with its query, but the model takes 24 at most/),
  });
  await reranker.close();
});

test('a deadline is one of the whole call', async () => {
  const { run } = context;
  const slow = jest.spyOn(context, 'run').mockImplementation(async (...args) => {
    await sleep(100);
    return run.apply(context, args);
  });
  const texts = new Array(40).fill('the copy'); // five times eight
  await expect(model.embed(texts, { returnAttention: 0, timeout: 250 })).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
  expect((await model.embed(texts.slice(9), { returnAttention: 0, timeout: 20_000 })).attention).toHaveLength(31);
  slow.mockRestore();
  // Long before they are tokenized.
  const began = performance.now();
  const long = model.embed(new Array(300_000).fill('the copy of a work'), { timeout: 5 });
  await expect(long).rejects.toMatchObject({
    code: 'ERR_TIMEOUT',
    message: expect.stringMatching(/not tokenized within [\d.]+ ms/),
  });
  const cut = performance.now() - began;
  expect((await model.tokenize(new Array(300_000).fill('the copy of a work'))).truncated).toHaveLength(300_000);
  expect(cut).toBeLessThan((performance.now() - began - cut) / 2);
});

test('an aborted signal and a deadline end a call', async () => {
  await expect(model.embed('a', { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ERR_CANCELED' });
  const controller = new AbortController();
  const running = model.embed(new Array(2000).fill('the copy of a work'), { signal: controller.signal });
  controller.abort();
  await expect(running).rejects.toMatchObject({ code: 'ERR_CANCELED' });
  const late = model.embed(
    Array.from({ length: 20_000 }, (_, i) => `${'the '.repeat(i % 17)}copy`),
    { timeout: 1 },
  );
  await expect(late).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
  expect((await model.embed('a')).tokens).toEqual([3]);
});
