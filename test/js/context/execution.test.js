// Whose threads run a process's own jobs: libuv's pool, of any size, or threads of the contexts' own.
'use strict';
const { gpu } = require('../../support/random-data');
const { devices } = require('../../support/devices');
const { runChild } = require('../../support/run-child');
const { rounds } = require('../../support/rounds');

jest.setTimeout(120000);
const kJobs = 6 * 20; // of execution.js

async function run(device, env) {
  const { code, signal, stdout, stderr } = await runChild('execution.js', [device], { env });
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
  return JSON.parse(stdout);
}

describe.each(devices)('on %s', (device) => {
  // What libuv makes of it: 1, 1, 1, its most, its most; and 4 where it is not set.
  const sizes = rounds(['0', '1', '1024', undefined], ['0', '1', 'some', '-1', '1024', '2', undefined]);
  test.each(sizes)('UV_THREADPOOL_SIZE=%s', async (size) => {
    const seen = await run(device, { GPU_EXECUTION: 'libuv', UV_THREADPOOL_SIZE: size });
    expect(seen).toMatchObject({ right: kJobs, read: true, blocked: true });
    expect(seen.slowest).toBeLessThan(300); // with the loop blocked for 400
    if (device.startsWith('cpu')) expect(seen.threads).toBe(0);
  });

  test('threads of their own', async () => {
    const seen = await run(device, { GPU_EXECUTION: 'threads', UV_THREADPOOL_SIZE: '1' });
    expect(seen).toMatchObject({ right: kJobs, read: true, blocked: true });
    expect(seen.slowest).toBeLessThan(300);
    expect(seen.threads).toBe(6);
  });

  // The way that teardown.test.js does not take.
  const pools = ['libuv', 'threads'].flatMap((way) => ['1', '4'].map((size) => [way, size]));
  test.each(rounds([pools[1], pools[2]], pools))('an end on %s, UV_THREADPOOL_SIZE=%s', async (execution, size) => {
    const env = { GPU_EXECUTION: execution, UV_THREADPOOL_SIZE: size };
    const gone = { code: 7, signal: null, stderr: '' };
    for (const wait of rounds([0, 14], [0, 1, 3, 9, 14, 27, 40, 61]))
      expect(await runChild('work.js', [device, 'exit', wait], { env })).toMatchObject(gone);
    expect(await runChild('work.js', [device, 'natural', 20], { env })).toMatchObject({ ...gone, code: 0 });
    expect(await runChild('terminate.js', [device, 4], { env })).toMatchObject({
      ...gone,
      code: 0,
      stdout: 'sum 3\n',
    });
  });
});

test('another way is refused', async () => {
  const before = process.env.GPU_EXECUTION;
  process.env.GPU_EXECUTION = 'fibers';
  try {
    await expect(gpu.createContext({ device: 'cpu' })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringMatching(/GPU_EXECUTION.*'libuv' or 'threads'/),
    });
  } finally {
    if (before === undefined) delete process.env.GPU_EXECUTION;
    else process.env.GPU_EXECUTION = before;
  }
});
