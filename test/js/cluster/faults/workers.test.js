// Faults again and again in every worker, and workers that hang, stop, block or never start.
'use strict';
const { kAll, later, expectOrder } = require('../../../support/faulty-clusters');

describe('in every worker', () => {
  const contextTypes = ['cpu'];
  const options = { retries: 30 },
    laterOptions = options;

  describe.each([
    ['abort', 'crash'],
    ['lost', 'device-lost'],
  ])('%s at each eighth job', (fault, reason) => {
    const life = later(`${fault}@launch:after=7`, {
      scenario: 'service',
      contextTypes,
      first: options,
      options,
      laterOptions,
    });
    test("workers come and go, jobs don't", async () => {
      const report = await life();
      expect(report).toMatchObject({
        jobs: { ok: kAll },
        wrong: 0,
        later: { ok: 10 },
        running: 0,
        toldWrong: 0,
        outcomes: 0,
        left: 0,
      });
      expect(report.restarts[reason]).toBeGreaterThanOrEqual(3);
      expect(report.closeMs).toBeLessThan(1500);
    });
  });

  describe.each([
    ['abort', 'crash', {}],
    ['lost', 'device-lost', {}],
    ['a script that ends at once', 'start', { SWITCHYARD_BROKEN: '1' }],
  ])('%s at the start', (fault, reason, env) => {
    const life = later(
      reason === 'start' ? '' : `${fault}@start:times=1000`,
      { scenario: 'crashLoop', contextTypes, forks: 6, ...(reason === 'start' ? { exec: 'faulty-worker.js' } : {}) },
      { env },
    );
    test('three quick deaths, then a pause; jobs end by their deadlines; recovery once the cause is gone', async () => {
      const report = await life();
      expectOrder(report, { jobs: { ERR_TIMEOUT: 20 }, restarts: report.restarts });
      expect(report.statusThen).toBe('down');
      // Two places: three deaths at once, one more after a pause of a second, the next after two.
      expect(report.forksThen).toBeGreaterThanOrEqual(6);
      expect(report.forksThen).toBeLessThanOrEqual(8);
      expect(Object.keys(report.restartsThen)).toEqual([reason]);
      expect(Object.keys(report.restarts)).toEqual([reason]);
    });
  });

  const oom = later('oom@start:times=1000', { scenario: 'crashLoop', contextTypes }, { slow: true });
  test('out of memory at the start: tried again and again, then in a new process', async () => {
    const report = await oom();
    expectOrder(report, { jobs: { ERR_TIMEOUT: 20 }, restarts: { 'start-timeout': 2 } });
    expect(report).toMatchObject({ statusThen: 'down', forksThen: 2 });
  });
});

describe('workers that die, hang, stop or block', () => {
  const contextTypes = ['cpu'];

  const deaths = later('', { scenario: 'deaths', contextTypes });
  test('one that died in service is replaced at once, however often', async () => {
    const report = await deaths();
    expectOrder(report, { jobs: { ok: 20 }, restarts: { crash: 5 } });
    for (const ms of report.forkedMs) expect(ms).toBeLessThan(700);
  });

  const stopped = later('', { scenario: 'stopped', contextTypes, count: kAll }, { slow: true });
  test('one that is stopped, with jobs, is ended, and they run elsewhere', async () => {
    const report = await stopped();
    expectOrder(report, { restarts: { unresponsive: 1 } });
    expect(report.ms).toBeLessThan(25000);
  });

  const paused = later('', { scenario: 'stopped', contextTypes, count: 0, goesOn: true }, { slow: true });
  test('one that is stopped, without jobs, gets none until it goes on', async () => {
    const report = await paused();
    expectOrder(report, { jobs: {} });
    expect(report.contextsThen).toEqual(['closed', 'idle']);
  });

  const blocked = later('', { scenario: 'blocked', exec: 'faulty-worker.js', contextTypes }, { slow: true });
  test('one whose loop is blocked runs the jobs of others', async () => {
    const report = await blocked();
    expectOrder(report, { jobs: { ok: 24 } });
    expect(report.jobsMs).toBeLessThan(2500);
    expect(report.forks).toBe(2);
  });

  const localLoss = later(
    'lost@launch:after=1:once',
    { scenario: 'local', exec: 'faulty-worker.js', contextTypes },
    { limit: 3000 },
  );
  test('one that loses its own context has its jobs run elsewhere before it goes', async () => {
    const report = await localLoss();
    expect(report).toMatchObject({
      local: { ok: 10 },
      restarts: { 'device-lost': 1 },
      later: { ok: 10 },
      isWhole: true,
      left: 0,
    });
  });

  const localHang = later('hang@launch:after=1:once', {
    scenario: 'local',
    exec: 'faulty-worker.js',
    contextTypes,
    options: { timeout: 600 },
  });
  test('one whose own job hangs is ended', async () => {
    const report = await localHang();
    expect(report).toMatchObject({ restarts: { hang: 1 }, later: { ok: 10 }, isWhole: true, left: 0 });
    expect(report.local.ERR_TIMEOUT).toBeGreaterThanOrEqual(1);
    expect(Object.values(report.local).reduce((sum, count) => sum + count)).toBe(10);
  });
});
