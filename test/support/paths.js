// Where things are: the root of the package, and the folders and programs that tests name.
'use strict';
const fs = require('node:fs');
const path = require('node:path');

const root = path.join(__dirname, '..', '..');
/** A file or folder of the package, by its path from the root. */
const inRoot = (...parts) => path.join(root, ...parts);
/** A program to be started with Node: one of test/support/children, or one elsewhere by its whole path. */
const childProgram = (name) => path.resolve(__dirname, 'children', name);

/** A native program, which `npm run setup` and `npm test` build and a run of Jest by hand may lack. */
function nativeProgram(name) {
  const file = inRoot('build', 'release', name);
  if (!fs.existsSync(file)) throw new Error(`build/release/${name} is not built: npm run setup`);
  return file;
}

module.exports = {
  root,
  inRoot,
  childProgram,
  nativeProgram,
  cliProgram: inRoot('lib', 'cli', 'main.js'),
  build: inRoot('build'),
};
