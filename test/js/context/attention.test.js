// Attention of packed sequences, and what it holds in memory, on every device. Sizes and special values are the native
// tests' business.
'use strict';
const { gpu, random } = require('../../support/random-data');
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

  test('attention of packed sequences, with a cache of keys and heads in groups', async () => {
    const [h, g, d, e] = [4, 2, 8, 6],
      lengths = [2, 0, 5],
      keyLengths = [6, 1, 5];
    const sum = (list) => list.reduce((a, b) => a + b, 0);
    const offsetsOf = (list) => tensor(Int32Array.from([0, ...list.map((n, i) => sum(list.slice(0, i)) + n)]));
    const t = sum(lengths),
      u = sum(keyLengths);
    const query = tensor(random(t * h * d, 1), [t, h, d]),
      key = tensor(random(u * g * d, 2), [u, g, d]),
      value = tensor(random(u * g * e, 3), [u, g, e]),
      bias = tensor(random(h * 36, 4), [h, 6, 6]);
    const inputs = { query, key, value, offsets: offsetsOf(lengths), keyOffsets: offsetsOf(keyLengths), bias };
    // Row r of a sequence of a queries and b keys is at r + b - a.
    const rowsOfHead = (x, width, heads, head, from, count) =>
      Array.from({ length: count }, (_, r) =>
        Array.from(x.data.subarray(((from + r) * heads + head) * width, ((from + r) * heads + head + 1) * width)),
      );
    const wanted = Array.from({ length: t }, () => []);
    let row = 0,
      keyRow = 0;
    lengths.forEach((a, i) => {
      const b = keyLengths[i];
      for (let head = 0; head < h; head++) {
        const kv = Math.floor(head / (h / g));
        const mask = Array.from({ length: a }, (_, r) =>
          [...Array(b).keys()].map((c) => (c > r + b - a ? -Infinity : bias.data[(head * 6 + r + b - a) * 6 + c])),
        );
        if (!a) continue;
        const { output } = oracle.attentionHead(
          rowsOfHead(query, d, h, head, row, a),
          rowsOfHead(key, d, g, kv, keyRow, b),
          rowsOfHead(value, e, g, kv, keyRow, b),
          { mask },
        );
        output.forEach((values, r) => wanted[row + r].push(...values));
      }
      row += a;
      keyRow += b;
    });
    const { output } = await run('attention', inputs, { causal: true });
    expect(output.shape).toEqual([t, h, e]);
    expectClose(output.data, wanted, 1e-5);
    // Offsets that are on the device are read from there.
    const offsets = await ctx.upload(inputs.offsets);
    expectClose((await run('attention', { ...inputs, offsets }, { causal: true })).output.data, wanted, 1e-5);
    await expect(run('attention', { ...inputs, offsets: offsetsOf([2, 4]) })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringContaining("'keyOffsets' has 4 elements"),
    });
    await expect(run('attention', { ...inputs, offsets: tensor(new Int32Array([0, 3, 2, 7])) })).rejects.toThrow(
      "'offsets' must not fall, but falls from 3 to 2 at index 2",
    );
  });

  test('attention keeps no scores: a context holds a sixteenth of what they would take', async () => {
    const [s, d] = [4096, 8];
    const small = await gpu.createContext({ device, memoryLimit: 4 * 1024 ** 2 });
    try {
      const of = (seed) => tensor(random(s * d, seed), [1, s, d]);
      const inputs = { query: of(1), key: of(2), value: of(3) };
      const { outputs } = await small.run({ type: 'attention', inputs });
      const [query, key, value] = ['query', 'key', 'value'].map((name) => rowsOf(inputs[name].data, d));
      const rows = [0, 1777, s - 1];
      expectClose(
        rows.flatMap((r) => Array.from(outputs.output.data.subarray(r * d, (r + 1) * d))),
        oracle.attentionHead(
          rows.map((r) => query[r]),
          key,
          value,
          {},
        ).output,
        1e-5,
      );
    } finally {
      await small.close();
    }
  });
});
