// `switchyard embed TEXT..`: vectors of texts.
'use strict';
const { addServerOptions } = require('./server/connect');
const texts = require('./texts');

const kShown = 6; // numbers of a vector, for a person

/**
 * @param {string[]} given
 * @param {texts.TextOptions & import('./server/connect').ServerOptions} options
 */
async function embed(given, options) {
  const all = texts.readTexts(given, options.file, 'texts');
  if (options.server) return embedThere(all, options);
  await texts.withModel(options, async ({ model, about }) => {
    const { embeddings, tokens, truncated, timings } = await model.embed(all);
    const rows = rowsOf(embeddings);
    if (options.json)
      return texts.printJsonLine({
        model: about,
        embeddings: plainRows(rows),
        tokens,
        truncated,
        timings,
      });
    print(all, { rows, tokens, truncated, line: texts.modelLine(about) });
  });
}

/**
 * @param {string[]} all
 * @param {texts.TextOptions & import('./server/connect').ServerOptions} options
 */
async function embedThere(all, options) {
  const there = require('./server/texts');
  const { rows, tokens, truncated, about } = await there.embed(all, options);
  if (options.json) return texts.printJsonLine({ model: about, embeddings: plainRows(rows), tokens, truncated });
  print(all, { rows, tokens, truncated, line: there.modelLine(about) });
}

/**
 * @param {import('../index').Tensor} tensor [n, d]
 * @returns {Float32Array[]}
 */
function rowsOf({ data, shape: [n, d] }) {
  return Array.from({ length: n }, (_, i) => /** @type {Float32Array} */ (data.subarray(i * d, (i + 1) * d)));
}

/** @param {Float32Array[]} rows */
function* plainRows(rows) {
  for (const row of rows) yield texts.plainNumbers(row);
}

/**
 * @param {string[]} all
 * @param {object} result
 * @param {Float32Array[]} result.rows
 * @param {number[]} result.tokens
 * @param {boolean[]} result.truncated
 * @param {string} result.line about the model
 */
function print(all, { rows, tokens, truncated, line }) {
  console.log(line);
  const width = tokens.reduce((most, count) => Math.max(most, count), 0).toString().length;
  all.forEach((text, i) => {
    const first = Array.from(rows[i].subarray(0, kShown), (value) => value.toFixed(4).padStart(7)).join(' ');
    const more = rows[i].length > kShown ? ' …' : '';
    const cut = truncated[i] ? ', cut' : '';
    const count = `${tokens[i].toString().padStart(width)} ${tokens[i] === 1 ? 'token ' : 'tokens'}${cut}`;
    console.log(`  ${first}${more}  ${count}  ${texts.inOneLine(text)}`);
  });
}

/** @param {import('commander').Command} program */
function addEmbed(program) {
  const command = program
    .command('embed')
    .description('turn texts into vectors of their meaning')
    .argument('[texts...]', 'the texts')
    .action(embed);
  addServerOptions(command);
  texts.addTextOptions(command, 'texts, one a line (- for stdin)');
}

module.exports = { addEmbed };
