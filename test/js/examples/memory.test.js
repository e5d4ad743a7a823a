// The example of documents: it finds the passage, and a second run finds all of it there.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const licences = require('spdx-license-list/full');
const { inRoot } = require('../../support/paths');

let folder;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-memory-'));
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

function run(...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [inRoot('examples', 'memory.js'), ...args], {
    encoding: 'utf8',
    env: { ...process.env, SWITCHYARD_EXAMPLE_FOLDER: path.join(folder, 'memory'), SHADER_CACHE_DIR: folder },
  });
  expect({ status, stderr: status ? stderr : '' }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

/** The passage that was found stands in its licence where it is said to stand. */
function expectPlace(output) {
  const [, text, name, start, end] = /\n {2}([\s\S]*)\n {2}\((.*), characters (\d+) to (\d+)\)\n$/.exec(output);
  const licence = Object.values(licences).find((each) => each.name === name);
  expect(licence.licenseText.slice(Number(start), Number(end))).toBe(text);
}

test('a question is answered with a passage and where it stands, after a restart too', () => {
  const first = run();
  expect(first).toMatch(/^reading the licences/);
  expectPlace(first);
  const second = run();
  expect(second).toMatch(/^7 licences were remembered before/);
  expect(second.split('\n').slice(1)).toEqual(first.split('\n').slice(1));
  expectPlace(run('is there a warranty?'));
}, 120_000);
