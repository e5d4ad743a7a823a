// CONTRIBUTING.md's recipe for a setting, followed to the letter in a copy: one row, and everything knows it.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { root, makeTree, run } = require('./tree');

jest.setTimeout(5 * 60_000);
const tree = path.join(root, 'build', 'recipes', 'setting');
const read = (file) => fs.readFileSync(path.join(tree, file), 'utf8');

beforeAll(() => {
  makeTree(tree, 'setting');
  fs.cpSync(path.join(root, 'build/release/switchyard.node'), path.join(tree, 'build/release/switchyard.node'));
});

test('what was generated before is stale, and then is not', () => {
  expect(() => run(tree, process.execPath, ['tools/generate.js', '--check'])).toThrow(/stale: .*lib\/generated\.d\.ts/);
  run(tree, process.execPath, ['tools/generate.js']);
  run(tree, process.execPath, ['tools/generate.js', '--check']);
});

test.each([
  ['lib/generated.d.ts', /pauseBetweenJobs\?: number/],
  ['docs/settings.md', /`pauseBetweenJobs`.*`PAUSE_BETWEEN_JOBS`|`PAUSE_BETWEEN_JOBS`.*`pauseBetweenJobs`/],
  ['switchyard.config.schema.json', /"pauseBetweenJobs"/],
])('%s has it', (file, pattern) => {
  expect(read(file)).toMatch(pattern);
});

test('--help, the environment and the checks know it', () => {
  expect(run(tree, process.execPath, ['lib/cli/main.js', 'start', '--help'])).toMatch(/--pause <ms>/);
  const script = (value) =>
    `process.env.PAUSE_BETWEEN_JOBS = '${value}'; ` +
    "console.log(require('./lib/config').readConfig({ logLevel: 'error' }).pauseBetweenJobs)";
  expect(run(tree, process.execPath, ['-e', script(250)])).toBe('250\n');
  expect(() => run(tree, process.execPath, ['-e', script('soon')])).toThrow(/PAUSE_BETWEEN_JOBS/);
});
