// The default model's vocabulary as a tokenizer.json: its ids are those of the published tokenizer.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const fc = require('fast-check');
const licenses = require('spdx-license-list/full');
const { Tokenizer } = require('../../../lib/text/tokenizer');
const { tokenizerJson } = require('../../../lib/text/readers/use-vocabulary');
const { NaiveTokenizer, kFolder } = require('../../support/text/use-oracle');

const vocabulary = JSON.parse(fs.readFileSync(path.join(kFolder, 'vocab.json'), 'utf8'));
const naive = new NaiveTokenizer(vocabulary);
let tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load({ json: tokenizerJson(vocabulary, 8002, 'vocab.json') });
});
afterAll(() => tokenizer?.close());

async function expectSame(texts) {
  const { ids, offsets } = await tokenizer.encode(texts);
  const lists = texts.map((_, i) => Array.from(ids.subarray(offsets[i], offsets[i + 1])));
  expect(lists).toEqual(texts.map((text) => naive.encode(text)));
}

test('ids that were written down', async () => {
  // As the published package gives them.
  expect(naive.encode('')).toEqual([]);
  await expectSame(['', 'Hello, world!']);
});

test.each([
  ['spaces', ['', ' ', '  a  b ', '\ta\nb\r\n', '\u00a0', '\u3000x']],
  ['colons, whose pieces have no score in the file', [':', ':)', ' :) :( :-)', '10:30', ':00:30', 'http://a.b/c:d']],
  ['pieces that stand in it more than once', ['”5', 'a ”5 and 5”', '”55']],
  ['reserved pieces, which no text has', ['<s>', '</s> a', 'extra_token_id_1', '\ufffd', '\uff5f1\uff60']],
  ['unknown characters', ['日本語', 'a日本b語', '🙂🙂', '\ud83d', 'a\udc00b', '\u0000\u0001']],
  ['what NFKC changes', ['ﬁ ½ ①', 'e\u0301', 'ｆｕｌｌ', '\u212b', '한글']],
  ['long words', ['x'.repeat(1000), 'na'.repeat(500), '-'.repeat(300)]],
])('%s', async (_, texts) => {
  await expectSame(texts);
});

test('licences', async () => {
  const texts = Object.values(licenses)
    .slice(0, 40)
    .flatMap(({ licenseText }) => licenseText.split(/\n\s*\n/).slice(0, 10));
  await expectSame(texts);
});

test('any text at all', async () => {
  const piece = fc.constantFrom(...vocabulary.map(([text]) => text.replaceAll('\u2581', ' ')));
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(piece, { maxLength: 12 }).map((all) => all.join('')),
  );
  await fc.assert(fc.asyncProperty(fc.array(text, { maxLength: 5 }), expectSame), { numRuns: 200 });
});
