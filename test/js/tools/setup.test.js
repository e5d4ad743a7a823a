// Set-up, as far as it must not do harm.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { refuseLink } = require('../../../tools/setup');

test('a node_modules that is a link is not emptied', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-'));
  const link = path.join(folder, 'node_modules');
  expect(() => refuseLink(link)).not.toThrow(); // none is there
  fs.symlinkSync('/elsewhere', link);
  expect(() => refuseLink(link)).toThrow(/node_modules is a link to \/elsewhere, .* remove the link/);
  fs.rmSync(link);
  fs.mkdirSync(link);
  expect(() => refuseLink(link)).not.toThrow();
  fs.rmSync(folder, { recursive: true });
});
