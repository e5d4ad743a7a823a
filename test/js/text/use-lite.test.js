// The default model: its published graph, run by TensorFlow.js, gives the same embeddings.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const gpu = require('../../..');
const { devices } = require('../../support/devices');
const { kPrecisions } = require('../../../lib/text/precision');
const { readTfjs } = require('../../../lib/text/readers/tfjs');
const { rounds } = require('../../support/rounds');
const { NaiveTokenizer, loadGraph, kFolder } = require('../../support/text/use-oracle');
const { prepare, packAs, embed } = require('../../support/text/run-model');
const reference = require('../../support/text/use-reference');

jest.setTimeout(120_000); // software Vulkan on a busy machine

const kTexts = [
  'a',
  'Hello, world!',
  'You may convey a work based on the Program, or the modifications to produce it from the Program.',
  'THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND',
  ': a text that begins with a colon :) at 10:30',
  'Größe, naïve café, ½ ﬁn',
  'Съешь ещё этих мягких французских булок',
  '日本語のテキスト and English',
  '🙂 👩‍👩‍👧 flags 🇳🇴',
  '  spaces   in\ta row\n',
  'x'.repeat(40),
];
const kLong = 'The licensor grants a licence to use, copy and share the work. '.repeat(12);

let stored, tokenizer, idLists, expected, expectedEmpty;
beforeAll(async () => {
  stored = await readTfjs(kFolder);
  tokenizer = new NaiveTokenizer();
  idLists = [...kTexts, kLong].map((text) => tokenizer.encode(text));
  const oracle = await loadGraph();
  expected = [];
  for (const ids of idLists) expected.push((await oracle.embed([ids]))[0]); // without padding it takes less
  [expectedEmpty] = await oracle.embed([[], [17]]);
  oracle.close();
}, 240_000);

const largestDifference = (a, b) => a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
/** Of all rows. */
const farthest = (rows, others) => Math.max(...rows.map((row, i) => largestDifference(row, others[i])));

test('what is known of it', () => {
  expect(stored.description.maxLength).toBe(128);
  expect(stored.digest).toMatch(/^[0-9a-f]{64}$/);
  expect(stored.tensors.get('module/Embeddings_en').shape).toEqual([8002, 256]);
});

describe.each(devices)('on %s', (device) => {
  let context, model, packed;
  beforeAll(async () => {
    context = await gpu.createContext({ device });
    model = prepare(stored, context);
    packed = await packAs(model, 'float32', context);
  });
  afterAll(() => context?.close());

  test('texts of all kinds in one batch are within 1e-5 of TensorFlow.js', async () => {
    expect(idLists.at(-1).length).toBeGreaterThan(150); // cut as the graph cuts it
    const { rows, dimensions } = await embed(model, packed, [...idLists.slice(0, 3), [], ...idLists.slice(3)], context);
    expect(dimensions).toBe(512);
    const [empty] = rows.splice(3, 1);
    expect(farthest(rows, expected)).toBeLessThan(1e-5);
    expect(largestDifference(empty, expectedEmpty)).toBeLessThan(1e-5);
  });

  test('in double precision it is the same within rounding', async () => {
    const { rows } = await embed(model, packed, [idLists[1]], context);
    expect(largestDifference(rows[0], reference.embed(packed.tensors, idLists[1]))).toBeLessThan(1e-6);
  });

  test('a text gets the same row alone and among others', async () => {
    const together = await embed(model, packed, idLists, context);
    for (const i of rounds([2], [0, 2, 6])) {
      const { rows } = await embed(model, packed, [idLists[i]], context);
      expect(largestDifference(rows[0], together.rows[i])).toBeLessThan(2e-6);
    }
  });
});

describe('through loadModel()', () => {
  // On a context the same graph ran above.
  test.each(rounds(['cpu:0'], devices))('texts are within 1e-5 of TensorFlow.js on %s', async (device) => {
    const context = await gpu.createContext({ device });
    const model = await context.loadModel(gpu.defaultModel, { precision: 'float32' });
    expect(model).toMatchObject({ kind: 'encoder', family: 'use-lite', dimensions: 512, maxLength: 128, layers: 2 });
    expect(model.precisionReason).toBe('it was asked for');
    const texts = [...kTexts, kLong];
    const { embeddings, tokens, truncated } = await model.embed(texts);
    expect(tokens).toEqual(idLists.map(({ length }) => Math.min(length, 128)));
    expect(truncated).toEqual(idLists.map(({ length }) => length > 128));
    const rows = texts.map((_, i) => embeddings.data.subarray(i * 512, (i + 1) * 512));
    expect(farthest(rows, expected)).toBeLessThan(1e-5);
    await model.close();
    await context.close();
  });

  test('an empty text has a row of its own, and no tokens', async () => {
    const model = await gpu.loadModel(gpu.defaultModel, { precision: 'float32' });
    const { embeddings, tokens } = await model.embed(['', 'a']);
    expect(tokens[0]).toBe(0);
    const alone = await model.embed('');
    for (const data of [alone.embeddings.data, embeddings.data.subarray(0, 512)])
      expect(largestDifference(expectedEmpty, data)).toBeLessThan(1e-5);
    await model.close();
  });

  test('auto takes a precision that keeps its bound, says why, and is kept', async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-auto-'));
    const before = process.env.SHADER_CACHE_DIR;
    process.env.SHADER_CACHE_DIR = folder;
    try {
      const first = await gpu.loadModel(gpu.defaultModel);
      expect(first.precisionReason).toMatch(/the fastest on this device.*float32 .* ms; float16 .* cosine/);
      expect(Object.keys(kPrecisions)).toContain(first.precision);
      const files = fs.readdirSync(path.join(folder, 'text'));
      expect(files.length).toBe(first.precision === 'float32' ? 2 : 3); // the choice, the budget, packed weights
      await first.close();
      const again = await gpu.loadModel(gpu.defaultModel);
      expect(again.precisionReason).toBe(first.precisionReason); // with the very numbers
      await again.close();
    } finally {
      if (before === undefined) delete process.env.SHADER_CACHE_DIR;
      else process.env.SHADER_CACHE_DIR = before;
      fs.rmSync(folder, { recursive: true });
    }
  });

  test.each(Object.keys(kPrecisions))('%s gives about the same', async (precision) => {
    const model = await gpu.loadModel(gpu.defaultModel, { precision });
    expect(model.precision).toBe(precision);
    const { embeddings } = await model.embed(kTexts[2]);
    const dot = expected[2].reduce((sum, value, i) => sum + value * embeddings.data[i], 0);
    expect(dot).toBeGreaterThan(0.95);
    await model.close();
  });
});
