// The files that are ours: all that a checkout holds, without what is built or installed.
'use strict';
const fs = require('node:fs');
const path = require('node:path');

const kLeftOut = new Set(['.git', 'node_modules', 'build', 'coverage', '.cache', 'results']);
// Not text, or not written by hand.
const kNotText = /\.(png|node|tgz|log)$|(^|\/)package-lock\.json$|^test\/fixtures\/(store|index)-v\d+\//;

/**
 * @param {string} root
 * @returns {string[]} the paths of all text files below it, relative to it, in order
 */
function listFiles(root) {
  const found = [];
  const walk = (folder) => {
    for (const entry of fs.readdirSync(path.join(root, folder), { withFileTypes: true })) {
      const name = folder ? `${folder}/${entry.name}` : entry.name;
      if (entry.isDirectory() && !kLeftOut.has(entry.name)) walk(name);
      else if (entry.isFile() && !kNotText.test(name)) found.push(name);
    }
  };
  walk('');
  return found.sort();
}

/**
 * @param {string} root
 * @param {(file: string) => boolean} wanted
 * @returns {Map<string, string>} path -> text
 */
function readFiles(root, wanted) {
  const files = listFiles(root).filter(wanted);
  return new Map(files.map((file) => [file, fs.readFileSync(path.join(root, file), 'utf8')]));
}

module.exports = { listFiles, readFiles };
