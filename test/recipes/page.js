// Reads the recipes of CONTRIBUTING.md: its code blocks, and what the mark before each says is to be done with it.
'use strict';
const fs = require('node:fs');
const path = require('node:path');

const kMark = /<!-- recipe ([\w-]+): (\S+)(?: (after|before): (.+?))? -->\n```\w+\n([\s\S]*?)```/g;

/**
 * @typedef {object} Step
 * @property {string} file where the code goes
 * @property {'after'|'before'|undefined} place none: the code is the whole file
 * @property {string|undefined} anchor how the line begins next to which the code goes
 * @property {string} code
 */

/**
 * @param {string} text of the page
 * @param {string} recipe
 * @returns {Step[]}
 */
function readSteps(text, recipe) {
  return [...text.matchAll(kMark)]
    .filter(([, name]) => name === recipe)
    .map(([, , file, place, anchor, code]) => ({ file, place, anchor, code }));
}

/**
 * Does one step in a tree, and throws where the page and the tree do not fit.
 * @param {string} root of the tree
 * @param {Step} step
 */
function apply(root, { file, place, anchor, code }) {
  const where = path.join(root, file);
  if (!place) {
    if (fs.existsSync(where)) throw new Error(`${file} is there already`);
    fs.writeFileSync(where, code);
    return;
  }
  const lines = fs.readFileSync(where, 'utf8').split('\n');
  const found = lines.flatMap((line, index) => (line.startsWith(anchor) ? [index] : []));
  if (found.length !== 1) throw new Error(`${file} has ${found.length} lines that begin with ${anchor}, not one`);
  lines.splice(found[0] + (place === 'after' ? 1 : 0), 0, ...code.trimEnd().split('\n'));
  fs.writeFileSync(where, lines.join('\n'));
}

module.exports = { readSteps, apply };
