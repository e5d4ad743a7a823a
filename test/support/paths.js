// Where things are: the root of the package, and the folders and programs that tests name.
'use strict';
const path = require('node:path');

const root = path.join(__dirname, '..', '..');
/** A file or folder of the package, by its path from the root. */
const inRoot = (...parts) => path.join(root, ...parts);
/** A program of test/support/children, to be started with Node. */
const childProgram = (name) => path.join(__dirname, 'children', name);

module.exports = { root, inRoot, childProgram, cliProgram: inRoot('lib', 'cli', 'main.js'), build: inRoot('build') };
