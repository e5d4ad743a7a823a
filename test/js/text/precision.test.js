// The default model in each precision, against itself in float32.
'use strict';
const gpu = require('../../..');
const { devices } = require('../../support/devices');
const { readTfjs } = require('../../../lib/text/readers/tfjs');
const { kPrecisions, layoutOf, pack, fitStep } = require('../../../lib/text/precision');
const { smallestCosine } = require('../../../lib/text/auto-precision');
const { kSentences } = require('../../../lib/text/sentences');
const { rounds } = require('../../support/rounds');
const { NaiveTokenizer, kFolder } = require('../../support/text/use-oracle');
const { prepare, packAs, embed } = require('../../support/text/run-model');

jest.setTimeout(120_000); // software Vulkan on a busy machine

describe.each(devices)('on %s', (device) => {
  let context, model, idLists, expected;
  beforeAll(async () => {
    context = await gpu.createContext({ device });
    model = prepare(await readTfjs(kFolder), context);
    const tokenizer = new NaiveTokenizer();
    idLists = kSentences.map((text) => tokenizer.encode(text));
    expected = await embed(model, await packAs(model, 'float32', context), idLists, context);
  });
  afterAll(() => context?.close());

  const all = Object.keys(kPrecisions).filter((name) => name !== 'float32');
  // A software driver takes long for each; products of 8 bits are what differs most from those of the CPU.
  test.each(device.startsWith('cpu') ? all : rounds(['int8'], all))('%s keeps its bound', async (precision) => {
    const packed = await packAs(model, precision, context);
    const { data } = await embed(model, packed, idLists, context);
    const cosine = smallestCosine(data, expected.data, expected.dimensions);
    expect(cosine).toBeGreaterThan(kPrecisions[precision].bound);
    expect(cosine).toBeLessThan(1); // it is another one
  });
});

describe('pack', () => {
  let context;
  beforeAll(async () => {
    context = await gpu.createContext({ device: 'cpu' });
  });
  afterAll(() => context?.close());
  const entry = (name, kind, shape) => ({ name, kind, shape, dtype: 'float32' });
  const sourceOf = (given, tensors) => ({ given, take: async (name) => tensors.get(name) });

  test('each kind of tensor as its precision says', async () => {
    const table = [entry('w', 'weight', [2, 6]), entry('t', 'table', [2, 6]), entry('v', 'vector', [6])];
    const values = Float32Array.of(1, -2, 3, 4, 5, -7, 0.5, 0, 0.25, 0, 0, 0);
    const tensors = new Map([
      ['w', gpu.tensor(values, [2, 6])],
      ['t', gpu.tensor(values, [2, 6])],
      ['v', gpu.tensor(values.subarray(0, 6), [6])],
    ]);
    const dtypes = {};
    for (const precision of Object.keys(kPrecisions)) {
      const packed = await pack(sourceOf(table, tensors), precision, context);
      dtypes[precision] = Object.fromEntries([...packed.tensors].map(([name, { dtype }]) => [name, dtype]));
      const { parts, forms } = layoutOf(table, precision);
      expect(parts).toEqual([...packed.tensors].map(([name, { dtype: is, shape }]) => ({ name, dtype: is, shape })));
      expect(forms).toEqual(packed.forms);
    }
    expect(dtypes).toEqual({
      float32: { w: 'float32', t: 'float32', v: 'float32' },
      float16: { w: 'float16', t: 'float16', v: 'float32' },
      bfloat16: { w: 'bfloat16', t: 'bfloat16', v: 'float32' },
      int8: { w: 'int8', 'w.scales': 'float32', t: 'int8', 't.scales': 'float32', v: 'float32' },
      int4: { w: 'uint8', 'w.scales': 'float32', t: 'int8', 't.scales': 'float32', v: 'float32' },
    });
    const { tensors: codes } = await pack(sourceOf(table, tensors), 'int4', context);
    expect([codes.get('w').shape, codes.get('w.scales').shape]).toEqual([[2, 3], [2]]);
  });

  test('codes of 4 bits have a scale for each group of columns, where those divide a row', async () => {
    const shapes = { a: [3, 96], b: [3, 40], c: [3, 7] };
    const table = Object.entries(shapes).map(([name, shape]) => entry(name, 'weight', shape));
    const tensors = new Map(
      Object.entries(shapes).map(([name, [m, k]]) => [
        name,
        gpu.tensor(
          Float32Array.from({ length: m * k }, (_, i) => Math.sin(i)),
          [m, k],
        ),
      ]),
    );
    const packed = await pack(sourceOf(table, tensors), 'int4', context);
    const shapeOf = (name) => packed.tensors.get(name).shape;
    expect(Object.keys(shapes).map((name) => [shapeOf(name), shapeOf(`${name}.scales`)])).toEqual([
      [
        [3, 48],
        [3, 3],
      ],
      [
        [3, 20],
        [3, 2],
      ],
      [[3, 4], [3]],
    ]);
    for (const [name, [m, k]] of Object.entries(shapes)) {
      const step = { type: 'linear', inputs: { input: 'x', weight: name }, output: 'y' };
      const { type, inputs, params } = fitStep(step, packed.forms);
      const x = gpu.tensor(
        Float32Array.from({ length: k * k }, (_, i) => (i % (k + 1) ? 0 : 1)),
        [k, k],
      );
      const nodes = [{ type, inputs, params, outputs: { output: 'y' } }];
      const given = { x, ...Object.fromEntries(packed.tensors) };
      for (const key of Object.keys(given)) if (!Object.values(inputs).includes(key)) delete given[key];
      const { outputs } = await context.run({ type: 'graph', inputs: given, nodes, outputs: ['y'] });
      const { data } = tensors.get(name);
      for (let i = 0; i < m * k; ++i)
        // y [k, m]: the weight, as it comes back
        expect(Math.abs(outputs.y.data[(i % k) * m + Math.floor(i / k)] - data[i])).toBeLessThan(0.51 / 7 + 1e-3);
    }
  });

  test('a careful weight has 8 bits where others have 4', async () => {
    const table = [{ ...entry('w', 'weight', [2, 4]), careful: true }];
    const { tensors, forms } = await pack(
      sourceOf(table, new Map([['w', gpu.tensor(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8), [2, 4])]])),
      'int4',
      context,
    );
    expect(tensors.get('w').dtype).toBe('int8');
    expect(forms.get('w')).toEqual({ scales: 'w.scales', params: { bits: 8, activations: 'int8' } });
  });
});
