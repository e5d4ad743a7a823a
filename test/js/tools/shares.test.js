// The share of the conformance cases that the quick list runs: each case somewhere, each workload everywhere, and the
// parts that run side by side are the whole.
'use strict';
const { spawnSync } = require('node:child_process');
const { nativeProgram } = require('../../support/paths');

/** The names of the cases that a run would have, as [workload/case, device]. */
function listed(...args) {
  const { stdout, status } = spawnSync(
    nativeProgram('switchyard_tests'),
    ['--gtest_list_tests', '--gtest_filter=conformance.*', ...args],
    { encoding: 'utf8', maxBuffer: 1 << 26 },
  );
  expect(status).toBe(0);
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('  '))
    .map((line) => line.trim().split('  #')[0])
    .map((name) => [name.slice(0, name.lastIndexOf('/')), name.slice(name.lastIndexOf('/') + 1)]);
}
const workloadOf = (name) => name.split('/')[0];
const setOf = (list) => [...new Set(list)].sort();

const all = listed();

test.each([2, 4, 8])('of %i is about that, has every case, and every workload on every device', (share) => {
  const some = listed('--share', `${share}`);
  expect(setOf(some.map(([name]) => name))).toEqual(setOf(all.map(([name]) => name)));
  const pairs = (list) => setOf(list.map(([name, device]) => `${workloadOf(name)} ${device}`));
  expect(pairs(some)).toEqual(pairs(all));
  const devices = setOf(all.map(([, device]) => device));
  for (const one of devices) {
    const count = (list) => list.filter(([, device]) => device === one).length;
    expect(count(some)).toBeGreaterThan((0.6 / share) * count(all));
    // One of each workload comes on top, which is much where a device has few cases.
    const workloads = pairs(all).filter((pair) => pair.endsWith(` ${one}`)).length;
    expect(count(some)).toBeLessThan((2 / share) * count(all) + workloads);
  }
});

test('in parts is the same, each test once', () => {
  const parts = [0, 1].map((part) => listed('--share', '4', '--parts', '2', '--part', `${part}`));
  const names = (list) => list.map((pair) => pair.join('/')).sort();
  expect(names(parts.flat())).toEqual(names(listed('--share', '4')));
  for (const part of parts) expect(part.length).toBeGreaterThan(0.4 * (parts.flat().length / 2));
});
