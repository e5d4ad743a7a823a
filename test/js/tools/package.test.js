// What the package says of itself to those who install it.
'use strict';
const fs = require('node:fs');
const semver = require('semver');
const { inRoot } = require('../../support/paths');

const read = (file) => JSON.parse(fs.readFileSync(inRoot(file), 'utf8'));
const { packages } = read('package-lock.json');
const { engines, overrides } = read('package.json');
const oldest = semver.minVersion(engines.node).version;

/** What an application gets with this package: [folder, entry]. */
const installed = Object.entries(packages).filter(([folder, { dev }]) => folder !== '' && !dev);
const nameOf = (folder) => folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);

test('everything that is installed with it runs on the oldest Node that it names', () => {
  expect(installed.length).toBeGreaterThan(20);
  const refused = installed.filter(([, entry]) => entry.engines?.node && !semver.satisfies(oldest, entry.engines.node));
  expect(refused.map(([folder, entry]) => `${folder}: ${entry.engines.node}`)).toEqual([]);
});

test('nothing of it is overridden, for an override holds in this clone alone', () => {
  const names = new Set(installed.map(([folder]) => nameOf(folder)));
  expect(Object.keys(overrides).filter((name) => names.has(name))).toEqual([]);
});

test('its types ask no more of @types/node than its first version 20 has', () => {
  const files = fs.readdirSync(inRoot('lib', 'types')).filter((name) => name.endsWith('.d.ts'));
  const texts = files.map((name) => fs.readFileSync(inRoot('lib', 'types', name), 'utf8'));
  expect(texts.filter((text) => /EventEmitter</.test(text))).toEqual([]);
});
