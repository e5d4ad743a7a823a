// Real clusters of two workers, in which each fault happens once at each place. Every job settles once and right, the
// dead are replaced, nothing is left behind.
'use strict';
const { rounds } = require('../../../support/rounds');
const { types, kAll, later, expectOrder } = require('../../../support/faulty-clusters');

describe.each(types)('on %s, one fault in the cluster', (type) => {
  const contextTypes = [type];
  const places =
    type === 'cpu' ? ['upload', 'launch', 'readback'] : rounds(['launch'], ['upload', 'launch', 'readback']);

  describe.each(places)('at %s, with a job', (place) => {
    const order = (fault, more = '') => `${fault}@${place}:after=1:once${more}`; // the first is the self-test's
    const service = { scenario: 'service', contextTypes };

    describe.each(rounds(['abort'], ['abort', 'segv']))('%s', (fault) => {
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

    const dead = later(order('dead'), service);
    test('a device that its process can not open again is opened by the one in its place', async () => {
      const report = await dead();
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
