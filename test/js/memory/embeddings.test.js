// processEmbeddings(): each combination of its steps against double precision, joined calls, bases, and what is
// refused.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const fc = require('fast-check');
const gpu = require('../../..');
const { devices } = require('../../support/devices');
const { Pipeline, pipelineOf } = require('../../../lib/memory/embeddings');
const { contextOwner } = require('../../../lib/text');
const { someRows, rounded, expectRows } = require('../../support/embeddings-oracle');
const { makeModel, writeModel, someTexts, temporaryFolder } = require('../../support/text/models');

describe.each(devices)('%s', (device) => {
  let context, pipeline;
  beforeAll(async () => {
    context = await gpu.createContext({ device });
    pipeline = pipelineOf(context);
  });
  afterAll(() => context.close());

  const wishes = [false, true].flatMap((normalize) =>
    [0, 5, 12].flatMap((dimensions) => [0, 8, 4].map((bits) => ({ normalize, dimensions, bits }))),
  );
  test.each(wishes)('%j', async ({ normalize, dimensions, bits }) => {
    const rows = rounded(someRows(40, 12));
    const options = {
      normalize,
      ...(dimensions && { dimension_reduction: dimensions, basis: `${device} ${normalize} ${dimensions}` }),
      ...(bits && { quantization: bits }),
    };
    const result = await pipeline.process({ embeddings: rows, options });
    const dtype = { 0: 'float32', 8: 'int8', 4: 'uint8' }[bits];
    expect(result.embeddings.dtype).toBe(dtype);
    expect(result.embeddings.shape).toEqual([40, bits === 4 ? Math.ceil((dimensions || 12) / 2) : dimensions || 12]);
    expect(Boolean(result.scales)).toBe(bits > 0);
    expect(Boolean(result.basis)).toBe(dimensions > 0);
    expectRows(result, rows, { normalize, bits });
  });

  test('components are orthonormal and say what the rows vary by', async () => {
    const rows = rounded(someRows(200, 6).map((row) => row.map((x, i) => x * (6 - i) ** 2)));
    const options = { normalize: false, dimension_reduction: 3, basis: `${device} variances` };
    const { embeddings, basis } = await pipeline.process({ embeddings: rows, options });
    const own = Array.from({ length: 3 }, (_, c) => [...basis.components.data.subarray(6 * c, 6 * c + 6)]);
    for (const [i, a] of own.entries())
      for (const [j, b] of own.entries())
        expect(a.reduce((sum, x, k) => sum + x * b[k], 0)).toBeCloseTo(i === j ? 1 : 0, 4);
    for (let c = 0; c < 3; ++c) {
      const column = Array.from({ length: 200 }, (_, i) => embeddings.data[3 * i + c]);
      const mean = column.reduce((sum, x) => sum + x, 0) / 200;
      const variance = column.reduce((sum, x) => sum + (x - mean) ** 2, 0) / 199;
      expect(Math.abs(variance / basis.explainedVariance.data[c] - 1)).toBeLessThan(1e-3);
    }
  });

  test('large calls are cut, and every row is where it was', async () => {
    const rows = rounded(someRows(1000, 8));
    const before = pipeline.counts.jobs;
    const options = { batch_size: 64, quantization: true };
    const result = await pipeline.process({ embeddings: rows, options });
    expect(pipeline.counts.jobs - before).toBe(16);
    expectRows(result, rows, { normalize: true, bits: 8 });
  });

  test('small calls of one turn are one job, and each gets its own rows', async () => {
    const before = { ...pipeline.counts };
    const calls = Array.from({ length: 20 }, (_, i) => rounded(someRows(1 + (i % 3), 16, i + 1)));
    const results = await Promise.all(calls.map((rows) => pipeline.process({ embeddings: rows })));
    results.forEach((result, i) => expectRows(result, calls[i], { normalize: true }));
    expect(pipeline.counts.jobs - before.jobs).toBe(1);
    expect(pipeline.counts.joined - before.joined).toBe(20);
    // None has another one's memory.
    expect(new Set(results.map(({ embeddings }) => embeddings.data.buffer)).size).toBe(20);
  });

  test('what is wrong with one caller fails that one alone', async () => {
    const good = rounded(someRows(3, 16));
    const bad = good.map((row, i) => row.map((x, j) => (i === 1 && j === 7 ? NaN : x)));
    const settled = await Promise.allSettled(
      [good, bad, good, [[1, Infinity]], good].map((embeddings) => pipeline.process({ embeddings })),
    );
    expect(settled.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    expect(settled[1].reason).toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      argument: 'embeddings[1]',
      message: expect.stringMatching(/row 1: element 7 is NaN/),
    });
    expect(settled[3].reason.message).toMatch(/row 0: element 1 is Infinity/);
    for (const i of [0, 2, 4]) expectRows(settled[i].value, good, { normalize: true });
  });

  test.each([
    [{ normalize: false }, 3],
    [{ normalize: false, quantization: true }, 3],
    [{ quantization: 4 }, 3],
    [{ dimension_reduction: 4, basis: 'of good rows', quantization: true }, 3],
    [{ dimension_reduction: 4, basis: 'of good raw rows', normalize: false }, 3],
  ])('a row that is no number is found after %j', async (options, row) => {
    await pipeline.process({ embeddings: someRows(20, 8), options: { ...options } });
    for (const bad of [NaN, Infinity, -Infinity]) {
      const rows = someRows(20, 8);
      rows[row][5] = bad;
      await expect(pipeline.process({ embeddings: rows, options })).rejects.toMatchObject({
        code: 'ERR_INVALID_ARGUMENT',
        argument: `embeddings[${row}]`,
      });
    }
  });

  test('a row of zeros stays zeros', async () => {
    const { embeddings, scales } = await pipeline.process({
      embeddings: [
        [0, 0],
        [3, 4],
      ],
      options: { quantization: true },
    });
    expect([...embeddings.data]).toEqual([0, 0, 95, 127]);
    expect(scales.data[0]).toBe(0);
  });

  test.each(['float16', 'bfloat16'])('rows of %s', async (dtype) => {
    const one = { float16: 0x3c00, bfloat16: 0x3f80 }[dtype];
    const two = { float16: 0x4000, bfloat16: 0x4000 }[dtype];
    const given = gpu.tensor(Uint16Array.of(one, two, two, one), [2, 2], dtype);
    for (const options of [{}, { normalize: false }]) {
      const { embeddings } = await pipeline.process({ embeddings: given, options });
      expect(embeddings.dtype).toBe('float32');
      const wanted = [1, 2].map((x) => (options.normalize === false ? x : x / Math.sqrt(5)));
      [...wanted, wanted[1], wanted[0]].forEach((x, i) => expect(embeddings.data[i]).toBeCloseTo(x, 5));
    }
    const bad = gpu.tensor(Uint16Array.of(one, two, 0x7fff, one), [2, 2], dtype);
    await expect(pipeline.process({ embeddings: bad })).rejects.toMatchObject({ argument: 'embeddings[1]' });
  });

  test('random calls at once are as each by itself', async () => {
    const call = fc.record({
      n: fc.integer({ min: 0, max: 70 }),
      normalize: fc.boolean(),
      bits: fc.constantFrom(0, 4, 8),
      batch: fc.constantFrom(undefined, 1, 7, 64),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 8 }), async (calls) => {
        const all = calls.map(({ n }, i) => rounded(someRows(n, 6, i + 1)));
        const results = await Promise.all(
          calls.map(({ normalize, bits, batch, n }, i) => {
            const embeddings = gpu.tensor(Float32Array.from(all[i].flat()), [n, 6]);
            return pipeline.process({
              embeddings,
              options: { normalize, quantization: bits || false, batchSize: batch },
            });
          }),
        );
        results.forEach((result, i) => expectRows(result, all[i], calls[i]));
      }),
      { seed: 7, numRuns: 25 },
    );
  });
});

test('vectors in every form', async () => {
  const forms = [
    [
      [3, 4],
      [0, 2],
    ],
    [Float32Array.of(3, 4), Float32Array.of(0, 2)],
    gpu.tensor([
      [3, 4],
      [0, 2],
    ]),
    { data: Float32Array.of(3, 4, 0, 2), shape: [2, 2], dtype: 'float32' },
    { data: Float32Array.of(3, 4, 0, 2), shape: [2, 2] },
  ];
  for (const embeddings of forms) {
    const { embeddings: made, dimensions, timings } = await gpu.processEmbeddings({ embeddings });
    expect([...made.data].map((x) => x.toFixed(4))).toEqual(['0.6000', '0.8000', '0.0000', '1.0000']);
    expect([made.shape, dimensions]).toEqual([[2, 2], 2]);
    expect(Object.keys(timings)).toEqual(['queued', 'switch', 'upload', 'compute', 'readback', 'total']);
  }
  for (const embeddings of [[3, 4], Float32Array.of(3, 4)])
    expect((await gpu.processEmbeddings({ embeddings })).embeddings.shape).toEqual([2]);
  const none = { data: new Float32Array(0), shape: [0, 5] };
  expect((await gpu.processEmbeddings({ embeddings: none, options: { quantization: 4 } })).embeddings.shape).toEqual([
    0, 3,
  ]);
});

describe('texts', () => {
  let context, root, model;
  beforeAll(async () => {
    root = temporaryFolder();
    context = await gpu.createContext({ device: 'cpu' });
    writeModel(path.join(root, 'model'), makeModel('bert'), { pooling: { pooling_mode_mean_tokens: true } });
    model = await context.loadModel(path.join(root, 'model'), { precision: 'float32' });
  });
  afterAll(async () => {
    await model.close();
    await context.close();
    fs.rmSync(root, { recursive: true });
  });

  test('are embedded with a model, and then as any vectors', async () => {
    const texts = someTexts(9);
    const { embeddings: vectors } = await model.embed(texts);
    const [n, d] = vectors.shape;
    const rows = Array.from({ length: n }, (_, i) => [...vectors.data.subarray(i * d, (i + 1) * d)]);
    const result = await gpu.processEmbeddings({ texts, options: { model, dimension_reduction: 4 } }, { priority: 2 });
    expectRows(result, rows, { normalize: true });
    expect(result.basis.name).toBe(`pca-${d}-4-${model.digest.slice(0, 12)}`);
    const one = await gpu.processEmbeddings({ texts: texts[3], options: { model } });
    expect(one.embeddings.shape).toEqual([d]);
    expect((await gpu.processEmbeddings({ texts: [], options: { model } })).embeddings.shape).toEqual([0, d]);
  });

  test('of another model need a basis of another name', async () => {
    const folder = path.join(root, 'other');
    writeModel(folder, makeModel('bert', { seed: 9 }), { pooling: { pooling_mode_mean_tokens: true } });
    const other = await context.loadModel(folder, { precision: 'float32' });
    const call = (by) =>
      gpu.processEmbeddings({
        texts: someTexts(9),
        options: { model: by, dimension_reduction: 4, basis: 'of one model' },
      });
    const { basis } = await call(model);
    expect([basis.normalized, basis.model]).toEqual([true, model.digest]);
    await expect(call(other)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringMatching(/the basis 'of one model' was fitted to vectors of the model/),
    });
    expect((await call(model)).basis.version).toBe(basis.version);
    await other.close();
  });

  test('a model that is named is loaded once, and again after a clean-up', async () => {
    const pipeline = new Pipeline(contextOwner(context));
    const options = { model: path.join(root, 'model') };
    const calls = someTexts(5).map((text) => pipeline.process({ texts: [text], options }));
    const before = await Promise.all(calls);
    expect(before[0].embeddings.shape[0]).toBe(1);
    const during = pipeline.process({ texts: ['the'], options });
    await pipeline.cleanup();
    expect((await during).embeddings.shape[0]).toBe(1);
    expect((await pipeline.process({ texts: ['the'], options })).embeddings.data).toEqual(
      (await during).embeddings.data,
    );
    await pipeline.cleanup();
    const missing = pipeline.process({ texts: ['the'], options: { model: path.join(root, 'none') } });
    await expect(missing).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
  });
});

describe('is refused:', () => {
  const vectors = [
    [1, 2, 3],
    [4, 5, 6],
  ];
  const withOptions = (options) => ({ embeddings: vectors, options });
  const basis = { mean: gpu.tensor([0, 0, 0]), components: gpu.tensor([[1, 0, 0]]) };
  test.each([
    [undefined, /is given undefined, but wants an object/],
    [{}, /embeddings and texts are both left out/],
    [{ embeddings: vectors, texts: ['a'] }, /both given/],
    [{ embedings: vectors }, /unknown field of processEmbeddings\(\) 'embedings' \(did you mean 'embeddings'/],
    [{ texts: 5 }, /texts is 5, but must be a string/],
    [{ texts: ['a', null] }, /texts\[1\] is null/],
    [{ embeddings: 'abc' }, /embeddings: data is 'abc'/],
    [{ embeddings: [[1, 2], [3]] }, /embeddings: data is ragged/],
    [{ embeddings: [Float32Array.of(1, 2), Float32Array.of(1)] }, /vector 1 is a Float32Array of 1, but vector 0/],
    [{ embeddings: Int32Array.of(1) }, /embeddings are int32, but must be float32/],
    [{ embeddings: gpu.tensor(new Float32Array(8), [2, 2, 2]) }, /have the shape \[2, 2, 2\]/],
    [{ embeddings: gpu.tensor(new Float32Array(0), [2, 0]) }, /have no dimensions/],
    [withOptions(5), /options is 5/],
    [
      withOptions({ normalise: true }),
      /unknown option of processEmbeddings\(\) 'normalise' \(did you mean 'normalize'/,
    ],
    [withOptions({ normalize: 1 }), /normalize is 1/],
    [withOptions({ reduce_dimensions: 'yes' }), /reduce_dimensions is 'yes'/],
    [withOptions({ reduce_dimensions: true }), /give dimension_reduction/],
    [withOptions({ dimension_reduction: 0 }), /dimension_reduction is 0/],
    [withOptions({ dimension_reduction: 1.5 }), /dimension_reduction is 1.5/],
    [withOptions({ dimension_reduction: 2, dimensionReduction: 3 }), /under its other spelling 2/],
    [withOptions({ dimension_reduction: 4, basis: 'too wide' }), /is 4, but embeddings have 3 dimensions/],
    [withOptions({ dimension_reduction: 3, basis: 'too few' }), /takes at least 3 rows, but embeddings have 2/],
    [withOptions({ basis: 'never fitted' }), /there is no basis 'never fitted' yet, .*: give dimension_reduction/],
    [withOptions({ quantization: 16 }), /quantization is 16, but must be true \(8 bits\), 8, 4 or false/],
    [withOptions({ batch_size: 0 }), /batch_size is 0/],
    [withOptions({ basis: 5 }), /basis is 5, but must be a name/],
    [withOptions({ basis: '' }), /a name has 1 to 200 bytes/],
    [withOptions({ basis: { ...basis, mean: [0] } }), /has an array|as mean/],
    [withOptions({ basis: { ...basis, mean: gpu.tensor([0, 0]) } }), /its mean has 2 elements/],
    [withOptions({ basis: { ...basis, version: 'abc' } }), /says that it is version 'abc'/],
    [withOptions({ basis: { ...basis, components: gpu.tensor([[NaN, 0, 0]]) } }), /holds NaN or infinities/],
    [withOptions({ basis, dimension_reduction: 2 }), /is 2, but the basis 'given' has 1 dimensions/],
    [{ embeddings: [[1, 2]], options: { basis } }, /have 2 dimensions, but the basis 'given' is of 3/],
    [withOptions({ store: {} }), /store is an object, but must be a Store/],
    [withOptions({ model: 'x' }), /embeddings need none/],
    [{ texts: ['a'], options: { model: 5 } }, /model is 5, but must be a TextModel/],
  ])('%j', async (request, message) => {
    await expect(gpu.processEmbeddings(request)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringMatching(message),
    });
  });

  test('options of jobs', async () => {
    const call = (options) => gpu.processEmbeddings({ embeddings: vectors }, options);
    for (const options of [5, { timeout: 0 }, { priority: 1.5 }, { contextType: 'cpu' }, { signal: {} }])
      await expect(call(options)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    await expect(call({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ERR_CANCELED' });
  });
});

test('one that is given up gives its memory back, and the others go on', async () => {
  const stop = new AbortController();
  const good = someRows(4, 16);
  const calls = [{ signal: stop.signal }, {}, { signal: stop.signal }].map((options) =>
    gpu.processEmbeddings({ embeddings: good }, options),
  );
  stop.abort();
  const [first, second, third] = await Promise.allSettled(calls);
  for (const { reason } of [first, third]) {
    expect(reason.code).toBe('ERR_CANCELED');
    await reason.released;
  }
  expectRows(second.value, rounded(good), { normalize: true });
  const large = new Float32Array(20_000 * 64).fill(1);
  const late = gpu.processEmbeddings(
    { embeddings: gpu.tensor(large, [20_000, 64]), options: { batch_size: 16 } },
    { timeout: 1 },
  );
  const error = await late.catch((thrown) => thrown);
  expect(error.code).toBe('ERR_TIMEOUT');
  await error.released;
});
