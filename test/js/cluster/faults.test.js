// Real clusters of two workers with faults on order (test/faults): each fault at each place, once in the cluster or
// again and again, and workers that hang, stop, block or never start. Every job settles once and right, the dead are
// replaced, nothing is left behind.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { devices } = require('../../support/devices');
const { runChild } = require('../../support/run-child');

jest.setTimeout(120000);
const types = [...new Set(devices.map((id) => id.split(':')[0]))].filter((type) => type !== 'cuda');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

// ---- the clusters run side by side: two that compute, and any number of those that mostly wait

const waiting = [];
let running = 0,
  flags = 0;

function startNext() {
  while (running < 2 && waiting.length) {
    ++running;
    waiting
      .shift()()
      .finally(() => {
        --running;
        startNext();
      });
  }
}

const whenFree = (run) =>
  new Promise((resolve, reject) => {
    waiting.push(() => run().then(resolve, reject));
  });

/**
 * A life of children/faulty-cluster.js; `once` in an order becomes a flag file.
 * @param {string} order
 * @param {object} plan
 * @param {{ slow?: boolean, limit?: number, env?: object }} [how]
 */
function cluster(order, plan, { slow = false, limit = 500, env = {} } = {}) {
  const run = async () => {
    const SWITCHYARD_FAULT = order.replaceAll('once', `once=${path.join(folder, `flag${++flags}`)}`);
    const { code, signal, stdout, stderr } = await runChild('faulty-cluster.js', [JSON.stringify(plan)], {
      env: { SWITCHYARD_BUILD: 'faults', SWITCHYARD_FAULT, CONTEXT_SWITCH_TIMEOUT: limit, ...env },
    });
    if (code !== 0)
      throw new Error(`the primary ended with ${signal ?? code}: ${stdout.slice(0, 2000)} ${stderr.slice(0, 2000)}`);
    return { ...JSON.parse(stdout), faults: (stderr.match(/^switchyard: fault /gm) ?? []).length };
  };
  return slow ? run() : whenFree(run);
}

const lives = [];
// All at once: jest runs one test after the other.
beforeAll(() => {
  for (const start of lives) start();
  startNext();
});

/** Gives a cluster to its test. */
function later(...life) {
  let ended;
  lives.push(() => {
    ended = cluster(...life).then(
      (report) => ({ report }),
      (error) => ({ error }),
    );
  });
  return async () => {
    const { report, error } = await ended;
    if (error) throw error;
    return report;
  };
}

// ---- what holds in every life

const kAll = 25;

function expectOrder(report, { jobs = { ok: kAll }, restarts = {}, status = 'ok', closeMs = 1500 } = {}) {
  expect(report).toMatchObject({
    jobs,
    restarts,
    status,
    wrong: 0,
    later: { ok: 10 },
    isWhole: true,
    running: 0,
    toldWrong: 0,
    outcomes: 0,
    left: 0,
  });
  expect(Object.keys(report.jobs)).toHaveLength(Object.keys(jobs).length);
  expect(report.restarts).toEqual(restarts);
  expect(report.closeMs).toBeLessThan(closeMs);
}

describe.each(types)('on %s, one fault in the cluster', (type) => {
  const contextTypes = [type];
  const places = ['upload', 'launch', 'readback'];

  describe.each(places)('at %s, with a job', (place) => {
    const order = (fault, more = '') => `${fault}@${place}:after=1:once${more}`; // the first is the self-test's
    const service = { scenario: 'service', contextTypes };

    describe.each(['abort', 'segv'])('%s', (fault) => {
      const life = later(order(fault), service);
      test('ends the worker, and what it had runs elsewhere', async () => {
        const report = await life();
        expectOrder(report, { restarts: { crash: 1 } });
        expect(report).toMatchObject({ faults: 1, attempts: 2, forks: 3, lost: ['crash'] });
      });
    });

    const lost = later(order('lost'), service);
    test('a lost device ends the worker, and what it had runs elsewhere', async () => {
      const report = await lost();
      expectOrder(report, { restarts: { 'device-lost': 1 } });
      expect(report).toMatchObject({ faults: 1, attempts: 2, forks: 3, lost: ['device-lost'] });
    });

    // At a GPU's completion it shows at once; elsewhere the job is tried once more.
    const heals = type === 'cpu' || place !== 'readback';
    const shown = later(order('oom', heals ? ':times=2' : ''), service);
    test("out of memory is the job's own failure", async () => {
      const report = await shown();
      expectOrder(report, { jobs: { ok: kAll - 1, ERR_OUT_OF_MEMORY: 1 } });
      expect(report).toMatchObject({ faults: heals ? 2 : 1, forks: 2, lost: [] });
    });
    if (heals) {
      const healed = later(order('oom'), service);
      test("out of memory for a moment is nobody's failure", async () => {
        const report = await healed();
        expectOrder(report);
        expect(report).toMatchObject({ faults: 1, attempts: 1, forks: 2 });
      });
    }

    const hang = later(order('hang'), { ...service, first: { timeout: 600 }, waitsForRelease: true });
    test('a hang costs the job its deadline and the worker its life, and the others run elsewhere', async () => {
      const report = await hang();
      expectOrder(report, { jobs: { ok: kAll - 1, ERR_TIMEOUT: 1 }, restarts: { hang: 1 } });
      expect(report).toMatchObject({ faults: 1, forks: 3, lost: ['hang'] });
    });
  });

  describe('while a context is opened', () => {
    const start = { scenario: 'start', contextTypes, count: kAll };

    describe.each([
      ['abort', 'crash'],
      ['segv', 'crash'],
      ['lost', 'device-lost'],
    ])('%s', (fault, reason) => {
      const life = later(`${fault}@start:once`, start);
      test('ends the worker, and the next one starts', async () => {
        const report = await life();
        expectOrder(report, { restarts: { [reason]: 1 } });
        expect(report).toMatchObject({ faults: 1, attempts: 1, forks: 3 });
      });
    });

    const oom = later('oom@start:once', start);
    test('out of memory: it is opened again', async () => {
      const report = await oom();
      expectOrder(report);
      expect(report).toMatchObject({ faults: 1, forks: 2, lost: [] });
    });

    const hang = later('hang@start:once', start, { slow: true });
    test('a hang ends the worker in the end; the other one works', async () => {
      const report = await hang();
      expectOrder(report, { restarts: { 'start-timeout': 1 } });
      expect(report).toMatchObject({ faults: 1, forks: 3 });
    });
  });

  describe('while a context is closed', () => {
    describe.each(['abort', 'segv', 'lost', 'oom', 'hang'])('%s', (fault) => {
      const life = later(`${fault}@close:once`, { scenario: 'start', contextTypes, count: kAll });
      test('the cluster closes all the same', async () => {
        const report = await life();
        expectOrder(report, { closeMs: fault === 'hang' ? 5800 : 1500 });
        expect(report).toMatchObject({ faults: 1, forks: 2 });
      });
    });
  });
});

(types.includes('vulkan') ? describe.each(['kernel', 'render']) : describe.skip.each(['no Vulkan']))(
  "a user's program: %s",
  (program) => {
    const service = { scenario: 'service', contextTypes: ['vulkan'], program };
    const env = { SHADER_CACHE_DIR: folder };
    describe.each([
      ['abort', 'launch', 'crash'],
      ['abort', 'readback', 'crash'],
      ['lost', 'launch', 'device-lost'],
      ['lost', 'readback', 'device-lost'],
    ])('%s at %s', (fault, place, reason) => {
      const life = later(`${fault}@${place}:after=1:once`, service, { env });
      test('ends the worker, and what it had runs elsewhere', async () => {
        const report = await life();
        expectOrder(report, { restarts: { [reason]: 1 } });
        expect(report).toMatchObject({ faults: 1, attempts: 2, forks: 3, lost: [reason] });
      });
    });
    const shown = later('oom@launch:after=1:once:times=2', service, { env });
    test("out of memory is the job's own failure", async () => {
      const report = await shown();
      expectOrder(report, { jobs: { ok: kAll - 1, ERR_OUT_OF_MEMORY: 1 } });
      expect(report).toMatchObject({ faults: 2, forks: 2, lost: [] });
    });
    const hang = later(
      'hang@launch:after=1:once',
      { ...service, first: { timeout: 600 }, waitsForRelease: true },
      { env },
    );
    test('a hang costs the job its deadline and the worker its life', async () => {
      const report = await hang();
      expectOrder(report, { jobs: { ok: kAll - 1, ERR_TIMEOUT: 1 }, restarts: { hang: 1 } });
      expect(report).toMatchObject({ faults: 1, forks: 3, lost: ['hang'] });
    });
    const poison = later(
      'abort@launch:after=1:times=1000',
      { ...service, scenario: 'lethal', first: { retries: 2 }, laterOptions: { retries: 30 } },
      { env },
    );
    test('that ends every worker it runs in is given up when its retries are spent', async () => {
      const report = await poison();
      expectOrder(report, { jobs: { ERR_WORKER_LOST: 1 }, restarts: { crash: expect.any(Number) } });
      expect(report.messages.ERR_WORKER_LOST).toMatch(/ended while it ran \(3 times; retries: 2\)/);
    });
  },
);

describe.each([
  ['abort', 'launch', 'crash'],
  ['segv', 'upload', 'crash'],
  ['lost', 'readback', 'device-lost'],
])('the self-test: %s at %s', (fault, place, reason) => {
  const life = later(`${fault}@${place}:once`, { scenario: 'start', contextTypes: ['cpu'], count: kAll });
  test('is a start that failed', async () => {
    expectOrder(await life(), { restarts: { [reason]: 1 } });
  });
});

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
      { scenario: 'crashLoop', contextTypes, ...(reason === 'start' ? { exec: 'faulty-worker.js' } : {}) },
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
    expect(report.ms).toBeLessThan(10000);
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

describe('jobs that are joined', () => {
  const life = later('oom@launch:after=1:times=2:once', { scenario: 'joined', contextTypes: ['cpu'] });
  test('are tried alone when there is no memory for all', async () => {
    expectOrder(await life(), { jobs: { ok: 64 } });
  });
});

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
