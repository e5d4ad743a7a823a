// What tests replace while the library is at work, fake timers for example, stops nothing in it.
'use strict';
const { runChild } = require('../../support/run-child');
const { slowJob } = require('../../support/jobs');

const options = { contextTypes: ['cpu'], logLevel: 'error' };
const scale = { type: 'scale', inputs: { input: new Float32Array([1, 2]) }, params: { factor: 2 } };

/** A whole life: early jobs, many at once, one whose time is up, the end. */
async function live(gpu, fake) {
  const manager = gpu.createGPUClusterManager(options);
  const early = manager.executeWorkload(scale);
  fake();
  await manager.ready;
  const { outputs, timings } = await early;
  expect([...outputs.output.data]).toEqual([2, 4]);
  expect(timings.queued).toBeLessThan(20000); // two clocks would differ by the time the machine has been up
  const many = await Promise.all(Array.from({ length: 8 }, () => manager.executeWorkload(slowJob(2))));
  expect(many).toHaveLength(8);
  await expect(manager.executeWorkload(slowJob(400), { timeout: 50 })).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
  for (let i = 0; i < 2000; ++i) await manager.executeWorkload(scale); // past the turn that small jobs may hold
  await manager.close();
}

describe('fake timers', () => {
  afterEach(() => jest.useRealTimers());

  test.each([
    ['modern', {}],
    ['legacy', { legacyFakeTimers: true }],
  ])('%s ones, from before the package was loaded', async (_, how) => {
    jest.resetModules();
    jest.useFakeTimers(how);
    await live(require('../../..'), () => {});
  });

  test.each([
    ['modern', {}],
    ['legacy', { legacyFakeTimers: true }],
  ])('%s ones, from when jobs are under way', async (_, how) => {
    jest.resetModules();
    await live(require('../../..'), () => jest.useFakeTimers(how));
  });
});

test.each(['lone', 'cluster'])('globals that do nothing or throw (%s)', async (scenario) => {
  const { code, stdout, stderr } = await runChild('replaced-globals.js', [scenario], { timeout: 20000 });
  expect({ code, stderr, stdout }).toEqual({ code: 0, stderr: '', stdout: 'done\n' });
});
