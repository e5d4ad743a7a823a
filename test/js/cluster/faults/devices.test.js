// A device that fails beside one that works, and one that a process without a cluster loses.
'use strict';
const { runChild } = require('../../../support/run-child');
const { types, kAll, whenFree, startNext, later, expectOrder } = require('../../../support/faulty-clusters');

(types.includes('vulkan') ? describe : describe.skip)('a device that fails beside one that works', () => {
  const poison = later('abort@launch:device=vulkan:after=1:times=1000', { scenario: 'poison' }, { limit: 5000 });
  test('a job that ends each worker it is in runs alone from the second on, until its retries are spent', async () => {
    const report = await poison();
    expectOrder(report, { jobs: { ok: report.jobs.ok }, restarts: { crash: 4 } });
    expect(report.poison).toEqual({ ERR_WORKER_LOST: 1 });
    expect(report.messages.ERR_WORKER_LOST).toMatch(/ended while it ran \(4 times; retries: 3\)/);
    // Without retries only jobs that ran when the first two workers ended fail: no more than two contexts each.
    expect(report.unlucky.ERR_WORKER_LOST ?? 0).toBeLessThanOrEqual(4);
    expect(report.unlucky.ok).toBeGreaterThan(0);
  });

  const avoided = later('abort@start:device=vulkan:times=1000', { scenario: 'start', count: kAll });
  test('a device whose opening ends workers is left out after the second', async () => {
    const report = await avoided();
    expectOrder(report, { restarts: { crash: expect.any(Number) }, status: 'degraded' });
    expect(report.restarts.crash).toBeLessThanOrEqual(3); // one may have had its plan already
    expect(report.avoided).toEqual(['vulkan:0']);
  });

  const hung = later('hang@start:device=vulkan:times=1000', { scenario: 'start', count: kAll }, { slow: true });
  test('workers whose second context is never there work with the first', async () => {
    const report = await hung();
    expectOrder(report, { status: 'degraded', closeMs: 5800 });
    expect(report).toMatchObject({ avoided: ['vulkan:0'], forks: 2 });
  });

  const only = later('abort@start:device=vulkan:times=1000', { scenario: 'crashLoop', contextTypes: ['vulkan'] });
  test('the only device that is allowed is not left out', async () => {
    const report = await only();
    expectOrder(report, { jobs: { ERR_TIMEOUT: 20 }, restarts: report.restarts });
    expect(report.avoided).toEqual([]);
  });
});

describe.each(types)('a process that is alone, on %s', (type) => {
  const standalone = (place, more) =>
    whenFree(async () => {
      const { stdout, stderr } = await runChild('faulty-standalone.js', [type, ...more], {
        env: { SWITCHYARD_BUILD: 'faults', SWITCHYARD_FAULT: `lost@${place}:after=1` },
      });
      return stdout ? JSON.parse(stdout) : stderr;
    });
  test.each(['upload', 'launch', 'readback'])('opens a device anew that it lost at %s', async (place) => {
    const life = standalone(place, []);
    startNext();
    expect(await life).toMatchObject({
      jobs: { ok: 20 },
      later: { ok: 20 },
      status: 'ok',
      contexts: [`0-${type}-0 idle`],
    });
  });
  test('jobs without retries fail only if they ran', async () => {
    const life = standalone('launch', ['0']);
    startNext();
    const { jobs, later: after } = await life;
    expect(jobs.ERR_DEVICE_LOST).toBeGreaterThanOrEqual(1);
    expect(jobs.ERR_DEVICE_LOST).toBeLessThanOrEqual(5); // together in a submission
    expect(jobs.ok + jobs.ERR_DEVICE_LOST).toBe(20);
    expect(after).toEqual({ ok: 20 });
  });
});

describe.each(types)('a process that is alone and loses %s for good', (type) => {
  const other = types.find((each) => each !== type);
  const life = (more) =>
    whenFree(async () => {
      const { stdout, stderr } = await runChild('dead-standalone.js', [type, ...more], {
        env: { SWITCHYARD_BUILD: 'faults', SWITCHYARD_FAULT: `dead@launch:after=1:device=${type}` },
      });
      return stdout ? JSON.parse(stdout) : stderr;
    });
  const restart = new RegExp(`${type}:0 was lost \\(a fault on purpose\\), .*restart the process`);

  (other ? test : test.skip)('goes on with what it has beside it, and says so', async () => {
    const ended = life([other]);
    startNext();
    const report = await ended;
    expect(report).toMatchObject({
      before: 'ok',
      there: { ERR_DEVICE_LOST: 20 },
      anywhere: { [`ok on ${other}`]: 20 },
      later: { ERR_DEVICE_LOST: 20 },
      status: 'degraded',
      lostDevices: [`${type}:0`],
      contexts: expect.arrayContaining([`0-${type}-0 lost`, `0-${other}-0 idle`]),
      named: 'ERR_DEVICE_LOST',
      auto: `ok on ${other}`,
      warned: [`${type}:0`],
    });
    expect(report.laterMs).toBeLessThan(1000); // no job waits for what can't come back
    expect(report.messages).toEqual([expect.stringMatching(restart)]);
  });

  test('without another it refuses every job at once', async () => {
    const ended = life([]);
    startNext();
    expect(await ended).toMatchObject({
      there: { ERR_DEVICE_LOST: 20 },
      anywhere: { ERR_DEVICE_LOST: 20 },
      status: 'down',
      contexts: [`0-${type}-0 lost`],
    });
  });
});
