// Searches of codes, with masks and exact scores, on every device. Sizes and special values are the native tests'
// business.
'use strict';
const { gpu, matrix } = require('../../support/random-data');
const { devices } = require('../../support/devices');
const { expectClose } = require('../../support/assertions');
const oracle = require('../../support/oracle');

jest.setTimeout(120000); // software Vulkan on a busy machine
const { rowsOf } = oracle;

describe.each(devices)('on %s', (device) => {
  let ctx;
  beforeAll(async () => {
    ctx = await gpu.createContext({ device });
  });
  afterAll(() => ctx.close());
  const run = async (type, inputs, params) => (await ctx.run({ type, inputs, params })).outputs;

  test.each(['cosine', 'dot', 'l2'])('similarity-search by %s of codes, masked, with exact scores', async (metric) => {
    const queries = matrix(3, 24, 1),
      input = matrix(203, 24, 2);
    const { output: base, scales } = await run('quantize', { input });
    const mask = Uint8Array.from({ length: 26 }, (_, i) => (i === 4 ? 0b10010 : i % 3 ? 0 : 0b1011));
    const isAllowed = (row) => (mask[row >> 3] >> (row & 7)) & 1;
    const tensors = { queries, base, scales, mask: { data: mask, shape: [26] }, rescore: input };
    const { scores, indices, bound } = await run('similarity-search', tensors, { k: 7, metric });
    const all = rowsOf(queries.data, 24).map((q) => rowsOf(input.data, 24).map((b) => oracle.metrics[metric](q, b)));
    const worst = metric === 'l2' ? Infinity : -Infinity;
    const want = all.map((row) =>
      oracle.best(
        row.map((score, i) => (isAllowed(i) ? score : worst)),
        7,
        metric !== 'l2',
      ),
    );
    expect(Array.from(indices.data)).toEqual(want.flat());
    expectClose(
      scores.data,
      want.map((row, r) => row.map((c) => all[r][c])),
      2e-5,
    );
    expect(Array.from(bound.data)).toEqual([0, 0, 0]); // all that the mask leaves were scored again
  });

  test('similarity-search marks what a mask leaves over', async () => {
    const base = matrix(20, 4, 2);
    const mask = { data: Uint8Array.of(0, 0b100, 0b1), shape: [3] };
    const { scores, indices } = await run('similarity-search', { queries: matrix(1, 4, 1), base, mask }, { k: 4 });
    expect(Array.from(indices.data).sort((a, b) => b - a)).toEqual([16, 10, -1, -1]);
    expect(Array.from(scores.data).map(Number.isNaN)).toEqual([false, false, true, true]);
  });
});
