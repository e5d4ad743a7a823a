// `switchyard tokenize TEXT..`: the tokens that a model sees, with where each lies in the text.
'use strict';
const texts = require('./texts');

/**
 * @typedef {object} TokenizedText
 * @property {string} text
 * @property {number[]} ids
 * @property {string[]} tokens the part of the text that each is of; of special ones what they are called
 * @property {[number, number][]} spans UTF-16 positions in the text; 0, 0 of special ones
 */

/**
 * @param {string[]} given
 * @param {texts.TextOptions} options of which device and precision change nothing: the weights are not read
 */
async function tokenize(given, options) {
  const all = texts.readTexts(given, options.file, 'texts');
  const { defaultModel, loadTokenizer } = require('../text');
  const source = options.model ?? defaultModel;
  const { tokenizer, description } = await loadTokenizer(source).catch(texts.refuseModel);
  const about = { source, family: description.family.name, kind: description.kind, maxLength: description.maxLength };
  const { ids, offsets, spans } = await tokenizer.encode(all, { maxLength: about.maxLength, spans: true });
  const found = all.map((text, i) =>
    describe(text, {
      ids: ids.subarray(offsets[i], offsets[i + 1]),
      spans: /** @type {Int32Array} */ (spans).subarray(2 * offsets[i], 2 * offsets[i + 1]), // they were asked for
      nameOf: (id) => tokenizer.tokens([id])[0],
    }),
  );
  tokenizer.close();
  if (options.json) return texts.printJsonLine({ model: about, texts: found.values() });
  console.log(`${about.source}: ${about.family}`);
  for (const text of found) print(text);
}

/**
 * @param {string} text
 * @param {{ ids: Int32Array, spans: Int32Array, nameOf: (id: number) => string }} found
 * @returns {TokenizedText}
 */
function describe(text, { ids, spans, nameOf }) {
  const places = Array.from(ids, (_, i) => /** @type {[number, number]} */ ([spans[2 * i], spans[2 * i + 1]]));
  const tokens = places.map(([start, end], i) => (end > start ? text.slice(start, end) : nameOf(ids[i])));
  return { text, ids: Array.from(ids), tokens, spans: places };
}

/** @param {TokenizedText} text */
function print({ text, ids, tokens }) {
  const count = `${ids.length} ${ids.length === 1 ? 'token' : 'tokens'}`;
  console.log(`  ${count}  ${texts.inOneLine(text)}`);
  console.log(`    ${tokens.map((token, i) => `${JSON.stringify(token)} ${ids[i]}`).join('  ')}`);
}

/** @param {import('commander').Command} program */
function addTokenize(program) {
  const command = program
    .command('tokenize')
    .description('show the tokens that a model makes of texts')
    .argument('[texts...]', 'the texts')
    .action(tokenize);
  texts.addTextOptions(command, 'texts, one a line (- for stdin)');
}

module.exports = { addTokenize };
