// CONTRIBUTING.md's recipe for a metric, followed to the letter in a copy: one row, and everything knows it.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { root, makeTree, run } = require('./tree');

jest.setTimeout(5 * 60_000);
const tree = path.join(root, 'build', 'recipes', 'metric');
const read = (file) => fs.readFileSync(path.join(tree, file), 'utf8');
const node = (script) => run(tree, process.execPath, ['-e', script]);

beforeAll(() => {
  makeTree(tree, 'metric');
  fs.cpSync(path.join(root, 'build/release/switchyard.node'), path.join(tree, 'build/release/switchyard.node'));
});

test('what was generated before is stale, and then is not', () => {
  expect(() => run(tree, process.execPath, ['tools/generate.js', '--check'])).toThrow(/stale: .*docs\/metrics\.md/);
  run(tree, process.execPath, ['tools/generate.js']);
  run(tree, process.execPath, ['tools/generate.js', '--check']);
});

test.each([
  ['lib/generated.d.ts', /naps: number/],
  ['docs/metrics.md', /`switchyard_naps_total` \| counter/],
  ['docs/metrics.md', /\| `naps` \|/],
])('%s has it: %s', (file, pattern) => {
  expect(read(file)).toMatch(pattern);
});

test('getMetrics() and the text for Prometheus have it', () => {
  const script = `
    const manager = require('./lib').createGPUClusterManager({ contextTypes: ['cpu'], logLevel: 'error' });
    manager.ready.then(async () => {
      const { naps } = await manager.getMetrics();
      console.log(naps, /^switchyard_naps_total .*$/m.exec(await manager.prometheus())[0]);
      await manager.close();
    });`;
  expect(node(script)).toBe('0 switchyard_naps_total 0\n');
});

test('what two processes have counted is summed', () => {
  const script = `
    const { MetricsBlock } = require('./lib/metrics');
    const { layout } = require('./lib/metrics/layout');
    const [one, other] = [new MetricsBlock(), new MetricsBlock()];
    one.view[layout.kNaps] = 2;
    other.view[layout.kNaps] = 3;
    console.log(one.add(other).view[layout.kNaps]);`;
  expect(node(script)).toBe('5\n');
});
