// The workloads that models are made of, from JavaScript: parameters that are lists, indices, dtypes.
'use strict';
const { createContext, devices, tensor } = require('../../../lib');

describe.each(devices().map(({ id }) => id))('on %s', (device) => {
  /** @type {import('../../../lib').GPUContext} */
  let ctx;
  beforeAll(async () => void (ctx = await createContext({ device })));
  afterAll(() => ctx.close());
  const run = async (type, inputs, params) => (await ctx.run({ type, inputs, params })).outputs.output;
  const input = tensor([
    [1, 2, 3],
    [4, 5, 6],
  ]);

  test('lists have an entry for each axis', async () => {
    expect(await run('transpose', { input })).toEqual(tensor(Float32Array.of(1, 4, 2, 5, 3, 6), [3, 2]));
    expect(await run('transpose', { input }, { axes: [0, 1] })).toEqual(input);
    expect(await run('slice', { input }, { start: [0, 1] })).toEqual(tensor(Float32Array.of(2, 3, 5, 6), [2, 2]));
    expect(await run('slice', { input }, { size: [1, 2] })).toEqual(tensor(Float32Array.of(1, 2), [1, 2]));
  });

  test.each([
    ['no list', { axes: 1 }, /parameter 'axes' is 1, but must be an array/],
    ['no numbers', { axes: [0, '1'] }, /parameter 'axes' is '1', but must be an array/],
    ['too many', { axes: [0, 1, 2, 3, 4, 5, 6, 7, 8] }, /array of 1 to 8 whole numbers/],
    ['too few', { axes: [0] }, /'axes' has 1 entry, but 'input' has 2 axes/],
    ['a fraction', { axes: [0, 0.5] }, /parameter 'axes' is 0\.5, but must be a whole number/],
    ['one twice', { axes: [1, 1] }, /'axes' is \[1, 1\], but must name each axis of 'input', 0 to 1, once/],
  ])('%s is refused by name', async (_, params, message) => {
    await expect(run('transpose', { input }, params)).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringMatching(message) }),
    );
  });

  test('a graph whose list its owner changes is another graph', async () => {
    const axes = [1, 0];
    const node = { type: 'transpose', inputs: { input: 'x' }, params: { axes }, outputs: { output: 'y' } };
    const graph = { type: 'graph', inputs: { x: input }, nodes: [node], outputs: ['y'] };
    expect((await ctx.run(graph)).outputs.y.shape).toEqual([3, 2]);
    expect((await ctx.run(graph)).outputs.y.shape).toEqual([3, 2]);
    axes.reverse();
    expect((await ctx.run(graph)).outputs.y.shape).toEqual([2, 3]);
  });

  test('an index outside of the table is refused by its place, wherever the indices lie', async () => {
    const indices = tensor([1, -1], undefined, 'int32');
    const message = "'indices' holds -1 at index 1, but the rows of 'table' are 0 to 1";
    await expect(run('gather', { table: input, indices })).rejects.toThrow(message);
    const there = await ctx.upload(indices);
    await expect(run('gather', { table: input, indices: there })).rejects.toThrow(message);
    there.release();
  });

  test('outputs are float32 unless dtype says otherwise', async () => {
    const half = await run('cast', { input }, { dtype: 'bfloat16' });
    expect(half).toEqual(tensor([1, 2, 3, 4, 5, 6], [2, 3], 'bfloat16'));
    expect((await run('scale', { input: half })).dtype).toBe('float32');
    expect((await run('scale', { input: half }, { dtype: 'same' })).dtype).toBe('bfloat16');
    expect((await run('scale', { input: half }, { dtype: 'float16' })).dtype).toBe('float16');
    expect((await run('transpose', { input: half })).dtype).toBe('bfloat16');
  });
});
