// Texts as passages of whole sentences, counted in a model's own tokens, each with the last sentences of the one before
// it. Works over the tokens' places in the text: a text is tokenized once, whatever becomes of it.
'use strict';
const { setImmediate } = require('node:timers/promises');
const { nowMs } = require('../../core');

/** @typedef {{ start: number, end: number }} Place in UTF-16 units */
/** @typedef {Place & { tokens: number }} Unit what is never cut: a sentence, or a piece of one that is too long */
/**
 * @typedef {object} Limits
 * @property {number} tokens of a passage, at most
 * @property {number} overlap tokens of the sentences that it shares with the one before it, at most
 */

/** UTF-16 units of a passage, at most: with those that JSON writes as six bytes it stays below what metadata may be. */
const kMostUnits = 8000;
const kSentences = 4096; // units of a window of them
const kWords = 512;
const kTurnMs = 4; // of cutting, after which others come between
// A line that ends here goes on in the next one; between paragraphs there is an empty one, or the sign for it.
const kParagraph = /(?:\r\n|\n|\r(?!\n))[^\S\r\n]*(?:\r\n|\n|\r(?!\n))\s*|\u2029\s*/g;
// Full stops that end no sentence: of titles, initials, and what stands before a number or a name.
const kAbbreviations =
  'Dr|Mr|Mrs|Ms|Prof|Sr|Jr|St|Mt|No|Nr|Fig|Figs|Eq|Sec|Art|Vol|pp?|cf|vs|approx|e\\.g|i\\.e|z\\.B|u\\.a|al';
const kAbbreviated = new RegExp(`(?:^|[\\s([])(?:\\p{Lu}|${kAbbreviations})\\.["')\\]]*\\s*$`, 'u');

const kWordBegins = /^[\p{L}\p{N}]/u;

/** @type {Map<'sentence'|'word', Intl.Segmenter>} */
const segmenters = new Map();

/**
 * Made when a text is cut: that takes as long as loading a hundred files.
 * @param {'sentence'|'word'} granularity
 */
function segmenterOf(granularity) {
  let segmenter = segmenters.get(granularity);
  if (!segmenter) segmenters.set(granularity, (segmenter = new Intl.Segmenter('en', { granularity })));
  return segmenter;
}

/** How many tokens begin before a place, for places that only grow. */
class TokenCounter {
  #spans;
  #at = 0;

  /** @param {Int32Array} spans begin and end of each token, ascending; without special ones */
  constructor(spans) {
    this.#spans = spans;
  }

  /**
   * Tokens that begin from the last place on, up to this one.
   * @param {number} end
   */
  until(end) {
    const from = this.#at;
    while (this.#at < this.#spans.length && this.#spans[this.#at] < end) this.#at += 2;
    return (this.#at - from) / 2;
  }

  /**
   * Where the token begins that is `count` behind the last place; Infinity: there are no more.
   * @param {number} count
   */
  ahead(count) {
    const at = this.#at + 2 * count;
    return at < this.#spans.length ? this.#spans[at] : Infinity;
  }
}

/**
 * Paragraph by paragraph, so that a line's end is one of a sentence only where a paragraph ends, too.
 * @param {string} text
 * @returns {Generator<Place>} one behind the other, over the whole text
 */
function* sentencesOf(text) {
  let from = 0;
  for (const { index, 0: gap } of text.matchAll(kParagraph)) {
    yield* inParagraph(text, from, index + gap.length);
    from = index + gap.length;
  }
  yield* inParagraph(text, from, text.length);
}

/**
 * Segments of a part of a text, one behind the other. A step of a segmenter takes as long as its text is long, so it
 * gets a window of it at a time; what ends with the window may go on behind it, and comes with the next one.
 * @param {Intl.Segmenter} segmenter
 * @param {string} text
 * @param {Place} part
 * @param {number} window UTF-16 units
 * @returns {Generator<Place>}
 */
function* segmentsOf(segmenter, text, { start, end }, window) {
  let size = window;
  for (let at = start; at < end;) {
    const until = Math.min(end, at + size);
    // Of the same length, so that places are the same.
    const line = text.slice(at, until).replace(/[\r\n\u0085\u2028]/g, ' ');
    const begins = Array.from(segmenter.segment(line), ({ index }) => at + index);
    const whole = until === end ? begins.length : begins.length - 1;
    for (let i = 0; i < whole; ++i) yield { start: begins[i], end: begins[i + 1] ?? end };
    at = until === end ? end : begins[whole];
    size = whole ? window : 2 * size;
  }
}

/**
 * @param {string} text
 * @param {number} from
 * @param {number} to
 * @returns {Generator<Place>}
 */
function* inParagraph(text, from, to) {
  let start = from;
  for (const { end } of segmentsOf(segmenterOf('sentence'), text, { start: from, end: to }, kSentences)) {
    if (end < to && kAbbreviated.test(text.slice(Math.max(start, end - 16), end))) continue;
    yield { start, end };
    start = end;
  }
  if (start < to) yield { start, end: to };
}

/**
 * A place where no character is cut in two.
 * @param {string} text
 * @param {number} at
 */
function betweenCharacters(text, at) {
  const unit = text.charCodeAt(at);
  const before = text.charCodeAt(at - 1);
  const isInside = unit >= 0xdc00 && unit <= 0xdfff && before >= 0xd800 && before <= 0xdbff;
  return isInside ? at + 1 : at;
}

/**
 * A word that is longer than a piece, cut between its tokens, or where one token is that long between its characters.
 * @param {string} text
 * @param {Place} word
 * @param {TokenCounter} counter at its begin
 * @param {number} most tokens
 * @returns {Generator<Unit>}
 */
function* cutWord(text, { start, end }, counter, most) {
  for (let from = start; from < end;) {
    const next = Math.min(end, from + kMostUnits - 1, Math.max(from + 1, counter.ahead(most)));
    const to = next < end ? betweenCharacters(text, next) : end;
    yield { start: from, end: to, tokens: counter.until(to) };
    from = to;
  }
}

/**
 * A sentence that is longer than a passage, cut between its words: before a word, not before the full stop behind it.
 * @param {string} text
 * @param {Place} sentence
 * @param {TokenCounter} counter at its begin
 * @param {Limits} limits
 * @returns {Generator<Unit>}
 */
function* cutSentence(text, { start, end }, counter, limits) {
  // Pieces are as large as an overlap may be, so that passages of one long sentence share something, too.
  const most = limits.overlap || limits.tokens;
  /** @type {Unit} */
  let piece = { start, end: start, tokens: 0 };
  for (const word of segmentsOf(segmenterOf('word'), text, { start, end }, kWords)) {
    if (word.end - word.start > kMostUnits || counter.ahead(most) < word.end) {
      if (piece.end > piece.start) yield piece;
      yield* cutWord(text, word, counter, most);
      piece = { start: word.end, end: word.end, tokens: 0 };
      continue;
    }
    const tokens = counter.until(word.end);
    const isMark = piece.tokens > 0 && !kWordBegins.test(text.slice(word.start, word.start + 2));
    if (piece.tokens + tokens > (isMark ? limits.tokens : most) || word.end - piece.start > kMostUnits) {
      yield piece;
      piece = { start: word.start, end: word.start, tokens: 0 };
    }
    piece = { start: piece.start, end: word.end, tokens: piece.tokens + tokens };
  }
  if (piece.end > piece.start) yield piece;
}

/**
 * @param {string} text
 * @param {Int32Array} spans
 * @param {Limits} limits
 * @returns {Generator<Unit>} one behind the other, over the whole text
 */
function* unitsOf(text, spans, limits) {
  const counter = new TokenCounter(spans);
  for (const sentence of sentencesOf(text)) {
    const isLong = counter.ahead(limits.tokens) < sentence.end || sentence.end - sentence.start > kMostUnits;
    if (isLong) yield* cutSentence(text, sentence, counter, limits);
    else yield { ...sentence, tokens: counter.until(sentence.end) };
  }
}

/** Units that are becoming a passage. */
class Growing {
  /** @type {Unit[]} */
  units = [];
  tokens = 0;

  /**
   * @param {Unit} unit
   * @param {Limits} limits
   */
  fits(unit, { tokens }) {
    if (!this.units.length) return true;
    return this.tokens + unit.tokens <= tokens && unit.end - this.units[0].start <= kMostUnits;
  }

  /** @param {Unit} unit */
  add(unit) {
    this.units.push(unit);
    this.tokens += unit.tokens;
  }

  /**
   * What the next passage begins with.
   * @param {Limits} limits
   */
  keepOverlap({ overlap }) {
    let first = this.units.length,
      tokens = 0;
    // Never all of it: the next passage would be the same and more.
    while (first > 1 && tokens + this.units[first - 1].tokens <= overlap) tokens += this.units[--first].tokens;
    this.units = this.units.slice(first);
    this.tokens = tokens;
  }

  dropFirst() {
    this.tokens -= /** @type {Unit} */ (this.units.shift()).tokens;
  }
}

/**
 * @param {string} text
 * @param {Unit[]} units each with something else than space
 * @returns {Place} without the space around it
 */
function placeOf(text, units) {
  const start = units[0].start;
  const passage = text.slice(start, units[units.length - 1].end);
  const trimmed = passage.trimStart();
  const from = start + passage.length - trimmed.length;
  return { start: from, end: from + trimmed.trimEnd().length };
}

/**
 * @param {string} text
 * @param {Int32Array} spans of its tokens
 * @param {Limits} limits
 * @returns {Generator<Place|undefined>} passages: together all of the text but space; undefined for each further step
 */
function* stepsOf(text, spans, limits) {
  const growing = new Growing();
  let gap = 0; // tokens of space since the last unit
  for (const unit of unitsOf(text, spans, limits)) {
    if (!text.slice(unit.start, unit.end).trim()) {
      gap += unit.tokens;
      yield undefined;
      continue;
    }
    const whole = { ...unit, tokens: unit.tokens + gap };
    gap = 0;
    if (!growing.fits(whole, limits)) {
      yield placeOf(text, growing.units);
      growing.keepOverlap(limits);
      while (!growing.fits(whole, limits)) growing.dropFirst();
    }
    growing.add(growing.units.length ? whole : unit);
    yield undefined;
  }
  if (growing.units.length) yield placeOf(text, growing.units);
}

/**
 * @param {string} text
 * @param {Int32Array} spans of its tokens
 * @param {Limits} limits
 * @returns {Generator<Place>} passages: together all of the text but space
 */
function* passagesOf(text, spans, limits) {
  for (const place of stepsOf(text, spans, limits)) if (place) yield place;
}

/**
 * The same, over as many turns of the event loop as it takes.
 * @param {string} text
 * @param {Int32Array} spans
 * @param {Limits} limits
 * @param {(passages: number) => void} [check] hears how many there are; throws where nobody waits any more
 * @returns {Promise<Place[]>}
 */
async function cutText(text, spans, limits, check = () => {}) {
  /** @type {Place[]} */
  const passages = [];
  let began = nowMs();
  for (const place of stepsOf(text, spans, limits)) {
    if (place) passages.push(place);
    if (nowMs() - began < kTurnMs) continue;
    await setImmediate();
    check(passages.length);
    began = nowMs();
  }
  return passages;
}

module.exports = { passagesOf, cutText, kMostUnits };
