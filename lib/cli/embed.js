// `switchyard embed TEXT..`: vectors of texts.
'use strict';
const texts = require('./texts');

const kShown = 6; // numbers of a vector, for a person

/**
 * @param {string[]} given
 * @param {texts.TextOptions} options
 */
async function embed(given, options) {
  const all = texts.readTexts(given, options.file, 'texts');
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
    print(all, { rows, tokens, truncated, about });
  });
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
 * @param {texts.ModelReport} result.about
 */
function print(all, { rows, tokens, truncated, about }) {
  console.log(texts.modelLine(about));
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
  texts.addTextOptions(command, 'texts, one a line (- for stdin)');
}

module.exports = { addEmbed };
