// What makes two jobs equal: everything that decides the outputs, and nothing else.
'use strict';
const { digestOf } = require('../../../lib/call/digest');

const data = Float32Array.from({ length: 200_000 }, (_, i) => i % 13); // more than is hashed in one turn
const job = (change = {}) => ({
  type: 'top-k',
  inputs: { input: { data, shape: [1000, 200], dtype: 'float32' } },
  params: { k: 3, largest: true },
  ...change,
});
const text = async (workload, contextType) => (await digestOf(workload, contextType)).join();

test('the same for equal jobs, whatever object carries them', async () => {
  const other = {
    params: { largest: true, k: 3 },
    inputs: { input: { dtype: 'float32', shape: [1000, 200], data: data.slice() } },
    type: 'top-k',
    id: 'mine',
  };
  expect(await text(other)).toBe(await text(job()));
  const digest = await digestOf(job(), undefined);
  expect(digest).toHaveLength(4);
  for (const part of digest) expect(Number.isSafeInteger(part) && part >= 0).toBe(true);
});

test('another one for everything that makes a difference', async () => {
  const last = data.slice();
  last[last.length - 1] = 99;
  const bits = new Uint16Array(data.buffer);
  const others = [
    job({ params: { k: 4, largest: true } }),
    job({ params: { k: 3 } }),
    job({ type: 'softmax' }),
    job({ inputs: { input: { data: last, shape: [1000, 200], dtype: 'float32' } } }),
    job({ inputs: { input: { data, shape: [200, 1000], dtype: 'float32' } } }),
    job({ inputs: { input: { data: bits, shape: [1000, 400], dtype: 'float16' } } }),
    job({ inputs: { other: { data, shape: [1000, 200], dtype: 'float32' } } }),
    job({ inputs: {} }),
  ];
  const digests = await Promise.all([
    text(job()),
    text(job(), 'vulkan'),
    text(job(), 'cpu'),
    ...others.map((other) => text(other)),
  ]);
  expect(new Set(digests).size).toBe(digests.length);
});
