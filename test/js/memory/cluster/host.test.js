// What the owner of a store does with calls, one at a time: what is none, what is given up, where memory is full.
'use strict';
const { GPUError } = require('../../../../lib/core');
const { StoreHost } = require('../../../../lib/memory/cluster/host');

function hostOf(store, opening = {}) {
  const marks = { settle: async () => {}, put: (_key, _mark, write) => write() };
  const whole = {
    path: '/dev/shm/switchyard-0/store-0',
    stats: () => ({ objects: 1 }),
    close: async () => {},
    ...store,
  };
  return new StoreHost({}, whole, marks, { durable: true, limit: 0, ...opening });
}

test.each([undefined, 'nothing', 'constructor', '__proto__'])('%p is no call', async (name) => {
  await expect(hostOf({}).call({ id: 1, name }, [], {})).rejects.toMatchObject({
    code: 'ERR_INTERNAL',
    message: expect.stringContaining(String(name)),
  });
});

test.each([undefined, {}, { from: 'x', number: 1, floor: 1 }])('a write with the mark %p is refused', async (mark) => {
  const call = { id: 1, name: 'put', key: 'k', durable: true, mark };
  await expect(hostOf({}).call(call, [new Uint8Array(1)], {})).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
});

test('where files lie on memory that is full it says what helps; where they lie on a disk the store does', async () => {
  const full = new GPUError('ERR_OUT_OF_MEMORY', 'the disk is full');
  const store = { get: async () => Promise.reject(full) };
  const call = { id: 1, name: 'get', key: 'k' };
  const error = await hostOf(store, { isOnMemory: true })
    .call(call, [], {})
    .catch((thrown) => thrown);
  expect(error).toMatchObject({ code: 'ERR_OUT_OF_MEMORY' });
  expect(error.message).toMatch(/^the disk is full\. .*'\/dev\/shm'.*--shm-size.*memoryFolder$/);
  await expect(hostOf(store).call(call, [], {})).rejects.toBe(full);
  const other = new GPUError('ERR_CLOSED', 'it is closed');
  const closed = hostOf({ get: async () => Promise.reject(other) }, { isOnMemory: true });
  await expect(closed.call(call, [], {})).rejects.toBe(other);
});

test('a call is given up by who made it alone, and when that one has gone', async () => {
  const host = hostOf({});
  const aborted = [];
  const part = { close: async () => {}, leave: (who) => aborted.push(['left', who]), news: () => ({}) };
  const wait = (call, _parts, { who, signal }) =>
    new Promise((resolve) => {
      signal.addEventListener('abort', () => {
        aborted.push([call.id, who]);
        resolve({ value: null });
      });
    });
  host.add({ wait }, part);
  const [one, two] = ['one', 'two'].map((name) => ({ name }));
  const calls = [host.call({ id: 1, name: 'wait' }, [], one), host.call({ id: 1, name: 'wait' }, [], two)];
  host.cancel(1, one);
  host.cancel(7, two);
  await calls[0];
  expect(aborted).toEqual([[1, one]]);
  host.leave(two);
  await calls[1];
  expect(aborted).toEqual([
    [1, one],
    [1, two],
    ['left', two],
  ]);
  await host.close();
});
