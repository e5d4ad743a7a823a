// The vocabulary of the Universal Sentence Encoder Lite as the text of a tokenizer.json. The ids are those of its
// published tokenizer (of TensorFlow.js's models, and of @energetic-ai/embeddings): NFKC, a U+2581 in front and for
// each space, the best way through the pieces, one 0 for a run of what is in none of them.
'use strict';
const { invalid, show } = require('../../core');

const kReserved = 6; // unknown, the ends of a sentence, three that nothing uses: no text has them
const kUnknown = 0;
const kSpace = '\u2581';

/**
 * @param {unknown} vocabulary [piece, score], by their ids
 * @param {number} most rows of the table that ids are looked up in
 * @param {string} where the file is
 * @returns {[piece: string, score: number][]}
 */
function checkVocabulary(vocabulary, most, where) {
  if (!Array.isArray(vocabulary) || vocabulary.length <= kReserved || vocabulary.length > most)
    throw invalid(`${where}: it must be an array of more than ${kReserved} pieces, and at most ${most}`);
  return vocabulary.map((entry, id) => {
    // The published file has null for the score of some pieces, as for ':', and JavaScript counts it as 0.
    const [piece, score] = Array.isArray(entry) && entry.length === 2 ? entry : [];
    if (typeof piece !== 'string' || piece === '' || !(score === null || Number.isFinite(score)))
      throw invalid(`${where}: entry ${id} is ${show(entry)}, but must be [piece, score]`);
    return [piece, score ?? 0];
  });
}

/**
 * The pieces, each under a name that no other has: of those that stand there more than once, the last one is met in
 * texts, and the others get names that no text has.
 * @param {[piece: string, score: number][]} pieces
 */
function withoutDoubles(pieces) {
  const lastOf = new Map(pieces.map(([piece], id) => [piece, id]));
  return pieces.map(([piece, score], id) => {
    // NFKC leaves no U+FF5F in a text.
    return lastOf.get(piece) === id ? [piece, score] : [`\uff5f${id}\uff60`, score];
  });
}

/**
 * @param {unknown} vocabulary
 * @param {number} most
 * @param {string} where
 * @returns {string}
 * @throws {import('../../core').GPUError} ERR_INVALID_ARGUMENT
 */
function tokenizerJson(vocabulary, most, where) {
  const pieces = checkVocabulary(vocabulary, most, where);
  return JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFKC' },
        { type: 'Prepend', prepend: kSpace },
        { type: 'Replace', pattern: { String: ' ' }, content: kSpace },
      ],
    },
    pre_tokenizer: null,
    post_processor: null,
    decoder: { type: 'Metaspace', replacement: kSpace, prepend_scheme: 'always', split: false },
    model: {
      type: 'Unigram',
      unk_id: kUnknown,
      byte_fallback: false,
      vocab: withoutDoubles(pieces),
    },
    switchyard: { sentenceEncoder: true, firstPiece: kReserved }, // src/text/tokenizer.h says what that is
  });
}

module.exports = { tokenizerJson };
