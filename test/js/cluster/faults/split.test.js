// A job that is split over two workers, one of which is lost in the middle.
'use strict';
const { twoDrivers } = require('../../../support/devices');
const { rounds } = require('../../../support/rounds');
const { later, expectOrder } = require('../../../support/faulty-clusters');

// Workers on one card would share it: with two drivers each has a device of its own; they take half a minute.
describe.each(['cpu', ...(twoDrivers ? rounds([], ['vulkan']) : [])])('on %s, a part that meets a fault', (type) => {
  const plan = { scenario: 'split', contextTypes: [type] };
  // What a software driver has begun takes a while to stop.
  const how = { env: type === 'vulkan' ? twoDrivers : {}, limit: 5000 };
  const order = (fault) => `${fault}@launch:after=1:once`; // the first is the self-test's

  describe.each([
    ['abort', 'crash'],
    ['lost', 'device-lost'],
  ])('%s', (fault, reason) => {
    const life = later(order(fault), plan, how);
    test('runs elsewhere, and the job ends well', async () => {
      const report = await life();
      expectOrder(report, { jobs: { ok: 1 }, restarts: { [reason]: 1 } });
      expect(report).toMatchObject({ faults: 1, attempts: 2, lost: [reason] });
      expect(report.parts.sort()).toEqual([1, 2]);
    });

    const spent = later(order(fault), { ...plan, options: { retries: 0 } }, how);
    test('without retries the job fails, once', async () => {
      const report = await spent();
      const code = fault === 'abort' ? 'ERR_WORKER_LOST' : 'ERR_DEVICE_LOST';
      expectOrder(report, { jobs: { [code]: 1 }, restarts: { [reason]: 1 } });
      expect(report.messages[code]).toMatch(/^part [12] of 2, 'j1\/[12]' \(rows \d+ to \d+ of 'input'\): /);
    });
  });
});
