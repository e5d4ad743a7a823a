// What stands in docs/api.md: its headings, and its examples with the headings that they stand under.
'use strict';
const fs = require('node:fs');
const { inRoot } = require('./paths');

/**
 * @typedef {object} Example
 * @property {string} title the heading, with a number where there is more than one
 * @property {string} code
 * @property {string|undefined} data what its `data` must be: the end of a line like `const { data } = ...; // [1, 2]`
 */

/** @returns {{ text: string, headings: string[], examples: Example[] }} */
function readApiPage() {
  const text = fs.readFileSync(inRoot('docs', 'api.md'), 'utf8');
  const headings = [];
  const examples = [];
  for (const part of text.split(/^(?=#{2,4} )/m).slice(1)) {
    const heading = part.slice(part.indexOf(' ') + 1, part.indexOf('\n'));
    headings.push(heading);
    const blocks = [...part.matchAll(/^```js\n([\s\S]*?)\n```$/gm)];
    blocks.forEach(([, code], index) => {
      const [, data] = /^const (?:\{ data \}|data) = .*; \/\/ (\[.*\])$/m.exec(code) ?? [];
      examples.push({ title: index ? `${heading}, ${index + 1}` : heading, code, data });
    });
  }
  return { text, headings, examples };
}

module.exports = { readApiPage };
