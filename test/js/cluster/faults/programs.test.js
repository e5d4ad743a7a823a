// Faults while a user's program or joined jobs run.
'use strict';
const { types, folder, kAll, cluster, later, expectOrder } = require('../../../support/faulty-clusters');

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

describe('jobs that are joined', () => {
  test('are tried alone when there is no memory for all', async () => {
    // On a busy machine the first job may go before the others are there: then it is what meets the fault.
    const wasAlone = ({ jobs }) => jobs.ok === 63 && jobs.ERR_OUT_OF_MEMORY === 1;
    const plan = { scenario: 'joined', contextTypes: ['cpu'] };
    const life = () => cluster('oom@launch:after=1:times=2:once', plan, { slow: true });
    let report = await life();
    for (let tries = 1; tries < 8 && wasAlone(report); ++tries) report = await life();
    expectOrder(report, { jobs: { ok: 64 } });
    expect(report).toMatchObject({ faults: 2, forks: 2, lost: [] });
  });
});
