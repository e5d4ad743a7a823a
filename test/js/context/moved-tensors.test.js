// Device tensors of one context used in another one, between all the devices that are here.
'use strict';
const gpu = require('../../..');
const { tensor } = gpu;
const { devices } = require('../../support/devices');
const { failure } = require('../../support/assertions');
const { runChild } = require('../../support/run-child');

const pairs = devices.flatMap((from) => devices.filter((to) => to !== from).map((to) => [from, to]));
const numbers = (length) => Float32Array.from({ length }, (_, i) => i % 101);
/** Quicker than toEqual(), for many. */
const expectSame = (got, expected) => expect(Buffer.compare(bytesOf(got), bytesOf(expected))).toBe(0);
const bytesOf = ({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength);
/** @param {string[]} ids */
const open = (...ids) => Promise.all(ids.map((device) => gpu.createContext({ device })));

test('there are devices to move between', () => {
  if (devices.length < 2) console.warn('SKIPPED: only one device here');
  expect(pairs).toHaveLength(devices.length * (devices.length - 1));
});

describe.each(pairs)('from %s to %s', (from, to) => {
  let one, two;
  beforeAll(async () => {
    [one, two] = await open(from, to);
  });
  afterAll(() => Promise.all([one.close(), two.close()]));

  test.each([0, 1, 997, 300_000])('%i elements as the input of a job', async (length) => {
    const data = numbers(length);
    const held = await one.upload(data);
    const { outputs } = await two.run({ type: 'scale', inputs: { input: held }, params: { factor: 2 } });
    expectSame(
      outputs.output.data,
      data.map((x) => 2 * x),
    );
    held.release();
    expect([one.memoryUsage.used, two.memoryUsage.used]).toEqual([0, 0]);
  });

  test('beside one of its own, in a graph and as two inputs of one job', async () => {
    const data = tensor(numbers(600), [20, 30]);
    const [held, own] = [await one.upload(data), await two.upload(data)];
    const expected = data.data.map((x) => 2 * x);
    for (const inputs of [
      { a: held, b: own },
      { a: own, b: held },
      { a: held, b: held },
      { a: held, b: data },
    ]) {
      const { outputs } = await two.run({ type: 'add', inputs });
      expect(outputs.output.data).toEqual(expected);
    }
    const { outputs } = await two.run({
      type: 'graph',
      inputs: { x: held, y: own },
      nodes: [
        { type: 'add', inputs: { a: 'x', b: 'y' }, outputs: { output: 's' } },
        { type: 'scale', inputs: { input: 's' }, params: { offset: 1 }, outputs: { output: 'z' } },
      ],
      outputs: ['z'],
    });
    expect(outputs.z.data).toEqual(expected.map((x) => x + 1));
    expect((await held.read()).data).toEqual(data.data);
    for (const each of [held, own]) each.release();
    expect([one.memoryUsage.used, two.memoryUsage.used]).toEqual([0, 0]);
  });

  test('to stay there', async () => {
    const half = new Uint16Array([0x3c00, 0x4000, 0x4200]);
    const held = await one.upload({ data: half, shape: [3, 1], dtype: 'float16' });
    const moved = await two.upload(held);
    held.release();
    expect(moved).toMatchObject({ shape: [3, 1], dtype: 'float16', device: to });
    expect((await moved.read()).data).toEqual(half);
    expect(await failure(two.upload(moved))).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', argument: 'tensor' });
    expect(await failure(moved.read.call(moved, { bogus: 1 }))).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    moved.release();
  });

  test('many at once, let go of at once', async () => {
    const data = numbers(70_000);
    const held = await one.upload(data);
    const jobs = Array.from({ length: 30 }, () => two.run({ type: 'scale', inputs: { input: held } }));
    held.release();
    for (const { outputs } of await Promise.all(jobs)) expectSame(outputs.output.data, data);
    expect(await failure(two.run({ type: 'scale', inputs: { input: held } }))).toMatchObject({ code: 'ERR_CLOSED' });
    expect([one.memoryUsage.used, two.memoryUsage.used]).toEqual([0, 0]);
  });

  test('that are aborted', async () => {
    const held = await one.upload(numbers(300_000));
    const controller = new AbortController();
    const jobs = Array.from({ length: 10 }, () =>
      failure(two.run({ type: 'scale', inputs: { input: held } }, { signal: controller.signal })),
    );
    controller.abort();
    const errors = await Promise.all(jobs);
    for (const error of errors) expect(error).toMatchObject({ code: 'ERR_CANCELED' });
    await Promise.all(errors.map((error) => error.released));
    held.release();
    expect([one.memoryUsage.used, two.memoryUsage.used]).toEqual([0, 0]);
  });

  test('whose context is closed behind the job', async () => {
    const [own, other] = await open(from, to);
    const held = await own.upload(numbers(300_000));
    const job = other.run({ type: 'scale', inputs: { input: held } });
    await Promise.all([own.close(), other.close()]);
    expectSame((await job).outputs.output.data, numbers(300_000));
    expect(await failure(two.run({ type: 'scale', inputs: { input: held } }))).toMatchObject({ code: 'ERR_CLOSED' });
  });
});

const backendOf = (id) => id.split(':')[0];
// A fault is ordered for all devices of a backend.
const kinds = pairs.filter(([from, to]) => backendOf(from) !== backendOf(to));

test.each(kinds)('a tensor on %s that was lost, used on %s', async (from, to) => {
  const { code, stdout, stderr } = await runChild('lost-source.js', [from, to], {
    env: { SWITCHYARD_BUILD: 'faults', SWITCHYARD_FAULT: `lost@launch:device=${backendOf(from)}` },
  });
  expect(stderr.replace(/^switchyard: fault .*\n/gm, '')).toBe('');
  expect(code).toBe(0);
  const lost = expect.stringMatching(new RegExp(`^ERR_DEVICE_LOST: .*${from}, which was lost`));
  expect(JSON.parse(stdout)).toEqual({
    steps: { before: 'ok', lost: expect.stringMatching(/^ERR_DEVICE_LOST/), after: lost, moved: lost, others: 'ok' },
    isLost: false,
    used: 0,
    anew: lost,
  });
});
