// JavaScript may take the memory of an input or a target away while a job uses it: the job works on what it was given,
// a target that is gone is an error, and nothing crashes. In children: a crash would end this one.
'use strict';
const { runChild } = require('../../support/run-child');
const { devices } = require('../../support/devices');

jest.setTimeout(120000);

const kFirst = 'cpu:0';
const cases = [
  ...devices.map((device) => [device, 'context']),
  [kFirst, 'alone'],
  [kFirst, 'cluster'],
  [kFirst, 'cluster', 'copied'],
];

test.each(cases)('on %s, %s %s', async (...args) => {
  const { code, signal, stdout, stderr } = await runChild('taken-memory.js', args, {
    nodeOptions: ['--expose-gc', '--no-warnings'],
  });
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
  const outcomes = Object.entries(JSON.parse(stdout));
  expect(outcomes.length).toBeGreaterThanOrEqual(8);
  for (const [how, outcome] of outcomes)
    expect([how, outcome]).toEqual([how, how.startsWith('input') ? 'right' : 'ERR_INVALID_ARGUMENT into.output']);
});
