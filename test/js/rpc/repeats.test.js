// Calls with an idempotency key: they run once, whoever sends them again.
'use strict';
const { Repeats, kKeptMs, kMostOfClient } = require('../../../lib/rpc/repeats');
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

test('the same call has the same answer, and runs once, also while it runs', async () => {
  const repeats = new Repeats();
  const run = counted();
  const all = await Promise.all([repeats.run(call(), run), repeats.run(call(), run)]);
  expect([...all, await repeats.run(call(), run)]).toEqual([{ size: 1 }, { size: 1 }, { size: 1 }]);
  expect(run).toHaveBeenCalledTimes(1);
});

test.each([
  ['another method', { method: 'other' }],
  ['other numbers', { params: { vectors: vectors(1, 3) } }],
  ['another field', { params: { vectors: vectors(1, 2), ids: [1] } }],
])('the key of %s is refused', async (_, more) => {
  const repeats = new Repeats();
  await repeats.run(call(), counted());
  await expect(repeats.run(call(more), counted())).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: "idempotencyKey is 'k', which another call had: each call has a key of its own",
  });
});

test('clients have keys of their own, and one that failed runs again', async () => {
  const repeats = new Repeats();
  const run = counted();
  await repeats.run(call(), run);
  await repeats.run(call({ client: 'b', params: {} }), run);
  expect(run).toHaveBeenCalledTimes(2);
  await expect(repeats.run(call({ key: 'f' }), () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await repeats.run(call({ key: 'f' }), run)).toEqual({ size: 3 });
});

test('what is kept has a time and a bound', async () => {
  const repeats = new Repeats();
  const run = counted();
  await repeats.run(call(), run);
  setClock(kKeptMs);
  await repeats.run(call(), run);
  expect(run).toHaveBeenCalledTimes(1);
  setClock(kKeptMs + 3000);
  await repeats.run(call(), run);
  expect(run).toHaveBeenCalledTimes(2);
  for (let i = 0; i < kMostOfClient; ++i) await repeats.run(call({ key: `k${i}` }), run);
  await repeats.run(call(), run);
  expect(run).toHaveBeenCalledTimes(3 + kMostOfClient);
});
