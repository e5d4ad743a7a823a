// `switchyard recall QUESTION..`: what a server's memory has on a question, or on each of several.
'use strict';
const { invalid } = require('../core');
const texts = require('./texts');
const { addServerOptions, withServer } = require('./server/connect');
const { each } = require('./server/each');

/** @typedef {{ id: string, text: string, score: number, start: number, end: number, metadata: object }} Passage */
/**
 * @typedef {import('./server/connect').ServerOptions & { file?: string, k?: number, filter?: object, memory?: string,
 *   rerank?: boolean, json?: boolean }} Options
 */

/** @param {string} text */
function parseFilter(text) {
  const { InvalidArgumentError } = require('commander');
  try {
    const filter = JSON.parse(text);
    if (filter !== null && typeof filter === 'object' && !Array.isArray(filter)) return filter;
  } catch {
    // it is told below
  }
  throw new InvalidArgumentError(`It must be a JSON object, '{"product":"lamp"}' for example.`);
}

/** @param {string} text */
function parseCount(text) {
  const { InvalidArgumentError } = require('commander');
  const count = /^\d+$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > 10_000) throw new InvalidArgumentError('It must be a whole number from 1 to 10000.');
  return count;
}

/**
 * @param {string} question
 * @param {Passage[]} passages
 */
function print(question, passages) {
  console.log(question);
  if (passages.length === 0) console.log('  nothing is remembered of that');
  for (const { id, text, score } of passages)
    console.log(`  ${score.toFixed(4).padStart(7)}  ${texts.inOneLine(text, 90)}  (${texts.inOneLine(id, 24)})`);
}

/**
 * @param {string[]} given
 * @param {Options} options
 */
async function recall(given, options) {
  if (!options.server) throw invalid('--server is missing: recall asks the memory of a server, http://127.0.0.1:3000');
  const { k, filter, memory, rerank } = options;
  const questions = texts.readTexts(given, options.file, 'a question');
  const wishes = JSON.parse(JSON.stringify({ k, filter, memory, rerank }));
  await withServer(options, async (call) => {
    const found = await each(questions, options.parallel, async (query) => {
      const { passages } = await call('memory_recall', { query, ...wishes });
      return { query, passages: /** @type {Passage[]} */ (passages) };
    });
    if (options.json) return texts.printJsonLine({ results: found });
    for (const { query, passages } of found) print(query, passages);
  });
}

/** @param {import('commander').Command} program */
function addRecall(program) {
  const command = program
    .command('recall')
    .description('find what the memory of a server has on a question')
    .argument('[questions...]', 'the questions')
    .option('--file <file>', 'questions, one a line (- for stdin)')
    .option('--k <count>', 'how many passages of each', parseCount, 5)
    .option('--filter <json>', `only documents whose metadata fit, '{"product":"lamp"}' for example`, parseFilter)
    .option('--memory <name>', 'of several memories')
    .option('--rerank', 'let a cross-encoder decide the order, where the server has one')
    .option('--json', 'print the result as JSON')
    .action(recall);
  addServerOptions(command, false);
  command.addHelpText('after', '\nExit codes: 0 done, 1 it failed, 2 wrong usage.');
}

module.exports = { addRecall };
