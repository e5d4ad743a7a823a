// How jobs end: results, aborts, deadlines, `into`, device tensors, closing.
'use strict';
const { getEventListeners } = require('node:events');
const { setTimeout: delay } = require('node:timers/promises');
const { gpu, random, matrix } = require('../../support/random-data');
const { devices } = require('../../support/devices');
const { failure, expectClose } = require('../../support/assertions');

const { tensor } = gpu;
jest.setTimeout(120000); // software Vulkan on a busy machine
const pair = (n, x = 1, y = 2) => ({
  type: 'add',
  inputs: { a: new Float32Array(n).fill(x), b: new Float32Array(n).fill(y) },
});

describe.each(devices)('on %s', (device) => {
  let ctx;
  beforeAll(async () => {
    ctx = await gpu.createContext({ device });
  });
  afterAll(() => ctx.close());
  // Long enough to be caught in the act, even here.
  const size = device.startsWith('cpu') ? 1536 : 320;
  const a = matrix(size, size, 1),
    b = matrix(size, size, 2);
  const long = () => ({ type: 'matmul', inputs: { a, b } });

  test('a result says what ran where', async () => {
    const result = await ctx.run({ ...pair(8), id: 'mine' });
    expect(result).toMatchObject({
      workloadId: 'mine',
      contextId: ctx.id,
      contextType: device.split(':')[0],
      deviceName: ctx.device.name,
    });
    expect(ctx.device.id).toBe(device);
    for (const name of ['queued', 'upload', 'compute', 'readback', 'total'])
      expect(result.timings[name]).toBeGreaterThanOrEqual(0);
    expect(result.timings.switch).toBe(0);
    expect(result.timings.total).toBeGreaterThan(0);
    expect((await ctx.run(pair(8))).workloadId).not.toBe((await ctx.run(pair(8))).workloadId);
  });

  test('a context is one device: what may be split runs whole, what can not is refused', async () => {
    const input = gpu.tensor([[3, 4]]);
    const { outputs, parts } = await ctx.run({ type: 'normalize', inputs: { input }, split: true });
    expectClose(outputs.output.data, [0.6, 0.8]);
    expect(parts).toBeUndefined();
    const { message, argument } = await failure(ctx.run({ ...pair(8), split: true }), 'ERR_INVALID_ARGUMENT');
    expect([message, argument]).toEqual([expect.stringContaining("'add' can't be split"), 'split']);
  });

  test.each([1, 3, 1000, 100003])('%i elements at offsets that are not aligned', async (n) => {
    const memory = random(n + 3),
      bytes = new Uint8Array(n * 4 + 8);
    for (let offset = 0; offset < 4; ++offset) {
      const input = memory.subarray(offset, n - 1 + offset);
      const { outputs } = await ctx.run({ type: 'scale', inputs: { input }, params: { factor: 2 } });
      expectClose(
        outputs.output.data,
        Array.from(input, (x) => 2 * x),
        1e-6,
      );
      const into = new Float32Array(bytes.buffer, 4, n - 1);
      bytes.fill(7);
      await ctx.run({ type: 'scale', inputs: { input }, params: { factor: 2 } }, { into: { output: into } });
      expectClose(
        into,
        Array.from(input, (x) => 2 * x),
        1e-6,
      );
      expect([...bytes.subarray(0, 4), ...bytes.subarray(n * 4)]).toEqual(new Array(12).fill(7)); // guards around it
    }
  });

  test('inputs are not written, and small ones may change as soon as run() returns', async () => {
    const workload = pair(1000);
    const promises = Array.from({ length: 50 }, (_, i) => {
      workload.inputs.a.fill(i);
      return ctx.run(workload);
    });
    workload.inputs.a.fill(-1);
    (await Promise.all(promises)).forEach(({ outputs }, i) =>
      expect(outputs.output.data.every((x) => x === i + 2)).toBe(true),
    );
    expect(workload.inputs.b.every((x) => x === 2)).toBe(true);
  });

  test('200 jobs in flight, small and large', async () => {
    const results = await Promise.all(
      Array.from({ length: 200 }, (_, i) => ctx.run(pair(i % 10 ? 100 + i : 50000, i, 1))),
    );
    results.forEach(({ outputs }, i) => {
      expect(outputs.output.data.length).toBe(i % 10 ? 100 + i : 50000);
      expect(outputs.output.data.every((x) => x === i + 1)).toBe(true);
    });
  });

  test('outputs outlive each other, the context and collections', async () => {
    const own = await gpu.createContext({ device });
    const kept = [];
    for (let i = 0; i < 20; ++i) kept.push((await own.run(pair(30000, i, i))).outputs.output.data);
    await own.close();
    for (let i = 0; i < 20; ++i) await ctx.run(pair(30000, 99, 99));
    kept.forEach((data, i) => expect(data.every((x) => x === 2 * i)).toBe(true));
  });

  test('into: small and large, tensor and bare array', async () => {
    for (const n of [16, 40000]) {
      const target = tensor(new Float32Array(n), [2, n / 2]);
      const summand = tensor(new Float32Array(n).fill(3), [2, n / 2]);
      const { outputs } = await ctx.run(
        { type: 'add', inputs: { a: summand, b: summand } },
        { into: { output: target } },
      );
      expect(outputs.output.data).toBe(target.data);
      expect(target.data.every((x) => x === 6)).toBe(true);
      const bare = new Float32Array(n);
      const second = await ctx.run({ type: 'add', inputs: { a: summand, b: summand } }, { into: { output: bare } });
      expect(second.outputs.output).toEqual({ data: bare, shape: [2, n / 2], dtype: 'float32' });
      expect(bare.every((x) => x === 6)).toBe(true);
    }
    // Only one of two outputs.
    const indices = new Int32Array(4);
    const { outputs } = await ctx.run(
      {
        type: 'top-k',
        inputs: {
          input: tensor([
            [1, 3, 2],
            [6, 5, 4],
          ]),
        },
        params: { k: 2 },
      },
      { into: { indices } },
    );
    expect(outputs.indices.data).toBe(indices);
    expect([...indices]).toEqual([1, 2, 0, 1]);
    expect([...outputs.values.data]).toEqual([3, 2, 6, 5]);
  });

  test('device tensors: upload, use, read, release', async () => {
    const host = matrix(50, 40, 3);
    const held = await ctx.upload(host);
    expect(held).toBeInstanceOf(gpu.DeviceTensor);
    expect(held).toMatchObject({ shape: [50, 40], dtype: 'float32', device });
    expect(ctx.memoryUsage.used).toBeGreaterThanOrEqual(8000);
    expect(await held.read()).toEqual(host);
    const into = new Float32Array(2000);
    expect((await held.read({ into })).data).toBe(into);
    expect(into).toEqual(host.data);
    const { outputs } = await ctx.run({ type: 'reduce', inputs: { input: held }, params: { kind: 'max' } });
    expect(outputs.output.data[0]).toBe(Math.max(...host.data.subarray(0, 40)));
    const job = ctx.run({ type: 'matmul', inputs: { a: held, b: held }, params: { transposeB: true } });
    held.release(); // the job keeps what it uses
    expect((await job).outputs.output.shape).toEqual([50, 50]);
    expect(ctx.memoryUsage.used).toBe(0);
    expect(await failure(held.read())).toMatchObject({ code: 'ERR_CLOSED' });
  });

  test('device tensors are freed when their context closes', async () => {
    const own = await gpu.createContext({ device });
    const held = await own.upload(matrix(10, 10));
    const elsewhere = await ctx.run({ type: 'normalize', inputs: { input: held } }); // same device, another context
    expect(elsewhere.outputs.output.shape).toEqual([10, 10]);
    await own.close();
    expect(await failure(held.read())).toMatchObject({ code: 'ERR_CLOSED' });
    expect(await failure(ctx.run({ type: 'normalize', inputs: { input: held } }))).toMatchObject({
      code: 'ERR_CLOSED',
      message: expect.stringMatching(/context closed/),
    });
    held.release();
  });

  test('an aborted signal: nothing runs', async () => {
    const reason = new Error('why');
    const into = new Float32Array(8);
    const error = await failure(ctx.run(pair(8), { signal: AbortSignal.abort(reason), into: { output: into } }));
    expect(error).toMatchObject({ code: 'ERR_CANCELED', cause: reason });
    await error.released;
    expect(into.every((x) => x === 0)).toBe(true);
    expect(await failure(ctx.upload(into, { signal: AbortSignal.abort() }))).toMatchObject({ code: 'ERR_CANCELED' });
  });

  test('aborting a running job and queued ones', async () => {
    const controller = new AbortController();
    const into = new Float32Array(size * size);
    const running = ctx.run(long(), { signal: controller.signal, into: { output: into } });
    const queued = Array.from({ length: 5 }, () => ctx.run(long(), { signal: controller.signal }));
    const other = ctx.run(pair(100000));
    const settled = Promise.all([running, ...queued].map((each) => failure(each)));
    setTimeout(() => controller.abort(), 1);
    const errors = await settled;
    const at = performance.now();
    for (const error of errors) expect(error).toMatchObject({ code: 'ERR_CANCELED', cause: { name: 'AbortError' } });
    await Promise.all(errors.map((error) => error.released));
    expect(performance.now() - at).toBeLessThan(5000);
    expect((await other).outputs.output.data[5]).toBe(3);
    const snapshot = into.slice();
    await delay(20);
    expect(into).toEqual(snapshot); // released means released
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    expect(ctx.memoryUsage.used).toBe(0);
  });

  test('no listener stays on the signal after a result or a failure', async () => {
    const { signal } = new AbortController();
    await Promise.all(Array.from({ length: 20 }, () => ctx.run(pair(100000), { signal })));
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    await failure(ctx.run({ type: 'nothing' }, { signal }));
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  test('what was done in time is given, though this loop was blocked until after the deadline', async () => {
    const job = ctx.run(pair(100000), { timeout: 200 });
    const end = performance.now() + 400;
    while (performance.now() < end);
    expect((await job).outputs.output.data[0]).toBe(3);
  });

  test('a deadline counts the time in the queue, and the next job runs', async () => {
    const first = ctx.run(long());
    const start = performance.now();
    const late = await failure(ctx.run(long(), { timeout: 2 }));
    expect(late).toMatchObject({ code: 'ERR_TIMEOUT', message: expect.stringMatching(/within 2 ms/) });
    expect(performance.now() - start).toBeLessThan(2000);
    expect(late.released).toBeInstanceOf(Promise);
    await late.released;
    expect((await first).outputs.output.data.length).toBe(size * size);
    expect((await ctx.run(pair(4), { timeout: 10000 })).outputs.output.data[0]).toBe(3);
    expect((await ctx.run(pair(4), { timeout: Infinity })).outputs.output.data[0]).toBe(3);
  });

  test('closing waits for what runs, refuses what comes, and can be called again', async () => {
    const own = await gpu.createContext({ device });
    const jobs = [own.run(long()), own.run(pair(100000)), own.run(pair(4))];
    const closed = own.close();
    expect(own.closed).toBe(true);
    expect(own.close()).toBe(closed);
    for (const call of [() => own.run(pair(4)), () => own.upload(new Float32Array(4))])
      expect(await failure(call())).toMatchObject({ code: 'ERR_CLOSED' });
    expect(() => own.trim()).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
    let done = 0;
    for (const job of jobs) job.then(() => ++done);
    await closed;
    expect(done).toBe(3);
    expect(own.memoryUsage).toEqual({ used: 0, reserved: 0, peak: 0, limit: 0, largestFree: 0 });
    await own.close();
  });

  test('a request beyond the memory limit fails alone', async () => {
    const own = await gpu.createContext({ device, memoryLimit: 4 << 20 });
    const held = await own.upload(new Float32Array(1000));
    const error = await failure(own.upload(new Float32Array(2 << 20)));
    expect(error).toMatchObject({ code: 'ERR_OUT_OF_MEMORY', message: expect.stringMatching(/8388608|limit/) });
    expect((await held.read()).data.length).toBe(1000);
    expect((await own.run(pair(1000))).outputs.output.data[0]).toBe(3);
    await own.close();
  });
});

test('auto takes the first device, and contexts of one device share nothing but it', async () => {
  const all = await Promise.all(Array.from({ length: 3 }, () => gpu.createContext()));
  expect(new Set(all.map(({ id }) => id)).size).toBe(3);
  for (const ctx of all) expect(ctx.device.id).toBe(devices[0]);
  const results = await Promise.all(
    all.flatMap((ctx) => Array.from({ length: 20 }, (_, i) => ctx.run(pair(20000, i)))),
  );
  results.forEach(({ outputs }, i) => expect(outputs.output.data[7]).toBe((i % 20) + 2));
  await all[0].close();
  expect((await all[1].run(pair(4))).outputs.output.data[0]).toBe(3);
  await Promise.all(all.map((ctx) => ctx[Symbol.asyncDispose]()));
});
