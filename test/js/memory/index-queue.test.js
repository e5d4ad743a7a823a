// Searches that wait for their turn: which of them are one, and how those end whose time is over.
'use strict';
const { ownerOf } = require('../../../lib/memory/vectors/owner');
const { Searches } = require('../../../lib/memory/vectors/searches');
const { VectorIndex } = require('../../../lib/memory/vectors/vector-index');
const { gpu } = require('../../support/random-data');

const turn = () => new Promise(setImmediate);
let context, index;
beforeAll(async () => {
  context = await gpu.createContext({ device: 'cpu' });
  index = await context.createIndex({ dimensions: 2, metric: 'dot' });
  await index.add(
    ['a', 'b'],
    [
      [1, 0],
      [0, 1],
    ],
  );
});
afterAll(async () => {
  await index.close();
  await context.close();
});

const plain = Float32Array.of(1, 0);
test.each([
  ['search', {}, 2, { threshold: Infinity }, 0],
  ['search', { threshold: Infinity }, 0, { threshold: -Infinity }, 2],
  ['range', { distance: -Infinity }, 2, { distance: Infinity }, 0],
  ['search', { k: 1 }, 1, { k: 2 }, 2],
])('%s with %j and the like in one turn has each its own answer', async (call, first, ofFirst, second, ofSecond) => {
  for (const all of [
    [first, second],
    [second, first],
  ]) {
    const found = await Promise.all(all.map((options) => index[call](plain, options)));
    const wanted = all[0] === first ? [ofFirst, ofSecond] : [ofSecond, ofFirst];
    expect(found.map(({ ids }) => ids.length)).toEqual(wanted);
  }
});

test('options of jobs that are no plain values keep no other search from its answer', async () => {
  const on = new VectorIndex(
    { ...ownerOf(context), isContext: false },
    { dimensions: 2, metric: 'dot', dtype: 'float32' },
  );
  await on.add(['a'], [[1, 0]]);
  const found = await Promise.all([
    on.search(plain, { priority: 1n }),
    on.search(plain, { retries: Infinity }),
    on.search(plain),
  ]);
  for (const { ids } of found) expect(ids).toEqual(['a']);
  await on.close();
});

describe('one whose time is over, or whose signal is aborted', () => {
  const asked = (job) => ({ k: 1, isRange: false, filter: undefined, ids: undefined, job });
  const results = { ids: [['a']], scores: [Float32Array.of(1)] };

  /** Searches one at a time, each of which ends when its gate is opened. */
  function begin() {
    const gates = [];
    const searches = new Searches(
      (data, count, { job }, began) =>
        new Promise((resolve) => {
          gates.push({ job, began, open: () => resolve(results) });
        }),
      () => 1,
    );
    const add = (job) => searches.add({ data: plain, count: 1, asked: asked(job) });
    return { searches, gates, add };
  }

  test('in the queue', async () => {
    const { searches, gates, add } = begin();
    const controller = new AbortController();
    const first = add({});
    await turn();
    const late = add({ timeout: 1 });
    const canceled = add({ signal: controller.signal });
    const last = add({ timeout: 100_000 });
    controller.abort();
    await expect(canceled).rejects.toMatchObject({ code: 'ERR_CANCELED' });
    await expect(late).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    expect(gates).toHaveLength(1);
    gates[0].open();
    await first;
    await turn();
    expect(gates.map(({ job }) => job.timeout)).toEqual([undefined, 100_000]); // the others never began
    gates[1].open();
    expect(await last).toEqual(results);
    await searches.settled();
  });

  test('while it runs: nobody waits, and the next one begins when it has ended', async () => {
    const { searches, gates, add } = begin();
    const controller = new AbortController();
    const canceled = add({ signal: controller.signal });
    const late = add({ timeout: 1 });
    const next = add({});
    await turn();
    controller.abort();
    await expect(canceled).rejects.toMatchObject({ code: 'ERR_CANCELED' });
    expect(gates).toHaveLength(1);
    let isSettled = false;
    const settled = searches.settled().then(() => {
      isSettled = true;
    });
    await turn();
    expect(isSettled).toBe(false);
    await expect(late).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    gates[0].open();
    await turn();
    gates[1].open();
    expect(await next).toEqual(results);
    await settled;
  });

  test('what a job gets is the rest of the time from the call on', async () => {
    let release = () => {};
    const timeouts = [];
    const held = new Promise((resolve) => (release = resolve));
    const slow = {
      ...ownerOf(context),
      width: () => 1,
      async run(workload, options) {
        timeouts.push(options.timeout);
        if (timeouts.length === 1) await held;
        return context.run(workload, {});
      },
    };
    const limits = { segmentBytes: 64 * 8, scanned: 0 };
    const on = new VectorIndex(slow, { dimensions: 2, metric: 'dot', dtype: 'float32' }, limits);
    const ids = Array.from({ length: 2000 }, (_, i) => i);
    await on.add(
      ids,
      Float32Array.from({ length: 4000 }, (_, i) => i),
    );
    const first = on.search(plain);
    await turn();
    const second = on.search(plain, { timeout: 100_000 });
    await new Promise((resolve) => {
      setTimeout(resolve, 30);
    });
    release();
    await Promise.all([first, second]);
    expect(timeouts[0]).toBeUndefined();
    expect(timeouts.at(-1)).toBeLessThanOrEqual(100_000 - 25);
    await on.close();
  });
});
