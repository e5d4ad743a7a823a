// Plain tensors of jobs that go by way of the coordinator: a process that is alone copies none; elsewhere arrays are
// copied off the event loop, once for all jobs that are under way with them.
'use strict';
const { runChild } = require('../../support/run-child');

jest.setTimeout(60000);
const kBase = 4096 * 256 * 4;
const kOutput = 1024 * 1024 * 4;

async function run(where) {
  const { code, stdout, stderr } = await runChild('copies.js', [where], { nodeOptions: ['--no-warnings'] });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

test('a process that is alone copies nothing', async () => {
  const { steps, wrong, warnings } = await run('alone');
  expect(wrong).toEqual([]);
  expect(warnings).toEqual([]);
  for (const [name, { bytes, onLoop }] of Object.entries(steps))
    expect([name, bytes, onLoop]).toEqual([name, name === 'equal jobs' ? 2 * kOutput : 0, 0]);
});

test('in a cluster an array is copied once for all jobs under way, and never by the event loop', async () => {
  const { steps, wrong, warnings } = await run('cluster');
  expect(wrong).toEqual([]);
  for (const [name, { onLoop }] of Object.entries(steps)) expect([name, onLoop]).toEqual([name, 0]);
  const copied = Object.fromEntries(Object.entries(steps).map(([name, { bytes }]) => [name, bytes]));
  expect(copied).toMatchObject({
    'one array, eight at a time': kBase,
    again: kBase,
    changed: kBase,
    'two arrays': 2 * kBase,
    outputs: 0,
    'into memory of the caller': kOutput,
    'equal jobs': 3 * kOutput, // with the input of the job before them
    much: 20 * kBase,
  });
  expect(warnings).toEqual(['SWITCHYARD_COPIES']); // once
});
