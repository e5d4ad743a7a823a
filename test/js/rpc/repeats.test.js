// Calls with an idempotency key: they run once, whoever sends them again, whichever worker they reach.
'use strict';
const { kKeptMs, kMost, kMostOfClient } = require('../../../lib/exchange/keys');
const { runOnce } = require('../../../lib/rpc/repeats');
const { answerDoor, doorHere, doorToPrimary, Gate, Room } = require('../../../lib/exchange');
const { setClock } = require('../../../lib/core');

beforeEach(() => setClock(1000));

const vectors = (...numbers) => ({ data: new Float32Array(numbers), shape: [numbers.length], dtype: 'float32' });
const call = (more = {}) => ({
  client: 'a',
  key: 'k',
  method: 'index_add',
  params: { vectors: vectors(1, 2) },
  ...more,
});

function counted() {
  const run = jest.fn(async () => ({ size: run.mock.calls.length }));
  return run;
}

/** A call that ends when it is told to. */
function held() {
  const ends = [];
  const run = jest.fn(() => new Promise((resolve, reject) => ends.push({ resolve, reject })));
  return { run, ends };
}

/** Workers, each with its own door to one room in the primary, over messages that are copied as a channel copies. */
function workersOf(count) {
  const room = new Room(1e9);
  const workers = Array.from({ length: count }, (_, id) => {
    const worker = { id, isDead: false };
    const door = doorToPrimary((sent) => {
      const message = JSON.parse(JSON.stringify(sent));
      setImmediate(() => {
        if (worker.isDead) return;
        answerDoor(room, id, message, (answer) =>
          setImmediate(() => door.onMessage(JSON.parse(JSON.stringify(answer)))),
        );
      });
    });
    worker.gate = new Gate(door);
    worker.die = () => {
      worker.isDead = true;
      room.forget(id);
    };
    return worker;
  });
  return { room, workers };
}

const turns = async () => {
  for (let i = 0; i < 6; ++i) await new Promise((resolve) => setImmediate(resolve));
};
const never = () => new AbortController().signal;

/** Whatever the door is, the same holds. */
const kGates = {
  'one process': () => new Gate(doorHere(new Room(1e9))),
  'a worker': () => workersOf(1).workers[0].gate,
};

describe.each(Object.keys(kGates))('in %s', (name) => {
  const once = (gate, more, run, signal = never()) => runOnce(gate, call(more), signal, run);

  test('the same call has the same answer, and runs once, also while it runs', async () => {
    const gate = kGates[name]();
    const run = counted();
    const all = await Promise.all([once(gate, {}, run), once(gate, {}, run)]);
    expect([...all, await once(gate, {}, run)]).toEqual([{ size: 1 }, { size: 1 }, { size: 1 }]);
    expect(run).toHaveBeenCalledTimes(1);
  });

  test.each([
    ['another method', { method: 'other' }],
    ['other numbers', { params: { vectors: vectors(1, 3) } }],
    ['another field', { params: { vectors: vectors(1, 2), ids: [1] } }],
  ])('the key of %s is refused', async (_, more) => {
    const gate = kGates[name]();
    await once(gate, {}, counted());
    await expect(once(gate, more, counted())).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: "idempotencyKey is 'k', which another call had: each call has a key of its own",
    });
  });

  test('clients have keys of their own, and one that failed runs again', async () => {
    const gate = kGates[name]();
    const run = counted();
    await once(gate, {}, run);
    await once(gate, { client: 'b', params: {} }, run);
    expect(run).toHaveBeenCalledTimes(2);
    await expect(once(gate, { key: 'f' }, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await once(gate, { key: 'f' }, run)).toEqual({ size: 3 });
  });

  test('what is kept has a time and a bound', async () => {
    const gate = kGates[name]();
    const run = counted();
    await once(gate, {}, run);
    await turns();
    setClock(kKeptMs);
    await once(gate, {}, run);
    expect(run).toHaveBeenCalledTimes(1);
    setClock(kKeptMs + 3000);
    await once(gate, {}, run);
    expect(run).toHaveBeenCalledTimes(2);
    for (let i = 0; i < kMostOfClient; ++i) await once(gate, { key: `k${i}` }, run);
    await once(gate, {}, run);
    expect(run).toHaveBeenCalledTimes(3 + kMostOfClient);
  });

  test('who waits for the answer may leave, and who runs it goes on', async () => {
    const gate = kGates[name]();
    const { run, ends } = held();
    const first = once(gate, {}, run);
    await turns();
    const left = new AbortController();
    const second = once(gate, {}, run, left.signal);
    await turns();
    left.abort();
    await expect(second).rejects.toMatchObject({ code: 'ERR_CANCELED' });
    await expect(once(gate, {}, run, AbortSignal.abort())).rejects.toMatchObject({ code: 'ERR_CANCELED' });
    ends[0].resolve({ size: 7 });
    expect(await first).toEqual({ size: 7 });
    expect(run).toHaveBeenCalledTimes(1);
  });

  test('as many as may run at a time, and no more; none that runs is forgotten for another', async () => {
    const gate = kGates[name]();
    const { run, ends } = held();
    const all = Array.from({ length: kMostOfClient }, (_, i) => once(gate, { key: `k${i}` }, run));
    await turns();
    await expect(once(gate, { key: 'more' }, run)).rejects.toMatchObject({ code: 'ERR_QUEUE_FULL', status: 429 });
    for (const { resolve } of ends) resolve({ size: 1 });
    await Promise.all(all);
    expect(await once(gate, { key: 'more' }, counted())).toEqual({ size: 1 });
  });
});

describe('over several workers', () => {
  const once = ({ gate }, more, run) => runOnce(gate, call(more), never(), run);

  test('the same call runs in one of them, and all have its answer', async () => {
    const { workers } = workersOf(3);
    const { run, ends } = held();
    const asked = workers.flatMap((worker) => [once(worker, {}, run), once(worker, {}, run)]);
    await turns();
    expect(run).toHaveBeenCalledTimes(1);
    ends[0].resolve({ size: 5 });
    expect(await Promise.all(asked)).toEqual(Array(6).fill({ size: 5 }));
    expect(await once(workers[2], {}, run)).toEqual({ size: 5 });
    await expect(once(workers[1], { params: {} }, run)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    expect(run).toHaveBeenCalledTimes(1);
  });

  test('when the worker dies in which it runs, the next one that waits runs it; then the key is free', async () => {
    const { room, workers } = workersOf(3);
    const { run, ends } = held();
    once(workers[0], {}, run).catch(() => {});
    await turns();
    const second = once(workers[1], {}, run);
    const third = once(workers[2], {}, run);
    third.catch(() => {});
    await turns();
    expect(run).toHaveBeenCalledTimes(1);
    workers[0].die();
    await turns();
    expect(run).toHaveBeenCalledTimes(2);
    workers[2].die(); // which only waited
    ends[1].resolve({ size: 9 });
    expect(await second).toEqual({ size: 9 });
    const alone = once(workers[1], { key: 'other' }, run);
    alone.catch(() => {});
    await turns();
    workers[1].die();
    expect(room.keys.count).toBe(1); // the one that has its answer
    const { workers: others } = { workers: [{ gate: new Gate(doorHere(room)) }] };
    expect(await once(others[0], { key: 'other' }, counted())).toEqual({ size: 1 });
  });

  test('one that fails is run by the next that waits, in whichever worker', async () => {
    const { workers } = workersOf(2);
    const { run, ends } = held();
    const first = once(workers[0], {}, run);
    const second = once(workers[1], {}, run);
    await turns();
    ends[0].reject(new Error('no'));
    await expect(first).rejects.toThrow('no');
    await turns();
    ends[1].resolve({ size: 2 });
    expect(await second).toEqual({ size: 2 });
    expect(run).toHaveBeenCalledTimes(2);
  });

  test('all clients together have a bound, and so have the bytes of answers', async () => {
    const { room, workers } = workersOf(1);
    for (let i = 0; i < kMost + 10; ++i) await once(workers[0], { client: `c${i}` }, counted());
    expect(room.keys.count).toBe(kMost);
    const large = async () => ({ text: 'x'.repeat(2 ** 20) });
    for (let i = 0; i < 20; ++i) await once(workers[0], { client: 'large', key: `l${i}` }, large);
    expect(room.keys.count).toBeLessThan(17);
    const again = counted();
    await once(workers[0], { client: 'large', key: 'l19' }, again);
    expect(again).not.toHaveBeenCalled();
  });
});
