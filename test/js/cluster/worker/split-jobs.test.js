// A job that is to be split, before its parts are asked for: it waits to hear of devices, and its time runs.
'use strict';
const { EventEmitter } = require('node:events');
const gpu = require('../../../..');
const { layouts } = require('../../../../lib/addon');
const { callInto, describe: describeCall, kDTypes, scratch } = require('../../../../lib/call');
const { GPUError } = require('../../../../lib/core');
const { OwnJobs } = require('../../../../lib/cluster/worker/own-jobs');
const { SplitJobs } = require('../../../../lib/cluster/worker/split-jobs');
const { failure } = require('../../../support/assertions');

let jobs, own, told, tell, whole;
const questions = []; // what is still to be told of devices
beforeEach(() => {
  own = new OwnJobs(3, { isFull: false, find: () => undefined });
  told = [];
  whole = [];
  jobs = new SplitJobs({
    workerId: 3,
    config: { timeout: 60_000, retries: 0, queueLimit: 2 },
    registry: {},
    events: {
      emitter: new EventEmitter(),
      failed: (workload, error, id) => Object.assign(error, { workloadId: id }),
    },
    own,
    metrics: () => ({ failed: (code) => told.push(code) }),
    runWhole: async (call, _, options) => {
      whole.push({ data: Array.from(call.arrays[0]), options });
      return { outputs: {}, contextId: '3-cpu-0', attempts: 1, timings: { queued: 0, total: 1 } };
    },
  });
  jobs.targets = () =>
    new Promise((resolve, reject) => {
      tell = { resolve, reject };
      questions.push(tell);
    });
});
// Nothing of a test goes on after it: its time would be up in another one.
afterEach(async () => {
  for (const { reject } of questions.splice(0)) reject(new GPUError('ERR_CLOSED', 'the test is over'));
  await new Promise(setImmediate);
});

function run(
  options,
  input = gpu.tensor([
    [3, 4],
    [6, 8],
  ]),
  params = {},
) {
  const workload = { type: 'normalize', inputs: { input }, params, id: 'mine', split: true };
  const call = describeCall(workload, options?.into);
  try {
    const ran = jobs.run(call, workload, options, { kind: 'vector', type: '' });
    ran.catch(() => {}); // of one that a test does not wait for
    return ran;
  } finally {
    call.clear();
  }
}
const listed = () => own.answer(1, undefined).jobs.map(({ id, state }) => [id, state]);

test('it can be followed, and runs in one piece where one device is all there is', async () => {
  const asked = run({ priority: 2 });
  expect(listed()).toEqual([['mine', 'queued']]);
  expect(jobs.waiting).toBe(1);
  tell.resolve([{ home: 1, id: '3-cpu-0', rank: 2, isCard: false, speed: null, busyMs: 0 }]);
  const { parts } = await asked;
  expect(parts).toMatchObject([{ contextId: '3-cpu-0', attempts: 1 }]);
  expect(parts[0].cut).toBeUndefined();
  expect(whole[0].options.priority).toBe(2);
  expect(whole[0].options.timeout).toBeLessThanOrEqual(60_000);
  expect(listed()).toEqual([]);
});

test('its time is up before it hears of any', async () => {
  const error = await failure(run({ timeout: 20 }), 'ERR_TIMEOUT');
  expect(error.message).toBe(
    "the job 'mine' (normalize) did not finish within 20 ms: it waited for contexts that its parts may run on",
  );
  expect(error.workloadId).toBe('mine');
  await error.released;
  tell.resolve([]);
  await new Promise(setImmediate);
  expect([whole, told, listed(), jobs.waiting]).toEqual([[], ['ERR_TIMEOUT'], [], 0]);
  expect(own.answer(1, 'mine').found.steps.at(-1)).toMatch(/^ended with ERR_TIMEOUT/);
});

test('its signal ends it', async () => {
  const abort = new AbortController();
  const asked = failure(run({ signal: abort.signal }), 'ERR_CANCELED');
  abort.abort();
  const { released } = await asked;
  await released;
  tell.reject(new GPUError('ERR_CLOSED', 'the cluster was closed'));
  await new Promise(setImmediate);
  expect([told, listed(), jobs.waiting]).toEqual([['ERR_CANCELED'], [], 0]);
});

test('nobody says which devices there are', async () => {
  const asked = failure(run(), 'ERR_CLOSED');
  tell.reject(new GPUError('ERR_CLOSED', 'the cluster was closed'));
  expect((await asked).workloadId).toBe('mine');
  expect([told, listed(), jobs.waiting]).toEqual([['ERR_CLOSED'], [], 0]);
});

test('no more than the queue takes wait', async () => {
  run();
  run();
  expect(() => run()).toThrow(/the queue is full: 2 jobs wait already/);
  expect(jobs.waiting).toBe(2);
});

test('what it uses of shared memory stays until then', async () => {
  const input = gpu.createGPUClusterManager({ logLevel: 'silent' }).sharedTensor([2, 2]);
  input.data.fill(1);
  const asked = run(undefined, input);
  input.release();
  tell.resolve([]);
  await asked;
  expect(whole[0].data).toEqual([1, 1, 1, 1]);
  await gpu.createGPUClusterManager().close();
});

test('one that cannot even be asked for whole fails as any other', async () => {
  jobs.parts.runWhole = () => {
    throw new GPUError('ERR_CLOSED', 'the pool was closed');
  };
  const asked = failure(run(), 'ERR_CLOSED');
  tell.resolve([]);
  expect((await asked).workloadId).toBe('mine');
  expect([told, listed(), jobs.waiting]).toEqual([['ERR_CLOSED'], [], 0]);
  expect(own.answer(1, 'mine').found.steps.at(-1)).toMatch(/^ended with ERR_CLOSED/);
});

describe('in parts', () => {
  const targets = [1, 2].map((home) => ({ home, id: `${home}-cpu-0`, rank: 2, isCard: false, speed: null, busyMs: 0 }));
  const rows = () => gpu.tensor(new Float32Array(42_000 * 256), [42_000, 256]);

  let parts;
  beforeEach(() => {
    parts = [];
    jobs.asks.ask = (call) => {
      const part = { target: call.targets[0] };
      parts.push(part);
      return new Promise((resolve, reject) => Object.assign(part, { resolve, reject }));
    };
  });

  /** A job whose parts have been asked for. */
  async function begin(options) {
    const asked = run(options, rows());
    asked.catch(() => {});
    tell.resolve(targets);
    await new Promise(setImmediate);
    expect(parts.length % 2).toBe(0);
    return asked;
  }

  test.each(['float16', 'bfloat16'])('a view of the outputs says that it is of %s', async (dtype) => {
    const into = [];
    const { dtype: kDType, rank: kRank, extents: kExtents } = layouts.slot;
    const { ask } = jobs.asks;
    jobs.asks.ask = (call) => {
      const extents = callInto + kExtents;
      into.push([kDTypes[scratch[callInto + kDType]], ...scratch.slice(extents, extents + scratch[callInto + kRank])]);
      return ask(call);
    };
    run(undefined, gpu.tensor(new Uint16Array(84_000 * 256), [84_000, 256], dtype), { dtype });
    tell.resolve(targets);
    await new Promise(setImmediate);
    expect(into).toEqual([
      [dtype, 41_984, 256], // where a part begins is a multiple of 64
      [dtype, 42_016, 256],
    ]);
  });

  test('those that run do not fill the queue', async () => {
    for (let i = 0; i < 3; ++i) {
      begin();
      await new Promise(setImmediate);
    }
    expect([parts.length, jobs.waiting]).toEqual([6, 3]);
  });

  test('its outputs are released when it has failed, and nobody uses them', async () => {
    const asked = begin();
    await new Promise(setImmediate);
    const { buffer } = parts[0].target;
    parts[0].reject(new GPUError('ERR_OUT_OF_MEMORY', 'full'));
    await new Promise(setImmediate);
    expect(buffer.byteLength).toBeGreaterThan(0);
    parts[1].reject(new GPUError('ERR_CANCELED', 'given up'));
    const { message } = await failure(asked, 'ERR_OUT_OF_MEMORY');
    expect(message).toMatch(/^part 1 of 2, 'mine\/1' \(rows 0 to \d+ of 'input'\): full$/);
    await new Promise(setImmediate);
    expect(buffer.byteLength).toBe(0);
  });

  const abort = new AbortController();
  test.each([
    ['its time', 'ERR_TIMEOUT', { timeout: 300 }, /^the job 'mine' \(normalize\) did not finish within 300 ms: it had/],
    ['its signal', 'ERR_CANCELED', { signal: abort.signal }, /^the job was canceled by its signal: it had failed/],
  ])('once one has failed %s ends the wait for the others', async (_, code, options, text) => {
    const asked = failure(begin(options), code);
    await new Promise(setImmediate);
    parts[1].reject(new GPUError('ERR_OUT_OF_MEMORY', 'full'));
    await new Promise(setImmediate);
    abort.abort();
    const { message, released, workloadId } = await asked;
    expect(message).toMatch(text);
    expect(message).toMatch(/failed \(part 2 of 2, .*: full\), but other parts of it had not stopped$/);
    expect([workloadId, told]).toEqual(['mine', [code]]);
    let isFree = false;
    released.then(() => {
      isFree = true;
    });
    await new Promise(setImmediate);
    expect(isFree).toBe(false);
    parts[0].reject(new GPUError('ERR_CANCELED', 'given up'));
    await released;
    expect(jobs.waiting).toBe(0);
  });
});
