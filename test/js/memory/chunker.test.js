// Texts as passages: all of the text, whole sentences, no more tokens than there may be, nothing cut in two.
'use strict';
const fc = require('fast-check');
const { check } = require('../../support/simulation');
const { passagesOf, cutText, kMostUnits } = require('../../../lib/memory/documents/chunker');

/** Every run of letters, and every other sign, is a token: for places that can be told by looking. */
function spansOf(text) {
  return Int32Array.from(
    [...text.matchAll(/[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu)].flatMap(({ index, 0: token }) => [
      index,
      index + token.length,
    ]),
  );
}

/** The same with tokens of at most `most` units, as tokenizers cut long words; never inside of a character. */
function shortSpansOf(text, most) {
  const spans = [];
  for (const { index, 0: token } of text.matchAll(/[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu)) {
    let from = index;
    let to = index;
    for (const character of token) {
      if (to - from >= most) {
        spans.push(from, to);
        from = to;
      }
      to += character.length;
    }
    spans.push(from, to);
  }
  return Int32Array.from(spans);
}

const tokensIn = (spans, { start, end }) => {
  let count = 0;
  for (let i = 0; i < spans.length; i += 2) if (spans[i] >= start && spans[i] < end) ++count;
  return count;
};
const cut = (text, limits, spans = spansOf(text)) => [...passagesOf(text, spans, limits)];
const textsOf = (text, limits) => cut(text, limits).map(({ start, end }) => text.slice(start, end));

test('short sentences go together, with the last of them in the next passage', () => {
  const text = 'One two three. Four five six. Seven eight nine. Ten eleven twelve.';
  expect(textsOf(text, { tokens: 8, overlap: 4 })).toEqual([
    'One two three. Four five six.',
    'Four five six. Seven eight nine.',
    'Seven eight nine. Ten eleven twelve.',
  ]);
  expect(textsOf(text, { tokens: 8, overlap: 3 })).toEqual([
    'One two three. Four five six.',
    'Seven eight nine. Ten eleven twelve.',
  ]);
  expect(textsOf(text, { tokens: 100, overlap: 20 })).toEqual([text]);
});

test('a line ends no sentence, a paragraph does', () => {
  const text = 'This sentence goes\r\non in the next line. A second\none.\n\nA heading\n\nAnd more';
  expect(textsOf(text, { tokens: 10, overlap: 0 })).toEqual([
    'This sentence goes\r\non in the next line.',
    'A second\none.\n\nA heading\n\nAnd more',
  ]);
});

test.each(['\n', '\r\n', '\r'])('a line that ends with %j goes on, and an empty one is a paragraph', (end) => {
  const text = ['one two three', 'four five six', '', 'seven eight', ' ', 'nine ten'].join(end);
  expect(textsOf(text, { tokens: 6, overlap: 0 })).toEqual([
    ['one two three', 'four five six'].join(end),
    ['seven eight', ' ', 'nine ten'].join(end),
  ]);
  // A sentence that is too long is cut at words alone: so much fits.
  expect(textsOf(text, { tokens: 4, overlap: 0 })[0]).toBe(['one two three', 'four'].join(end));
});

test('a title, an initial and an abbreviation end none', () => {
  const text = 'Dr. Ada B. Lovelace wrote it, e.g. Note G. It was long.';
  expect(textsOf(text, { tokens: 20, overlap: 0 })).toEqual([text]);
  expect(textsOf('We met Dr. Who. She left.', { tokens: 6, overlap: 0 })).toEqual(['We met Dr. Who.', 'She left.']);
});

test('a sentence that is too long is cut between words, and its pieces share some', () => {
  const text = `${Array.from({ length: 25 }, (_, i) => `word${i}`).join(' ')}.`;
  const passages = textsOf(text, { tokens: 10, overlap: 4 });
  expect(passages[0]).toBe('word0 word1 word2 word3 word4 word5 word6 word7');
  expect(passages[1]).toBe('word4 word5 word6 word7 word8 word9 word10 word11');
  for (const passage of passages) expect(passage).toMatch(/^word\d+( word\d+)*\.?$/);
});

test('what stands behind a word stays with it', () => {
  const text = 'one two three, four five six; seven eight (nine ten) eleven twelve!';
  const passages = textsOf(text, { tokens: 6, overlap: 3 });
  for (const passage of passages) expect(passage).toMatch(/^[(\w]/);
  expect(passages.slice(0, 2)).toEqual(['one two three,', 'four five six;']);
});

test('a text of any length is cut where its sentences end, and takes time in proportion', () => {
  const sentence = (i) => `Sentence ${i} has ${'some more '.repeat(3 + (i % 3))}words, "as it is".`;
  const all = Array.from({ length: 4000 }, (_, i) => sentence(i));
  expect(textsOf(all.join(' '), { tokens: 21, overlap: 0 })).toEqual(all);
  const words = `${'word '.repeat(100_000)}.`;
  const pieces = textsOf(words, { tokens: 100, overlap: 0 });
  expect(pieces).toHaveLength(1001);
  expect(new Set(pieces)).toEqual(new Set([`${'word '.repeat(99)}word`, '.']));
});

test('a word that is too long is cut between its tokens', () => {
  const text = 'a'.repeat(100);
  const spans = shortSpansOf(text, 3);
  const passages = cut(text, { tokens: 10, overlap: 0 }, spans);
  expect(passages).toEqual([0, 30, 60, 90].map((start) => ({ start, end: Math.min(100, start + 30) })));
});

test('one word of 10,000 characters, of one token or of many', () => {
  const text = 'x'.repeat(10_000);
  for (const spans of [Int32Array.of(0, 10_000), shortSpansOf(text, 4)]) {
    const passages = cut(text, { tokens: 200, overlap: 40 }, spans);
    expect(passages[0].start).toBe(0);
    expect(passages.at(-1).end).toBe(10_000);
    for (const passage of passages) {
      expect(passage.end - passage.start).toBeLessThanOrEqual(kMostUnits);
      expect(tokensIn(spans, passage)).toBeLessThanOrEqual(200);
    }
  }
});

test.each(['', ' ', ' \n\n\t\u2029 \u00a0'])('%j has none', (text) => {
  expect(cut(text, { tokens: 5, overlap: 1 })).toEqual([]);
});

test('scripts without spaces are cut between words', () => {
  const text = '私は昨日図書館で本を借りました'.repeat(20);
  const spans = Int32Array.from({ length: 2 * text.length }, (_, i) => (i + 1) >> 1);
  const passages = cut(text, { tokens: 30, overlap: 5 }, spans);
  expect(passages.length).toBeGreaterThan(5);
  for (const { start, end } of passages) expect(text.slice(start, end)).not.toMatch(/^書館|図書$|^館|昨$|^日/);
});

describe('of any text', () => {
  const pieces = fc.oneof(
    fc.constantFrom('. ', '! ', '? ', '\n', '\n\n', '\r\n', ' ', '  ', '\u2029', '\u3002', ', ', '\t', '.'),
    fc.constantFrom(
      'Dr',
      'word',
      'Ünïcödé',
      '東京',
      'שלום',
      'สวัสดี',
      '👩‍👩‍👧',
      '🇩🇪',
      'e\u0301',
      '\ud800',
      '\udc00',
      '𝒳𝒴',
      'ß',
      'İ',
    ),
    fc.string({ maxLength: 12 }),
    fc.string({ unit: 'binary', maxLength: 8 }),
    fc.integer({ min: 1, max: 60 }).map((n) => 'long'.repeat(n)),
  );
  const texts = fc.array(pieces, { maxLength: 60 }).map((all) => all.join(''));
  const limits = fc
    .record({ tokens: fc.integer({ min: 1, max: 30 }), share: fc.double({ min: 0, max: 0.5, noNaN: true }) })
    .map(({ tokens, share }) => ({ tokens, overlap: Math.floor(tokens * share) }));
  const cases = fc.record({ text: texts, limits, most: fc.integer({ min: 1, max: 20 }) });

  test('all of it is in a passage, in order, and none is within another', () => {
    check(
      fc.property(cases, ({ text, limits: own, most }) => {
        const passages = cut(text, own, shortSpansOf(text, most));
        const covered = new Uint8Array(text.length);
        let last = { start: -1, end: -1 };
        for (const place of passages) {
          expect(place.start).toBeGreaterThan(last.start);
          expect(place.end).toBeGreaterThan(last.end);
          covered.fill(1, place.start, place.end);
          last = place;
        }
        for (let i = 0; i < text.length; ++i) if (!covered[i]) expect(text[i]).toMatch(/\s/);
      }),
    );
  });

  test('none has more tokens than it may, or space around it, or half of a character', () => {
    check(
      fc.property(cases, ({ text, limits: own, most }) => {
        const spans = shortSpansOf(text, most);
        for (const place of cut(text, own, spans)) {
          const passage = text.slice(place.start, place.end);
          expect(tokensIn(spans, place)).toBeLessThanOrEqual(own.tokens);
          expect(passage.length).toBeLessThanOrEqual(kMostUnits);
          expect(passage).toBe(passage.trim());
          for (const at of [place.start, place.end]) {
            const isHigh = at > 0 && /[\ud800-\udbff]/.test(text[at - 1]);
            expect(isHigh && at < text.length && /[\udc00-\udfff]/.test(text[at])).toBe(false);
          }
        }
      }),
    );
  });

  test('what two share has at most as many tokens as the overlap', () => {
    check(
      fc.property(cases, ({ text, limits: own, most }) => {
        const spans = shortSpansOf(text, most);
        const passages = cut(text, own, spans);
        for (let i = 1; i < passages.length; ++i) {
          const shared = { start: passages[i].start, end: passages[i - 1].end };
          if (shared.end > shared.start) expect(tokensIn(spans, shared)).toBeLessThanOrEqual(own.overlap);
        }
      }),
    );
  });

  test('over several turns of the event loop it is the same', async () => {
    const text = 'A sentence of some words, and one more. '.repeat(3000);
    const spans = spansOf(text);
    const own = { tokens: 40, overlap: 10 };
    expect(await cutText(text, spans, own)).toEqual(cut(text, own, spans));
    const stop = new Error('nobody waits');
    const long = text.repeat(10);
    const refuse = () => {
      throw stop;
    };
    await expect(cutText(long, spansOf(long), own, refuse)).rejects.toBe(stop);
    // Where there is no passage for a long while, too.
    await expect(cutText(' \n'.repeat(1 << 18), Int32Array.of(), own, refuse)).rejects.toBe(stop);
  });
});
