// What a job on one device has made is read by jobs on others where it lies, without a copy by the process that asks.
'use strict';
const gpu = require('../../..');
const { runChild } = require('../../support/run-child');

jest.setTimeout(60000);

const backends = [...new Set(gpu.devices().map(({ backend }) => backend))];

test('a sealed tensor goes from device to device, and process to process, without a copy', async () => {
  if (backends.length < 2) console.warn('SKIPPED: the CPU is the only device here, so only processes differ');
  const { code, stdout, stderr } = await runChild('moved.js', backends);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const { ran, ...rest } = JSON.parse(stdout);
  expect(rest).toEqual({ bytes: 0, onLoop: 0, more: 0, wrong: [] });
  // every kind of device, and both workers
  expect(new Set(ran.map((id) => id.split('-')[1]))).toEqual(new Set(backends));
  expect(new Set(ran.map((id) => id.split('-')[0])).size).toBe(2);
});
