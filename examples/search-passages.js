// The clauses of licences as passages: whole sentences of one clause, short enough that a model reads all of them.
'use strict';

const kWords = { least: 7, most: 64 }; // a passage; what is shorter is a heading, or goes to the sentence after it
const kNumbering = /^\s*(?:[([]?(?:\d{1,2}(?:\.\d{1,2})*|[a-z]|[ivx]{1,4})[.)\]]+|\d{1,2}(?:\.\d{1,2})+|[-*•·o])\s+/i;
const kShouted = 0.7; // of the letters are capitals

/** Lines joined, the number of the clause and what only draws a line taken off. */
function plain(clause) {
  const text = clause
    .replace(/[-=_*#~]{3,}/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  return text.replace(kNumbering, '');
}

/** Capitals say nothing here, and a model knows few words of capitals. */
function spoken(text) {
  const letters = text.match(/\p{L}/gu) ?? [];
  const capitals = text.match(/\p{Lu}/gu) ?? [];
  if (capitals.length < kShouted * letters.length) return text;
  return text.toLowerCase().replace(/(^|[.!?]\s+)(\p{L})/gu, (_, before, letter) => before + letter.toUpperCase());
}

const countWords = (text) => text.match(/\S*[\p{L}\p{N}]\S*/gu)?.length ?? 0;

/** Pieces of a sentence that is longer than a passage. */
function cut(sentence) {
  const words = sentence.split(' ');
  const pieces = Math.ceil(words.length / kWords.most);
  const length = Math.ceil(words.length / pieces);
  return Array.from({ length: pieces }, (_, i) => words.slice(i * length, (i + 1) * length).join(' '));
}

/** A clause as passages of whole sentences. */
function passagesOf(clause) {
  const found = [];
  let current = '';
  for (const sentence of spoken(plain(clause)).split(/(?<=[.;:!?])\s+(?=[\p{Lu}("“'‘])/u)) {
    const joined = current ? `${current} ${sentence}` : sentence;
    if (countWords(joined) <= kWords.most) {
      current = joined;
      if (countWords(current) < 2 * kWords.least) continue; // too short to stand alone
      found.push(current);
      current = '';
    } else {
      if (current) found.push(current);
      found.push(...cut(sentence));
      current = '';
    }
  }
  if (current) found.push(current);
  return found.filter((text) => countWords(text) >= kWords.least);
}

/** What tells one passage from another: its letters and digits. */
const keyOf = (text) => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, ' ');

/**
 * The passages of some licences of the SPDX list, equal ones once, with the licences that have them: { text, owners }.
 */
function readPassages(ids) {
  const list = require('spdx-license-list/full');
  const unknown = ids?.find((id) => !Object.hasOwn(list, id));
  if (unknown !== undefined) throw new Error(`'${unknown}' is no licence of the SPDX list`);
  const licences = ids ?? Object.keys(list).sort();
  const unique = new Map();
  for (const id of licences) {
    for (const clause of list[id].licenseText.replace(/\r/g, '').split(/\n\s*\n/)) {
      for (const text of passagesOf(clause)) {
        const key = keyOf(text);
        const passage = unique.get(key) ?? { text, owners: [] };
        if (passage.owners.at(-1) !== id) passage.owners.push(id);
        unique.set(key, passage);
      }
    }
  }
  return { licences, passages: [...unique.values()] };
}

module.exports = { readPassages, passagesOf };
