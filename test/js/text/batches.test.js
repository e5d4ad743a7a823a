// Calls of many callers as jobs of tokens, run by a device that is made up.
'use strict';
const { GPUError } = require('../../..');
const { TextBatches } = require('../../../lib/text/batches');
const { failure } = require('../../support/assertions');

const kWidth = 3;
const tick = () => new Promise((resolve) => setImmediate(resolve));
/** Some turns of the event loop: what has been asked for is at the queue. */
async function turns(count = 4) {
  for (let i = 0; i < count; ++i) await tick();
}
const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Texts of these tokens. */
function textsOf(...texts) {
  const ids = Int32Array.from(texts.flat());
  const offsets = new Int32Array(texts.length + 1);
  texts.forEach((text, i) => (offsets[i + 1] = offsets[i] + text.length));
  return { ids, typeIds: new Int32Array(ids.length), offsets };
}

/** What a text's row is: a sum in which the tokens' order counts, how many they are, and its first type. */
function rowOf(ids, typeIds) {
  return [ids.reduce((sum, id, i) => sum + id * (i + 1), 0), ids.length, typeIds[0] ?? 0];
}

function rowsOf({ ids, typeIds, offsets }) {
  const n = offsets.length - 1;
  const data = new Float32Array(n * kWidth);
  for (let i = 0; i < n; ++i) {
    const [from, to] = [offsets[i], offsets[i + 1]];
    data.set(rowOf(ids.subarray(from, to), typeIds.subarray(from, to)), i * kWidth);
  }
  return { data, shape: [n, kWidth], dtype: 'float32' };
}

const timings = { queued: 1, switch: 0, upload: 2, compute: 3, readback: 4, total: 10 };

/** A device that holds each job until it is told: jobs[i].end() or .fail(error). */
function heldDevice() {
  const jobs = [];
  const run = (texts, options) =>
    new Promise((resolve, reject) => {
      const job = { texts, options, count: texts.offsets.length - 1 };
      job.end = () => resolve({ rows: rowsOf(texts), timings });
      job.fail = reject;
      options.signal.addEventListener('abort', () => {
        job.isAborted = true;
      });
      jobs.push(job);
    });
  return { jobs, run };
}

const atOnce = (jobs = []) => ({
  jobs,
  run: async (texts, options) => {
    jobs.push({ texts, options, count: texts.offsets.length - 1 });
    await tick();
    return { rows: rowsOf(texts), timings };
  },
});

function someTexts(count, seed = 1, most = 40) {
  let state = seed;
  const next = (below) => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 8) % below;
  return textsOf(...Array.from({ length: count }, () => Array.from({ length: 1 + next(most) }, () => next(1e5))));
}

test('each caller gets its rows in its order, however they were cut and joined', async () => {
  const { jobs, run } = atOnce();
  const batches = new TextBatches({ run, budget: 300 });
  const calls = Array.from({ length: 32 }, (_, i) => someTexts(i % 3 ? i : 100 + i, i));
  const results = await Promise.all(calls.map((texts) => batches.add(texts)));
  results.forEach(({ rows }, i) => expect(rows).toEqual(rowsOf(calls[i])));
  expect(jobs.some(({ count }) => count > 5)).toBe(true);
  for (const { texts, count } of jobs) expect(count === 1 || texts.ids.length <= 300).toBe(true);
});

test('calls of one tick are one job; what comes while as many as may be are at the queue is the next one', async () => {
  const { jobs, run } = heldDevice();
  const batches = new TextBatches({ run, budget: 1000, width: () => 1 });
  const first = [batches.add(textsOf([1, 2])), batches.add(textsOf([3]))];
  await turns();
  const second = [batches.add(textsOf([4]))];
  await turns();
  second.push(batches.add(textsOf([5, 6, 7])));
  await turns();
  expect(jobs.map(({ count }) => count)).toEqual([2]);
  jobs[0].end();
  await Promise.all(first);
  expect(jobs.map(({ count }) => count)).toEqual([2, 2]);
  jobs[1].end();
  const { rows } = (await Promise.all(second))[1];
  expect(rows).toEqual(rowsOf(textsOf([5, 6, 7])));
});

test('a large call goes to the queue in several jobs at once', async () => {
  const { jobs, run } = heldDevice();
  const batches = new TextBatches({ run, budget: 100, width: () => 3 });
  const texts = textsOf(...Array.from({ length: 10 }, (_, i) => Array(50).fill(i)));
  const call = batches.add(texts);
  await turns();
  expect(jobs.length).toBe(3);
  for (let i = 0; i < jobs.length; ++i) {
    jobs[i].end();
    await turns();
  }
  expect((await call).rows).toEqual(rowsOf(texts));
});

test('a call that is a job by itself is neither copied on its way in nor out', async () => {
  const { jobs, run } = heldDevice();
  const batches = new TextBatches({ run, budget: 100 });
  const texts = textsOf([1, 2], [3]);
  const call = batches.add(texts);
  await turns();
  expect(jobs[0].texts).toBe(texts);
  jobs[0].end();
  const result = await call;
  expect(result.timings).toMatchObject({ switch: 0, upload: 2, compute: 3, readback: 4 });
  expect(result.timings.queued).toBeGreaterThanOrEqual(1);
});

test('no texts are no rows of the right width', async () => {
  const { run } = atOnce();
  const { rows } = await new TextBatches({ run, budget: 100 }).add(textsOf());
  expect(rows.shape).toEqual([0, kWidth]);
});

describe('equal texts', () => {
  test('run once: within a call, among calls of a tick, and while one is under way', async () => {
    const { jobs, run } = heldDevice();
    const batches = new TextBatches({ run, budget: 100 });
    const calls = [textsOf([1, 2], [3], [1, 2]), textsOf([3], [4])];
    const results = calls.map((texts) => batches.add(texts));
    await turns();
    calls.push(textsOf([4], [1, 2]));
    results.push(batches.add(calls[2]));
    await turns();
    expect(jobs.map(({ count }) => count)).toEqual([3]);
    jobs[0].end();
    (await Promise.all(results)).forEach(({ rows }, i) => expect(rows).toEqual(rowsOf(calls[i])));
  });

  test('are not equal where their types differ', async () => {
    const { jobs, run } = atOnce();
    const texts = textsOf([1, 2], [1, 2]);
    texts.typeIds[2] = 1;
    const { rows } = await new TextBatches({ run, budget: 100 }).add(texts);
    expect(rows).toEqual(rowsOf(texts));
    expect(jobs[0].count).toBe(2);
  });

  test('of a higher priority do not wait behind a lower one', async () => {
    const { jobs, run } = heldDevice();
    const batches = new TextBatches({ run, budget: 100, width: () => 1 });
    const low = batches.add(textsOf([1]));
    await turns();
    const high = batches.add(textsOf([1]), { priority: 5 });
    const lowAgain = batches.add(textsOf([1]));
    await turns();
    expect(jobs.map(({ options }) => options.priority)).toEqual([0, 5]);
    jobs[1].end();
    await high;
    jobs[0].end();
    await Promise.all([low, lowAgain]);
    expect(jobs.length).toBe(2);
  });

  test('that wait behind a long call go when the first of them is due', async () => {
    const { jobs, run } = heldDevice();
    const batches = new TextBatches({ run, budget: 2000, square: Infinity, width: () => 1 });
    const text = (i) => Array(2000).fill(i); // 50 of them are due in two seconds
    const all = textsOf(...Array.from({ length: 50 }, (_, i) => text(i)));
    const long = batches.add(all);
    await turns();
    const short = batches.add(textsOf(text(49)));
    await turns();
    jobs[0].end();
    await turns();
    expect(jobs[1].texts.ids[0]).toBe(49);
    jobs[1].end();
    await short;
    for (let i = 2; i < 50; ++i) {
      await turns();
      jobs[i].end();
    }
    expect((await long).rows).toEqual(rowsOf(all));
    expect(jobs.length).toBe(50);
  });
});

describe('a caller that gives up', () => {
  test('by its signal is told at once; the job goes on for the others', async () => {
    const { jobs, run } = heldDevice();
    const batches = new TextBatches({ run, budget: 100 });
    const abort = new AbortController();
    const gone = batches.add(textsOf([1]), { signal: abort.signal });
    const stays = batches.add(textsOf([2]));
    await turns();
    abort.abort();
    const error = await failure(gone);
    expect(error.code).toBe('ERR_CANCELED');
    await error.released;
    expect(jobs.map(({ count, isAborted }) => [count, isAborted])).toEqual([[2, undefined]]);
    jobs[0].end();
    expect((await stays).rows).toEqual(rowsOf(textsOf([2])));
  });

  test('alone: its job is stopped, and its memory released when that has ended', async () => {
    const { jobs, run } = heldDevice();
    const batches = new TextBatches({ run, budget: 100 });
    const gone = batches.add(textsOf([1]), { timeout: 5 });
    const error = await failure(gone);
    expect(error.code).toBe('ERR_TIMEOUT');
    let isReleased = false;
    error.released.then(() => (isReleased = true));
    await later(5);
    expect([jobs[0].isAborted, isReleased]).toEqual([true, false]);
    const again = batches.add(textsOf([1]));
    await turns();
    expect(jobs.length).toBe(2); // one that is being stopped is not waited for
    jobs[0].fail(new GPUError('ERR_CANCELED', 'stopped'));
    await error.released;
    jobs[1].end();
    expect((await again).rows).toEqual(rowsOf(textsOf([1])));
  });

  test('before its texts were given to a job: they are given to none', async () => {
    const { jobs, run } = heldDevice();
    const batches = new TextBatches({ run, budget: 100, width: () => 1 });
    const first = batches.add(textsOf([1]));
    await turns();
    const abort = new AbortController();
    const gone = batches.add(textsOf([2], [3]), { signal: abort.signal });
    const other = batches.add(textsOf([3], [4]));
    await turns();
    abort.abort();
    await (
      await failure(gone)
    ).released;
    jobs[0].end();
    await first;
    await turns();
    expect([...jobs[1].texts.ids]).toEqual([3, 4]);
    jobs[1].end();
    expect((await other).rows).toEqual(rowsOf(textsOf([3], [4])));
  });

  test('has a signal that is aborted already', async () => {
    const { jobs, run } = heldDevice();
    const error = await failure(new TextBatches({ run, budget: 1 }).add(textsOf([1]), { signal: AbortSignal.abort() }));
    expect([error.code, jobs.length]).toEqual(['ERR_CANCELED', 0]);
    await error.released;
  });
});

describe('a job that fails', () => {
  const isBad = ({ ids }) => ids.includes(666);
  function faulty() {
    const { jobs, run } = atOnce();
    return {
      jobs,
      run: async (texts, options) => {
        const result = await run(texts, options);
        if (isBad(texts)) throw new GPUError('ERR_INVALID_ARGUMENT', 'there is no token 666');
        return result;
      },
    };
  }

  test('for one text fails the callers of that text alone', async () => {
    const { jobs, run } = faulty();
    const batches = new TextBatches({ run, budget: 100 });
    const texts = [textsOf([1], [2]), textsOf([3], [666], [2]), textsOf([4]), textsOf([666]), textsOf([2])];
    const calls = await Promise.allSettled(texts.map((each) => batches.add(each)));
    expect(calls.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled']);
    for (const i of [0, 2, 4]) expect(calls[i].value.rows).toEqual(rowsOf(texts[i]));
    expect(calls[1].reason.code).toBe('ERR_INVALID_ARGUMENT');
    expect(calls[1].reason).not.toBe(calls[3].reason);
    expect(jobs.length).toBeGreaterThan(1);
  });

  test('stops the other jobs of a caller that has failed', async () => {
    const { jobs, run } = heldDevice();
    const batches = new TextBatches({ run, budget: 1 });
    const call = batches.add(textsOf([1], [2]));
    await turns();
    jobs[0].fail(new GPUError('ERR_OUT_OF_MEMORY', 'none left'));
    expect((await failure(call)).code).toBe('ERR_OUT_OF_MEMORY');
    expect(jobs[1].isAborted).toBe(true);
  });

  test('with a closed manager is not tried again', async () => {
    const { jobs, run } = heldDevice();
    const batches = new TextBatches({ run, budget: 10 });
    const calls = [batches.add(textsOf([1])), batches.add(textsOf([2]))].map((call) => failure(call));
    await turns();
    jobs[0].fail(new GPUError('ERR_CLOSED', 'closed'));
    expect((await Promise.all(calls)).map(({ code }) => code)).toEqual(['ERR_CLOSED', 'ERR_CLOSED']);
    expect(jobs.length).toBe(1);
  });

  test('with too few rows is a defect that everybody hears of', async () => {
    const run = async () => ({ rows: rowsOf(textsOf([1])), timings });
    const error = await failure(new TextBatches({ run, budget: 10 }).add(textsOf([1], [2])));
    expect([error.code, error.message]).toEqual(['ERR_INTERNAL', 'a job of 2 texts has made 1 rows']);
  });
});

test('options go to the job, and those with others are not joined', async () => {
  const { jobs, run } = atOnce();
  const batches = new TextBatches({ run, budget: 10 });
  const all = [{ contextType: 'cpu' }, { contextType: 'cpu', priority: 2 }, { affinity: 'a' }, { retries: 0 }, {}];
  await Promise.all(all.map((options, i) => batches.add(textsOf([i]), options)));
  expect(jobs.map(({ options: { signal, timeout, ...rest } }) => rest)).toEqual([
    { contextType: 'cpu', priority: 2 },
    { contextType: 'cpu', priority: 0 },
    { affinity: 'a', priority: 0 },
    { retries: 0, priority: 0 },
    { priority: 0 },
  ]);
  expect(jobs.every(({ options }) => options.timeout === Infinity)).toBe(true);
});

test('an equal text of two priorities that no job has goes once, with the higher one', async () => {
  const { jobs, run } = atOnce();
  const batches = new TextBatches({ run, budget: 10 });
  await Promise.all([{}, { priority: 3 }].map((options) => batches.add(textsOf([1]), options)));
  expect(jobs.map(({ options: { priority }, count }) => [priority, count])).toEqual([[3, 1]]);
});

test('what is refused does not begin', async () => {
  const { jobs, run } = heldDevice();
  const error = await failure(new TextBatches({ run, budget: 1 }).add(textsOf([1]), { timeout: -1 }));
  expect([error.code, error.argument, jobs.length]).toEqual(['ERR_INVALID_ARGUMENT', 'options.timeout', 0]);
});

test('30,000 texts come in over several turns of the event loop, and run meanwhile', async () => {
  let now = 0;
  let isOver = false;
  const turn = () => {
    ++now;
    if (!isOver) setImmediate(turn);
  };
  /** @type {number[]} the turn in which each job was begun */
  const begun = [];
  const run = async ({ offsets }) => {
    begun.push(now);
    await tick();
    const n = offsets.length - 1;
    return { rows: { data: new Float32Array(n), shape: [n, 1], dtype: 'float32' }, timings };
  };
  const call = new TextBatches({ run, budget: 4096 }).add(someTexts(30_000, 7, 20));
  turn();
  expect((await call).rows.shape).toEqual([30_000, 1]);
  isOver = true;
  expect(begun[0]).toBeLessThan(5);
  expect(new Set(begun).size).toBeGreaterThan(5);
});

test('callers of one text have memory of their own', async () => {
  const batches = new TextBatches({ run: atOnce().run, budget: 100 });
  const results = await Promise.all([7, 7, 7].map((id) => batches.add(textsOf([id, 8]))));
  expect(new Set(results.map(({ rows }) => rows.data.buffer)).size).toBe(3);
  results[0].rows.data.fill(0);
  for (const { rows } of results.slice(1)) expect(rows).toEqual(rowsOf(textsOf([7, 8])));
});
