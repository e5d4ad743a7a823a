// Tokenizers give what the Rust original gives, to the id and the span, over many scripts and what is between; and what
// the JavaScript library gives, but for what the two of them disagree about.
'use strict';
const fc = require('fast-check');
const { Tokenizer } = require('../../../lib/text/tokenizer');
const { kAll, kReal } = require('../../support/tokenizer-table');
const { kTexts, licenceTexts } = require('../../support/text-corpus');
const { rust, rustEncode, jsEncode, ourEncode } = require('../../support/tokenizer-references');
const { seed } = require('../../support/random-data');
const files = require('../../support/tokenizer-files');

jest.setTimeout(120000);

const load = (file) => Tokenizer.load({ json: JSON.stringify(file) });
const byRust = (file) => rust.Tokenizer.fromString(JSON.stringify(file));

describe('identical to the Rust original', () => {
  test.each(kAll)('%s', async (_, make) => {
    const file = make();
    const tokenizer = await load(file);
    const expected = await rustEncode(file, kTexts);
    const ours = await ourEncode(tokenizer, kTexts);
    const withoutSpans = await ourEncode(tokenizer, kTexts, { spans: false });
    kTexts.forEach((text, i) => {
      expect({ text, ...ours[i] }).toEqual({ text, ...expected[i] });
      expect({ text, ids: withoutSpans[i].ids }).toEqual({ text, ids: expected[i].ids });
    });
    tokenizer.close();
  });

  // Characters that parts of tokenizers treat in their own ways, and any others.
  const kPieces = [...kTexts.join('')].filter((char, i, all) => all.indexOf(char) === i);
  const anyText = fc
    .array(
      fc.oneof(
        { weight: 5, arbitrary: fc.constantFrom(...kPieces) },
        { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
      ),
    )
    .map((parts) => parts.join(''));
  test.each(kAll)('%s, texts drawn', async (_, make) => {
    const file = make();
    const tokenizer = await load(file);
    await fc.assert(
      fc.asyncProperty(fc.array(anyText, { minLength: 20, maxLength: 20 }), async (texts) => {
        expect(await ourEncode(tokenizer, texts)).toEqual(await rustEncode(file, texts));
      }),
      { seed, numRuns: 10 },
    );
    tokenizer.close();
  });
});
