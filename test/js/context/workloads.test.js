// Every built-in workload on every device, against the oracle. Sizes and special values are the native tests' business.
'use strict';
const { gpu, random, matrix } = require('../../support/random-data');
const { devices } = require('../../support/devices');
const { expectClose } = require('../../support/assertions');
const oracle = require('../../support/oracle');

const { tensor } = gpu;
jest.setTimeout(120000); // software Vulkan on a busy machine
const { rowsOf } = oracle;

describe.each(devices)('on %s', (device) => {
  let ctx;
  beforeAll(async () => {
    ctx = await gpu.createContext({ device });
  });
  afterAll(() => ctx.close());
  const run = async (type, inputs, params) => (await ctx.run({ type, inputs, params })).outputs;

  test.each([
    ['add', (x, y) => x + y],
    ['subtract', (x, y) => x - y],
    ['multiply', (x, y) => x * y],
    ['divide', (x, y) => x / y],
  ])('%s', async (type, op) => {
    const a = matrix(7, 33, 1),
      b = matrix(7, 33, 2),
      row = random(33, 3);
    const same = await run(type, { a, b });
    expectClose(
      same.output.data,
      Array.from(a.data, (x, i) => op(x, b.data[i])),
      1e-6,
    );
    expect(same.output.shape).toEqual([7, 33]);
    expectClose(
      (await run(type, { a, b: row })).output.data,
      Array.from(a.data, (x, i) => op(x, row[i % 33])),
      1e-6,
    );
    expectClose(
      (await run(type, { a, b: new Float32Array([3]) })).output.data,
      Array.from(a.data, (x) => op(x, 3)),
      1e-6,
    );
  });

  test('scale', async () => {
    const input = matrix(5, 19);
    const { output } = await run('scale', { input }, { factor: 2.5, offset: -1 });
    expectClose(
      output.data,
      Array.from(input.data, (x) => x * 2.5 - 1),
      1e-6,
    );
    expectClose((await run('scale', { input })).output.data, Array.from(input.data), 0);
  });

  test.each(Object.keys(oracle.activations))('activation %s', async (kind) => {
    const input = tensor(random(257).map((x) => x * 5));
    expectClose(
      (await run('activation', { input }, { kind })).output.data,
      Array.from(input.data, oracle.activations[kind]),
      3e-6,
    );
  });

  test.each(Object.keys(oracle.reductions))('reduce %s', async (kind) => {
    const input = tensor(random(3 * 4 * 65), [3, 4, 65]);
    const { output } = await run('reduce', { input }, { kind });
    expect(output.shape).toEqual([3, 4]);
    expectClose(output.data, rowsOf(input.data, 65).map(oracle.reductions[kind]), 1e-5);
  });

  test('normalize', async () => {
    const input = matrix(9, 131);
    input.data.fill(0, 0, 131);
    const { output } = await run('normalize', { input });
    expectClose(
      output.data,
      rowsOf(input.data, 131).map((row) => row.map((x) => x / Math.max(oracle.norm(row), 1e-12))),
      1e-6,
    );
  });

  test('softmax', async () => {
    const input = matrix(6, 77);
    expectClose(
      (await run('softmax', { input }, { temperature: 0.5 })).output.data,
      rowsOf(input.data, 77).map((row) => oracle.softmaxRow(row, 0.5)),
      1e-6,
    );
  });

  test('layer-norm, with and without gamma and beta', async () => {
    const input = matrix(4, 50),
      gamma = random(50, 4),
      beta = random(50, 5);
    expectClose(
      (await run('layer-norm', { input, gamma, beta })).output.data,
      rowsOf(input.data, 50).map((row) => oracle.layerNormRow(row, gamma, beta)),
      1e-5,
    );
    expectClose(
      (await run('layer-norm', { input })).output.data,
      rowsOf(input.data, 50).map((row) => oracle.layerNormRow(row)),
      1e-5,
    );
  });

  test('matmul, transposed and batched', async () => {
    const a = matrix(17, 23, 1),
      b = matrix(23, 31, 2);
    const want = oracle.product(rowsOf(a.data, 23), rowsOf(b.data, 31));
    expectClose((await run('matmul', { a, b })).output.data, want, 1e-5);
    const at = tensor(Float32Array.from(oracle.transpose(rowsOf(a.data, 23)).flat()), [23, 17]);
    const bt = tensor(Float32Array.from(oracle.transpose(rowsOf(b.data, 31)).flat()), [31, 23]);
    const scaled = await run('matmul', { a: at, b: bt }, { transposeA: true, transposeB: true, alpha: 2 });
    expectClose(
      scaled.output.data,
      want.flat().map((x) => 2 * x),
      1e-5,
    );
    const batch = await run('matmul', { a: tensor(random(2 * 17 * 23, 3), [2, 17, 23]), b });
    expect(batch.output.shape).toEqual([2, 17, 31]);
    const second = rowsOf(random(2 * 17 * 23, 3), 23).slice(17);
    expectClose(batch.output.data.subarray(17 * 31), oracle.product(second, rowsOf(b.data, 31)), 1e-5);
  });

  test('attention, with mask, causal, with weights', async () => {
    const [h, s, t, d, e] = [2, 5, 5, 8, 6];
    const query = tensor(random(h * s * d, 1), [h, s, d]),
      key = tensor(random(h * t * d, 2), [h, t, d]),
      value = tensor(random(h * t * e, 3), [h, t, e]);
    const mask = matrix(s, t, 4);
    const { output, weights } = await run(
      'attention',
      { query, key, value, mask },
      { causal: true, returnWeights: true },
    );
    const heads = [0, 1].map((i) =>
      oracle.attentionHead(
        rowsOf(query.data, d).slice(i * s, (i + 1) * s),
        rowsOf(key.data, d).slice(i * t, (i + 1) * t),
        rowsOf(value.data, e).slice(i * t, (i + 1) * t),
        { mask: rowsOf(mask.data, t), causal: true },
      ),
    );
    expectClose(
      output.data,
      heads.map((head) => head.output),
      1e-5,
    );
    expectClose(
      weights.data,
      heads.map((head) => head.weights),
      1e-5,
    );
    expect(Object.keys(await run('attention', { query, key, value }))).toEqual(['output']);
  });

  test('top-k, ties to the lower index', async () => {
    const input = tensor(
      random(3 * 301).map((x) => Math.round(x * 20)),
      [3, 301],
    );
    for (const largest of [true, false]) {
      const { values, indices } = await run('top-k', { input }, { k: 10, largest });
      const want = rowsOf(input.data, 301).map((row) => oracle.best(row, 10, largest));
      expect(Array.from(indices.data)).toEqual(want.flat());
      expect(indices.dtype).toBe('int32');
      expectClose(
        values.data,
        want.map((row, r) => row.map((c) => input.data[r * 301 + c])),
        0,
      );
    }
  });

  test.each(['cosine', 'dot', 'l2'])('similarity-search by %s', async (metric) => {
    const queries = matrix(3, 24, 1),
      base = matrix(200, 24, 2);
    base.data.fill(0, 0, 24);
    const { scores, indices } = await run('similarity-search', { queries, base }, { k: 7, metric });
    const all = rowsOf(queries.data, 24).map((q) => rowsOf(base.data, 24).map((b) => oracle.metrics[metric](q, b)));
    const want = all.map((row) => oracle.best(row, 7, metric !== 'l2'));
    expect(Array.from(indices.data)).toEqual(want.flat());
    expectClose(
      scores.data,
      want.map((row, r) => row.map((c) => all[r][c])),
      2e-5,
    );
  });

  test.each([8, 4])('quantize and dequantize, %i bits', async (bits) => {
    const input = matrix(5, 13);
    input.data.fill(0, 13, 26);
    const levels = bits === 8 ? 127 : 7;
    const { output, scales } = await run('quantize', { input }, { bits });
    const want = rowsOf(input.data, 13).map((row) => oracle.quantizeRow(row, levels));
    expectClose(
      scales.data,
      want.map(({ scale }) => scale),
      1e-7,
    );
    if (bits === 8) expect(Array.from(output.data)).toEqual(want.flatMap(({ codes }) => codes));
    else {
      expect(output.shape).toEqual([5, 7]);
      expect(output.dtype).toBe('uint8');
      const nibble = (code) => (code === undefined ? 0 : code & 15);
      expect(Array.from(output.data)).toEqual(
        want.flatMap(({ codes }) =>
          Array.from({ length: 7 }, (_, i) => nibble(codes[2 * i]) | (nibble(codes[2 * i + 1]) << 4)),
        ),
      );
    }
    const back = await run('dequantize', { input: output, scales }, bits === 4 ? { bits, columns: 13 } : {});
    expectClose(
      back.output.data,
      want.map(({ codes, scale }) => codes.map((code) => code * scale)),
      1e-6,
    );
  });

  test('pca-fit and pca-transform', async () => {
    const input = tensor(
      random(60 * 6).map((x, i) => x * (1 + (i % 6))),
      [60, 6],
    );
    const fit = await run('pca-fit', { input }, { components: 3 });
    const want = oracle.pca(rowsOf(input.data, 6), 3);
    expectClose(fit.mean.data, want.mean, 1e-5, 'mean');
    expectClose(fit.explainedVariance.data, want.explainedVariance, 1e-4, 'explainedVariance');
    expectClose(fit.components.data, want.components, 1e-3, 'components');
    const { output } = await run('pca-transform', { input, mean: fit.mean, components: fit.components });
    const centered = rowsOf(input.data, 6).map((row) => row.map((x, j) => x - want.mean[j]));
    expectClose(output.data, oracle.product(centered, oracle.transpose(want.components)), 1e-2);
  });

  test('pagerank', async () => {
    const rowOffsets = Int32Array.from([0, 2, 3, 3, 5, 7]),
      columns = Int32Array.from([1, 2, 2, 0, 2, 3, 3]),
      weights = Float32Array.from([1, 3, 1, 2, 2, 1, 1]);
    const { ranks, iterations, residual } = await run(
      'pagerank',
      { rowOffsets, columns, weights },
      { tolerance: 1e-7, maxIterations: 200 },
    );
    expectClose(ranks.data, oracle.pagerank(rowOffsets, columns, weights), 1e-5);
    expect(iterations.data[0]).toBeGreaterThan(1);
    expect(residual.data[0]).toBeLessThanOrEqual(1e-7);
    expectClose(
      (await run('pagerank', { rowOffsets, columns })).ranks.data,
      oracle.pagerank(rowOffsets, columns),
      1e-5,
    );
  });

  test('force-layout', async () => {
    const rowOffsets = Int32Array.from([0, 2, 3, 3, 5, 6, 6]),
      columns = Int32Array.from([1, 2, 2, 4, 5, 5]); // two triangles
    const first = await run('force-layout', { rowOffsets, columns }, { iterations: 200 });
    expect(first.positions.shape).toEqual([6, 2]);
    const { positions, movement } = await run(
      'force-layout',
      { rowOffsets, columns, positions: first.positions },
      { iterations: 1 },
    );
    expect(movement.data[0]).toBeLessThan(0.1);
    const at = rowsOf(positions.data, 2),
      apart = (i, j) => Math.hypot(at[i][0] - at[j][0], at[i][1] - at[j][1]);
    expect(apart(0, 3)).toBeGreaterThan(apart(0, 1));
    await expect(
      run('force-layout', { rowOffsets, columns, positions: { data: new Float32Array(12).fill(NaN), shape: [6, 2] } }),
    ).rejects.toThrow(/'positions'.*node 0/);
  });

  test('evidence-timeline', async () => {
    const evidence = matrix(50, 4);
    const { timeline } = await run('evidence-timeline', { evidence }, { currentTime: 0.5, decay: 3 });
    expectClose(
      timeline.data,
      rowsOf(evidence.data, 4).map(([time, importance, category, relevance]) => [
        time,
        importance * Math.exp(-3 * Math.abs(0.5 - time)),
        relevance,
        category,
      ]),
      1e-6,
    );
  });

  test('float16 in, float16 out', async () => {
    const numbers = Array.from(random(40), (x) => Math.round(x * 64) / 64);
    const a = tensor(numbers, [4, 10], 'float16');
    const { output } = await run('add', { a, b: tensor(numbers, [4, 10], 'float16') }, { dtype: 'same' });
    expect(output.dtype).toBe('float16');
    expect(output.data).toBeInstanceOf(Uint16Array);
    expect(Array.from(output.data)).toEqual(
      Array.from(
        tensor(
          numbers.map((x) => 2 * x),
          [4, 10],
          'float16',
        ).data,
      ),
    );
    const wide = await run('reduce', { input: a }, { kind: 'sum' });
    expect(wide.output.shape).toEqual([4]);
  });

  test('bfloat16 in, bfloat16 out, and both kinds of halves in one job', async () => {
    const numbers = Array.from(random(40), (x) => Math.round(x * 64) / 64);
    const doubled = numbers.map((x) => 2 * x);
    const b = tensor(numbers, [4, 10], 'bfloat16');
    const { output } = await run('add', { a: b, b }, { dtype: 'same' });
    expect(output).toEqual(tensor(doubled, [4, 10], 'bfloat16'));
    const wide = await run('add', { a: b, b });
    expect(wide.output).toEqual(tensor(Float32Array.from(doubled), [4, 10]));
    const half = await run('add', { a: wide.output, b: wide.output }, { dtype: 'float16' });
    expect(half.output).toEqual(
      tensor(
        doubled.map((x) => 2 * x),
        [4, 10],
        'float16',
      ),
    );
    const both = await run('add', { a: tensor(numbers, [4, 10], 'float16'), b });
    expect(both.output).toEqual(tensor(Float32Array.from(doubled), [4, 10]));
    const into = new Uint16Array(40);
    expect(
      (await ctx.run({ type: 'add', inputs: { a: b, b }, params: { dtype: 'same' } }, { into: { output: into } }))
        .outputs.output,
    ).toEqual(tensor(doubled, [4, 10], 'bfloat16'));
    expect(into).toEqual(tensor(doubled, [40], 'bfloat16').data);
    // bits alone are float16
    const bits = await run('scale', { input: tensor(numbers, [40], 'float16').data }, { factor: 2, dtype: 'same' });
    expect(bits.output).toEqual(tensor(doubled, [40], 'float16'));
  });

  test('a whole graph, nodes in any order', async () => {
    const x = matrix(8, 16, 1),
      w = matrix(16, 4, 2);
    const { outputs } = await ctx.run({
      type: 'graph',
      inputs: { x, w },
      nodes: [
        { type: 'softmax', inputs: { input: 'h' }, outputs: { output: 'p' } },
        { type: 'matmul', inputs: { a: 'n', b: 'w' }, outputs: { output: 'h' } },
        { type: 'normalize', inputs: { input: 'x' }, outputs: { output: 'n' } },
      ],
      outputs: ['p', 'h'],
    });
    const n = rowsOf(x.data, 16).map((row) => row.map((v) => v / oracle.norm(row)));
    const h = oracle.product(n, rowsOf(w.data, 4));
    expectClose(outputs.h.data, h, 1e-5);
    expectClose(
      outputs.p.data,
      h.map((row) => oracle.softmaxRow(row)),
      1e-5,
    );
    expect(Object.keys(outputs)).toEqual(['p', 'h']);
  });

  test('empty tensors where mathematics allows them', async () => {
    const none = tensor(new Float32Array(0), [0, 5]);
    expect((await run('normalize', { input: none })).output.shape).toEqual([0, 5]);
    const product = await run('matmul', {
      a: tensor(new Float32Array(0), [2, 0]),
      b: tensor(new Float32Array(0), [0, 3]),
    });
    expect(Array.from(product.output.data)).toEqual([0, 0, 0, 0, 0, 0]);
  });
});
