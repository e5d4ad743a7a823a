// What an application's listeners throw is an uncaught exception, and nothing else.
'use strict';
const { runChild } = require('../../support/run-child');

jest.setTimeout(60000);

async function report(scenario) {
  const { code, stdout, stderr } = await runChild('listeners.js', [scenario], { timeout: 40000 });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

test('listeners that throw decide no job of a process that is alone', async () => {
  const { uncaught, busy, ...lone } = await report('lone');
  expect(lone).toEqual({
    idle: [2, 4],
    wrong: 'GPUError ERR_INVALID_ARGUMENT',
    wrongWhileBusy: [[1, 1], 'GPUError ERR_INVALID_ARGUMENT'],
    outer: 'GPUError ERR_INVALID_ARGUMENT',
    again: [6, 8],
  });
  const full = busy.filter((each) => each === 'GPUError ERR_QUEUE_FULL').length;
  expect(full).toBeGreaterThan(0);
  expect(busy.filter((each) => `${each}` === '1,1')).toHaveLength(40 - full);
  expect(uncaught).toEqual({
    'context-switch': expect.any(Number),
    'workload-completed': 1 + (40 - full) + 1 + 1,
    'workload-failed': 2 + full,
    'queue-full': full,
    'worker-ready': 1,
  });
});

test('nor do they break the coordinator', async () => {
  const { uncaught, busy, first, later } = await report('cluster');
  expect({ first, later }).toEqual({ first: [2, 4], later: [10, 12] });
  const full = busy.filter((each) => each === 'GPUError ERR_QUEUE_FULL').length;
  expect(busy.filter((each) => `${each}` === '1,1')).toHaveLength(12 - full);
  expect(uncaught).toMatchObject({ 'worker-ready': 4, 'worker-left': 1, 'worker-lost': 1, 'workload-failed': full });
  expect(Object.keys(uncaught).filter((message) => message.startsWith('rejected'))).toEqual([]);
});
