// A passage as an index keeps it: its id says of which document it is, its metadata has the document's own fields,
// which filters see, and what is ours, which they don't.
'use strict';

/** @typedef {import('./chunker').Place} Place */
/** @typedef {Record<string, unknown>} Fields */
/**
 * @typedef {object} Passage
 * @property {string} id of its document
 * @property {string} text
 * @property {number} start in its document, in UTF-16 units
 * @property {number} end
 * @property {Fields} metadata of its document
 * @property {number} count passages that the document has
 * @property {string} stamp of the call that wrote it
 */

/** What begins so is ours. */
const kOwn = '@';
/** The first passage of each document has it. */
const kFirst = `${kOwn}first`;
// Fields of an array within an array are seen by no filter, and so cost none anything.
const kPassage = `${kOwn}passage`;

/**
 * @param {string} document its id
 * @param {number} place of the passage among its own
 */
const idOf = (document, place) => `${document}#${place}`;

/**
 * Ids of passages that follow each other.
 * @param {string} document
 * @param {number} from
 * @param {number} to
 */
function idsOf(document, from, to) {
  return Array.from({ length: to - from }, (_, i) => idOf(document, from + i));
}

/** @param {string} id of a passage */
const documentOf = (id) => id.slice(0, id.lastIndexOf('#'));

/**
 * @param {string} text
 * @returns {boolean} whether it is no half of a character anywhere
 */
const isWhole = (text) => !/\p{Surrogate}/u.test(text);

/**
 * @param {{ text: string, metadata: Fields }} document
 * @param {Place[]} places
 * @param {string} stamp
 * @returns {Fields[]}
 */
function metadataOf({ text, metadata }, places, stamp) {
  return places.map(({ start, end }, i) => {
    const passage = text.slice(start, end);
    // Metadata takes no half of a character; written as an escape it is kept all the same.
    const kept = isWhole(passage) ? passage : [JSON.stringify(passage)];
    return {
      ...metadata,
      ...(i === 0 && { [kFirst]: true }),
      [kPassage]: [[places.length, start, end, kept, stamp]],
    };
  });
}

/**
 * @param {string} id
 * @param {Fields} stored
 * @returns {Passage}
 */
function passageOf(id, { [kPassage]: own, [kFirst]: _, ...metadata }) {
  const [[count, start, end, kept, stamp]] = /** @type {[[number, number, number, string|[string], string]]} */ (own);
  const text = typeof kept === 'string' ? kept : JSON.parse(kept[0]);
  return { id: documentOf(id), text, start, end, metadata, count, stamp };
}

module.exports = { kOwn, kFirst, idOf, idsOf, documentOf, metadataOf, passageOf };
