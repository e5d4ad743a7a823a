// `switchyard bench`: the cluster's figures, measured by the repository's own script.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { spawn } = require('node:child_process');

const root = path.join(__dirname, '../..');

/** @param {string[]} args */
function bench(args) {
  /** @type {Record<string, string>} */
  const scripts = require('../../package.json').scripts;
  if (!scripts['bench:cluster'] || !fs.existsSync(path.join(root, 'bench')))
    throw new Error('the benchmark ships with the repository only: clone it, then `npm run bench:cluster`');
  const child = spawn('npm', ['run', '--silent', 'bench:cluster', '--', ...args], { cwd: root, stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => {
      process.exitCode = code ?? 1;
      resolve(undefined);
    });
  });
}

/** @param {import('commander').Command} program */
function addBench(program) {
  program
    .command('bench')
    .description(
      `measure the cluster on this machine (arguments go to the repository's bench:cluster; --json among them)`,
    )
    .argument('[arguments...]')
    .allowUnknownOption()
    .addHelpText('after', '\nExit codes: 0 measured, 1 failed or not in a clone of the repository, 2 wrong usage.')
    .action(bench);
}

module.exports = { addBench };
