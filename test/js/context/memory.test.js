// Memory stays where it is over many jobs and contexts; the same check fails for a control that leaks. bench/ has the
// long run.
'use strict';
const { devices } = require('../../support/devices');
const { runChild } = require('../../support/run-child');

jest.setTimeout(120000);
const kMaxMb = 5;

async function growth(...args) {
  const ended = await runChild('memory.js', args, { nodeOptions: ['--expose-gc'] });
  expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' });
  return JSON.parse(ended.stdout).growth;
}

describe.each(devices)('on %s', (device) => {
  const onCpu = device.startsWith('cpu');
  test('jobs', async () => expect(await growth(device, 'jobs', onCpu ? 6000 : 1500)).toBeLessThan(kMaxMb));
  test('contexts', async () => expect(await growth(device, 'contexts', 400)).toBeLessThan(kMaxMb));
});

test('the control that leaks outputs is noticed', async () =>
  expect(await growth('cpu', 'jobs', 6000, 'leak')).toBeGreaterThan(kMaxMb));
// One takes some 13 KB.
test('the control that leaks contexts is noticed', async () =>
  expect(await growth('cpu', 'contexts', 1600, 'leak')).toBeGreaterThan(kMaxMb));
