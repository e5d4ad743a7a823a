// The texts that are measured: sentences of the SPDX licences with their natural lengths, each once, drawn evenly over
// the list.
'use strict';

const kFewestWords = 4;

let all;

function everySentence() {
  const list = require('spdx-license-list/full');
  const found = new Set();
  for (const id of Object.keys(list).sort())
    for (const paragraph of list[id].licenseText.replace(/\r/g, '').split(/\n\s*\n/))
      for (const sentence of paragraph
        .replace(/\s+/g, ' ')
        .trim()
        .split(/(?<=[.;:])\s+/))
        if (sentence.split(' ').length >= kFewestWords) found.add(sentence);
  return [...found];
}

/** `count` sentences; other ones for another `seed`. `accept` may leave some out. */
function sentences(count, { seed = 0, accept = () => true } = {}) {
  all ??= everySentence();
  const right = all.filter(accept);
  if (right.length < count) throw new Error(`the list has ${right.length} such sentences, not ${count}`);
  const step = Math.floor(right.length / count);
  return Array.from({ length: count }, (_, i) => right[i * step + (seed % step)]);
}

module.exports = { sentences };
