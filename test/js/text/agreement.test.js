// What the processes of a cluster measure once for all.
'use strict';
const { setTimeout: sleep } = require('node:timers/promises');
const { onceInCluster } = require('../../../lib/text/agreement');

/** The names of a cluster, for any number of its processes. */
function cluster() {
  const published = new Map();
  const watchers = new Set();
  const withdraw = async (name) => {
    const was = published.delete(name);
    for (const { of, onGone } of [...watchers]) if (of === name) onGone();
    return was;
  };
  return {
    published,
    withdraw,
    async publishFirst(name, bytes) {
      if (published.has(name)) return false;
      published.set(name, Uint8Array.from(bytes));
      return true;
    },
    async lookup(name) {
      if (!published.has(name)) throw Object.assign(new Error(name), { code: 'ERR_NOT_FOUND' });
      return { data: published.get(name), release() {} };
    },
    watch(of, onGone) {
      const watcher = { of, onGone };
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
  };
}

test('one makes it, and all have it', async () => {
  const names = cluster();
  const make = jest.fn(async () => {
    await sleep(30);
    return { precision: 'int8', by: make.mock.calls.length };
  });
  const all = await Promise.all(Array.from({ length: 8 }, () => onceInCluster(names, { model: 'a' }, make)));
  expect(make).toHaveBeenCalledTimes(1);
  for (const one of all) expect(one).toEqual({ precision: 'int8', by: 1 });
  await onceInCluster(names, { model: 'b' }, make);
  expect(make).toHaveBeenCalledTimes(2);
  expect([...names.published.keys()].filter((name) => name.endsWith(':claim'))).toEqual([]);
});

test('where it fails, or the process that makes it dies, the next one makes it', async () => {
  const names = cluster();
  let count = 0;
  const make = async () => {
    await sleep(10);
    if (++count === 1) throw new Error('no memory');
    return count;
  };
  const [first, ...others] = await Promise.allSettled([1, 2, 3].map(() => onceInCluster(names, 'a', make)));
  expect(first.reason.message).toBe('no memory');
  expect(others.map(({ value }) => value)).toEqual([2, 2]);
  // One that never ends: its names are taken away as it dies.
  onceInCluster(names, 'b', () => new Promise(() => {}));
  await sleep(5);
  const waiting = onceInCluster(names, 'b', async () => 'made');
  await sleep(5);
  for (const name of names.published.keys()) if (name.endsWith(':claim')) await names.withdraw(name);
  expect(await waiting).toBe('made');
});

test("what does not last is its own process's, and a signal ends the wait", async () => {
  const names = cluster();
  const make = jest.fn(async () => ({ isPartial: true }));
  const options = { lasts: ({ isPartial }) => !isPartial };
  await onceInCluster(names, 'a', make, options);
  await onceInCluster(names, 'a', make, options);
  expect(make).toHaveBeenCalledTimes(2);
  expect(names.published.size).toBe(0);
  const { signal } = { signal: AbortSignal.abort() };
  await expect(onceInCluster(names, 'a', make, { signal })).rejects.toMatchObject({ code: 'ERR_CANCELED' });
});
