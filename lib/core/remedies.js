// What helps where the addon is missing or does not load: a clone of the repository can build it, a package that was
// installed can't.
'use strict';
const fs = require('node:fs');
const path = require('node:path');

const kRoot = path.join(__dirname, '..', '..');
const kReinstall =
  'install a package that has one for this kind of machine: in a clone of the repository, `npm run build:release` ' +
  'and then `npm pack` make it';

/**
 * Whether a folder is a clone of the repository, which has what builds the addon.
 * @param {string} root
 */
function isClone(root) {
  return fs.existsSync(path.join(root, 'tools', 'setup.js'));
}

/**
 * What makes the addon.
 * @param {string} [root] of the package
 */
function buildRemedy(root = kRoot) {
  return isClone(root) ? `run \`npm run setup\` in ${root}` : kReinstall;
}

/**
 * What helps where the addon is there and does not load.
 * @param {{ code?: string, message?: string }} error as Node gave it
 * @param {string} addon its file
 * @param {string} [root] of the package
 * @returns {string} a sentence without its full stop
 */
function loadRemedy({ code, message = '' }, addon, root = kRoot) {
  if (code === 'ERR_DLOPEN_DISABLED')
    return 'start Node with --allow-addons: its permission model allows no addon without it';
  const [, library] = /(\S+\.so[\d.]*): cannot open shared object file/.exec(message) ?? [];
  if (library?.startsWith('libhwy.')) return 'apt install libhwy1';
  if (library) return `install the package that has ${library}`;
  // Ninja takes what is newer than its sources for right.
  return isClone(root) ? `rm ${addon} && npm run setup, in ${root}` : kReinstall;
}

module.exports = { buildRemedy, loadRemedy };
