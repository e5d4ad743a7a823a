// `switchyard rerank QUERY TEXT..`: texts by how well they answer a query. A cross-encoder reads the query and a text
// together; with an encoder it is the cosine of their vectors, which the report says.
'use strict';
const { invalid } = require('../core');
const { addServerOptions } = require('./server/connect');
const texts = require('./texts');

/** @typedef {{ index: number, score: number }} Ranked */
const kMeasures = { cosine: 'cosine of the vectors', model: 'score of the cross-encoder' };

/** @param {string} text */
function parseTop(text) {
  const { InvalidArgumentError } = require('commander');
  const count = /^\d+$/.test(text) ? Number(text) : 0;
  if (count < 1 || !Number.isSafeInteger(count)) throw new InvalidArgumentError('It must be a whole number from 1.');
  return count;
}

/**
 * @param {string|undefined} query
 * @param {string[]} given
 * @param {texts.TextOptions & import('./server/connect').ServerOptions & { top?: number }} options
 */
async function rerank(query, given, options) {
  if (query === undefined) throw invalid('give a query, then the texts that it is to find');
  const all = texts.readTexts(given, options.file, 'the texts that it is to find');
  if (options.server) {
    const there = require('./server/texts');
    const { ranked, by, about } = await there.rerank(query, all, options);
    print({ query, all, ranked, by, about, line: there.modelLine(about) }, options);
    return;
  }
  await texts.withModel(options, async ({ model, about }) => {
    const by = model.kind === 'encoder' ? 'cosine' : 'model';
    const ranked =
      by === 'cosine' ? await byCosine(model, query, all) : await model.rerank(query, all, { topK: all.length });
    print({ query, all, ranked, by, about, line: texts.modelLine(about) }, options);
  });
}

/**
 * @param {object} found
 * @param {string} found.query
 * @param {string[]} found.all
 * @param {Ranked[]} found.ranked
 * @param {keyof typeof kMeasures} found.by
 * @param {object} found.about the model
 * @param {string} found.line the same in words
 * @param {{ top?: number, json?: boolean }} options
 */
function print({ query, all, ranked, by, about, line }, { top, json }) {
  const results = ranked.slice(0, top).map(({ index, score }) => ({ index, score, text: all[index] }));
  if (json) return texts.printJsonLine({ model: about, query, by, results });
  console.log(`${line}; by ${kMeasures[by]}`);
  console.log(tableOf(results));
}

/**
 * Best first, ties by index.
 * @param {import('../index').TextModel} model an encoder
 * @param {string} query
 * @param {string[]} all
 * @returns {Promise<Ranked[]>}
 */
async function byCosine(model, query, all) {
  const { embeddings } = await model.embed([query, ...all]);
  const [, d] = embeddings.shape;
  const row = (/** @type {number} */ i) => /** @type {Float32Array} */ (embeddings.data.subarray(i * d, (i + 1) * d));
  return all
    .map((_, index) => ({ index, score: cosine(row(0), row(index + 1)) }))
    .sort((a, b) => b.score - a.score || a.index - b.index);
}

/**
 * @param {Float32Array} a
 * @param {Float32Array} b
 * @returns {number} 0 where one of them is zero
 */
function cosine(a, b) {
  let product = 0;
  let squaresA = 0;
  let squaresB = 0;
  for (let i = 0; i < a.length; ++i) {
    product += a[i] * b[i];
    squaresA += a[i] * a[i];
    squaresB += b[i] * b[i];
  }
  return product === 0 ? 0 : product / Math.sqrt(squaresA * squaresB);
}

/** @param {{ index: number, score: number, text: string }[]} results */
function tableOf(results) {
  const Table = require('cli-table3');
  const table = new Table({
    head: ['', 'score', 'text', 'line'],
    colAligns: ['right', 'right', 'left', 'right'],
    style: { head: [], border: [], compact: true },
  });
  results.forEach(({ index, score, text }, i) =>
    table.push([i + 1, score.toFixed(4), texts.inOneLine(text, 90), index + 1]),
  );
  return table.toString();
}

/** @param {import('commander').Command} program */
function addRerank(program) {
  const command = program
    .command('rerank')
    .description('put texts in the order of how well they answer a query, the best first')
    .argument('[query]', 'what is looked for')
    .argument('[texts...]', 'the texts')
    .option('--top <count>', 'print the best so many alone', parseTop)
    .action(rerank);
  addServerOptions(command);
  texts.addTextOptions(command, 'the texts, one a line (- for stdin)');
}

module.exports = { addRerank };
