// The licence example from end to end, on each device: the same licences in the same order.
'use strict';
const { spawnSync } = require('node:child_process');
const gpu = require('../../..');
const { inRoot } = require('../../support/paths');

const script = inRoot('examples', 'licenses.js');
const kQuery = 'permission to use, copy, modify and distribute';

function run(...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  return { status, stdout, stderr };
}

function search(device) {
  const { status, stdout, stderr } = run('--query', kQuery, '--device', device, '--json');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout);
}

describe('the licence example', () => {
  let onCpu;
  beforeAll(() => {
    onCpu = search('cpu');
  }, 120_000);

  test('finds licences that grant in the words of the query', () => {
    const texts = require('spdx-license-list/full');
    const ids = onCpu.neighbours.map(({ id }) => id);
    expect(ids).toContain('ISC');
    for (const id of ids) expect(texts[id].licenseText.replace(/\s+/g, ' ')).toMatch(/use, copy, modify/i);
    const scores = onCpu.neighbours.map(({ score }) => score);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
  });

  test('ranks every licence, with ranks that add up to one', () => {
    expect(onCpu.ranks.length).toBe(Object.keys(require('spdx-license-list/full')).length);
    expect(onCpu.ranks.reduce((sum, { rank }) => sum + rank, 0)).toBeCloseTo(1, 3);
  });

  test('names its steps and how long they took', () => {
    const names = onCpu.steps.map(({ name }) => name).join(' ');
    for (const word of ['normalize', 'pca-fit', 'quantize', 'search', 'pagerank']) expect(names).toContain(word);
    for (const { ms } of onCpu.steps) expect(ms).toBeGreaterThan(0);
  });

  for (const { id } of gpu.devices().filter((device) => device.backend !== 'cpu')) {
    test(`gives the same order on ${id}`, () => {
      const other = search(id);
      expect(other.device).toBe(id);
      expect(other.neighbours.map((entry) => entry.id)).toEqual(onCpu.neighbours.map((entry) => entry.id));
    }, 300_000);
  }

  test('a query with no words is wrong usage', () => {
    expect(run('--query', '...').status).toBe(2);
    expect(run('--bogus').status).toBe(2);
  });
});
