// A copy of this checkout in which a recipe is tried.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { readSteps, apply } = require('./page');

const root = path.join(__dirname, '../..');
const kLeftOut = new Set(['.git', 'node_modules', 'build', 'coverage', '.cache']);

/**
 * @param {string} folder where the copy goes; its build folder is kept, so that a second run is quick
 * @param {string} recipe
 * @returns {string} the copy, after the recipe's edits
 */
function makeTree(folder, recipe) {
  fs.mkdirSync(folder, { recursive: true });
  for (const name of fs.readdirSync(folder)) {
    if (name !== 'build') fs.rmSync(path.join(folder, name), { recursive: true });
  }
  for (const name of fs.readdirSync(root).filter((it) => !kLeftOut.has(it))) {
    const filter = (from) => !kLeftOut.has(path.basename(from));
    fs.cpSync(path.join(root, name), path.join(folder, name), { recursive: true, preserveTimestamps: true, filter });
  }
  fs.symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
  const steps = readSteps(fs.readFileSync(path.join(root, 'CONTRIBUTING.md'), 'utf8'), recipe);
  if (!steps.length) throw new Error(`CONTRIBUTING.md has no recipe ${recipe}`);
  for (const step of steps) apply(folder, step);
  return folder;
}

/**
 * Runs a command in the copy, and throws with its output where it fails.
 * @param {string} tree
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {string} its stdout
 */
function run(tree, command, args) {
  const { status, signal, stdout, stderr, error } = spawnSync(command, args, {
    cwd: tree,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, NODE_PATH: undefined, SWITCHYARD_BUILD: undefined },
  });
  if (status !== 0) {
    const end = error?.message ?? signal ?? `exit code ${status}`;
    throw new Error(`${command} ${args.join(' ')}: ${end}\n${`${stdout}${stderr}`.slice(-6000)}`);
  }
  return stdout;
}

module.exports = { root, makeTree, run };
