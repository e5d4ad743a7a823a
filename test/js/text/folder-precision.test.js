// Models of folders in each precision, and `auto`: on a context, as a cross-encoder, and in a cluster of one process.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const gpu = require('../../..');
const { kPrecisions } = require('../../../lib/text/precision');
const { makeModel, writeModel, temporaryFolder, someTexts } = require('../../support/text/models');
const { cosine } = require('../../support/text/reference');

jest.setTimeout(120_000);

const kLeast = { float32: 1 - 1e-9, float16: 0.9999, bfloat16: 0.999, int8: 0.99, int4: 0.95 };
const texts = someTexts(20);
let root, context, before;
beforeAll(async () => {
  root = temporaryFolder();
  before = process.env.SHADER_CACHE_DIR;
  process.env.SHADER_CACHE_DIR = path.join(root, 'cache');
  context = await gpu.createContext({ device: 'cpu' });
});
afterAll(async () => {
  await context.close();
  if (before === undefined) delete process.env.SHADER_CACHE_DIR;
  else process.env.SHADER_CACHE_DIR = before;
  fs.rmSync(root, { recursive: true });
});

const rowsOf = ({ data, shape: [n, d] }) => Array.from({ length: n }, (_, i) => data.subarray(i * d, (i + 1) * d));
const kept = () => fs.readdirSync(path.join(root, 'cache', 'text'));

test.each(['bert', 'mpnet'])(
  '%s in each precision is near to itself in float32, and its weights are kept',
  async (family) => {
    const folder = writeModel(path.join(root, family), makeModel(family, { width: 96, heads: 4, hidden: 384 }), {});
    const load = (precision) => context.loadModel(folder, { precision });
    const exact = await load('float32');
    const expected = rowsOf((await exact.embed(texts)).embeddings);
    const bytes = { float32: exact.memory.weights };
    await exact.close();
    for (const precision of Object.keys(kPrecisions)) {
      const model = await load(precision);
      expect([model.precision, model.precisionReason]).toEqual([precision, 'it was asked for']);
      const rows = rowsOf((await model.embed(texts)).embeddings);
      expect(Math.min(...rows.map((row, i) => cosine(row, expected[i])))).toBeGreaterThan(kLeast[precision]);
      bytes[precision] = model.memory.weights;
      await model.close();
    }
    expect(bytes.float16 / bytes.float32).toBeLessThan(0.55);
    expect(bytes.int8 / bytes.float32).toBeLessThan(0.35);
    expect(bytes.int4).toBeLessThan(bytes.int8);
    const files = kept();
    await (await load('int8')).close();
    expect(kept()).toEqual(files); // read, not made again
  },
);

test('auto for a cross-encoder goes by its scores', async () => {
  const folder = writeModel(path.join(root, 'cross'), makeModel('bert', { head: true }), {});
  const model = await context.loadModel(folder);
  expect(model.precisionReason).toMatch(/near enough to float32: float32 .*; float16 .*; bfloat16 .*; int8 .*; int4 /);
  const ranked = await model.rerank('the licence', texts);
  expect(ranked).toHaveLength(texts.length);
  await model.close();
});

test('a manager gives the rows that a context gives', async () => {
  const manager = gpu.createGPUClusterManager({ contextTypes: ['cpu'] });
  for (const precision of ['int8', 'float32']) {
    const [shared, own] = await Promise.all([
      manager.loadModel(gpu.defaultModel, { precision }),
      context.loadModel(gpu.defaultModel, { precision }),
    ]);
    const [ours, theirs] = await Promise.all([shared.embed(texts), own.embed(texts)]);
    const expected = rowsOf(theirs.embeddings);
    expect(Math.min(...rowsOf(ours.embeddings).map((row, i) => cosine(row, expected[i])))).toBeGreaterThan(1 - 1e-6);
    expect(shared.digest).toBe(own.digest);
    await shared.close();
    await own.close();
  }
  const chosen = await manager.loadModel(gpu.defaultModel);
  expect(chosen.precisionReason).toMatch(/near enough to float32/);
  await chosen.close();
  await manager.close();
});
