// What is left of workers and managers that end: one word of those in good order, nothing in the process, and no blame
// of a device that did nothing.
'use strict';
const { spawnSync } = require('node:child_process');
const { devices } = require('../../support/devices');
const { inRoot } = require('../../support/paths');
const { rounds } = require('../../support/rounds');
const { runChild } = require('../../support/run-child');

jest.setTimeout(120000);

test('a worker that closes its manager and exits has left; it is not told as lost', async () => {
  const count = rounds(6, 30); // told wrongly, it was so one time in twelve
  const { code, stdout, stderr } = await runChild('leaving.js', [count], { timeout: 60000 });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(stdout)).toEqual({ left: count, lost: [], restarts: {} });
});

test.each([
  ['unused', [1000], 5],
  ['with a job each', [100, 'run'], 5],
])('managers made and closed, %s, leave no descriptor and no memory', async (_, args, megabytes) => {
  const { code, stdout, stderr } = await runChild('closed-managers.js', args, {
    nodeOptions: ['--expose-gc', '--max-semi-space-size=1'], // V8's own reserve left out
    timeout: 100000,
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const left = JSON.parse(stdout);
  expect(left.descriptors).toBeLessThanOrEqual(0);
  expect(left.most).toBeLessThanOrEqual(8); // of the one that is there
  expect(left.megabytes).toBeLessThan(megabytes);
});

const withDriver = devices.some((id) => !id.startsWith('cpu')) ? test : test.skip;
withDriver.each(['SIGTERM', 'SIGKILL', 'exit'])(
  'workers ended from outside as they start (%s) blame no device',
  async (how) => {
    const { code, stdout, stderr } = await runChild('killed-starts.js', [how]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { ended, avoidedDevices } = JSON.parse(stdout);
    expect(ended).toBe(3);
    expect(avoidedDevices).toEqual([]);
  },
);

test.each([
  [devices[0], 0],
  ['vulkan:99', 1],
])('%s is tried in a process of its own, which ends with %d', (device, status) => {
  const tried = spawnSync(process.execPath, [inRoot('lib', 'cluster', 'trial-main.js'), device], { timeout: 60000 });
  expect(tried.status).toBe(status);
});
