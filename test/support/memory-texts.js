// Texts of documents, by their version: long ones and short ones, one after the other.
'use strict';

/** @param {number} version */
const documentText = (version) =>
  Array.from({ length: 1 + ((version * 7) % 12) }, (_, i) => `The copy ${version} of the work is ${i}.`).join(' ');

module.exports = { documentText };
