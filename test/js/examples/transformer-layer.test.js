// The layer of a language model: as a user runs it, on every device that is found.
'use strict';
const { spawnSync } = require('node:child_process');
const gpu = require('../../..');
const { inRoot } = require('../../support/paths');

test('a whole layer is within float32 of double precision on each device', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [inRoot('examples', 'transformer-layer.js')], {
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const lines = stdout.trim().split('\n');
  expect(lines.map((line) => line.split(' ')[0])).toEqual(gpu.devices().map(({ id }) => id));
  for (const line of lines) {
    expect(line).toMatch(/5 sequences, 51 tokens, 17 nodes in [\d.]+ ms; at most \S+ from double precision$/);
    const [, difference] = /at most (\S+) from/.exec(line);
    expect(Number(difference)).toBeLessThan(1e-5);
    expect(Number(difference)).toBeGreaterThan(0); // float32 is not exact: it was computed
  }
});
