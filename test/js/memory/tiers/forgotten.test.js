// What nobody closes and nobody holds any more is collected: looking after its memory holds nothing.
'use strict';
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { inRoot } = require('../../../support/paths');

test('contexts, indexes and stores', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-forgotten-'));
  const args = ['--expose-gc', inRoot('test', 'support', 'children', 'forgotten.js'), folder];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  fs.rmSync(folder, { recursive: true });
  expect(stderr).toBe('');
  expect([status, stdout.trim()]).toEqual([0, '[]']);
});
