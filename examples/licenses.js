// Searches the full texts of the SPDX licence list and ranks the network of similar licences.
//   npm run example:licenses -- --query "permission to use, copy, modify and distribute" --device vulkan
'use strict';
const fs = require('node:fs');
const { Command, InvalidArgumentError } = require('commander');
const Table = require('cli-table3');
const { words, passages, Vectorizer } = require('./licenses-text');

const kComponents = 64;
const kSample = 4096; // passages that the principal components are worked out from
const kCandidates = 512; // passages that the coarse search hands to the exact one
const kLinks = 8; // edges from each licence in the network
const kDefaultQuery = 'permission to use, copy, modify and distribute';

// ---- The steps. Each runs on `ctx` and says so in `steps`.

class Pipeline {
  steps = [];

  constructor(ctx) {
    this.ctx = ctx;
  }

  async step(name, where, work) {
    const start = performance.now();
    const result = await work();
    this.steps.push({ name, where, ms: performance.now() - start });
    return result;
  }

  // One workload as one step.
  run(name, workload) {
    return this.step(name, 'device', async () => (await this.ctx.run(workload)).outputs);
  }
}

// The texts as rows: equal passages once, each with the licences that hold it.
function readCorpus() {
  const list = require('spdx-license-list/full');
  const ids = Object.keys(list).sort();
  const unique = new Map();
  ids.forEach((id, licence) => {
    for (const passage of passages(list[id].licenseText)) {
      const key = passage.join(' ');
      if (!unique.has(key)) unique.set(key, { words: passage, owners: new Set() });
      unique.get(key).owners.add(licence);
    }
  });
  return {
    ids,
    names: ids.map((id) => list[id].name),
    documents: ids.map((id) => words(list[id].licenseText)),
    passages: [...unique.values()],
  };
}

// Some rows of a matrix as another one.
function takeRows({ data, shape: [, d] }, rows) {
  const taken = new Float32Array(rows.length * d);
  rows.forEach((row, i) => taken.set(data.subarray(row * d, (row + 1) * d), i * d));
  return { data: taken, shape: [rows.length, d], dtype: 'float32' };
}

// An even sample of the rows, all of them when there are few.
function sampleRows(matrix, most) {
  const [n] = matrix.shape;
  return takeRows(
    matrix,
    Int32Array.from({ length: Math.min(n, most) }, (_, i) => Math.floor((i * n) / Math.min(n, most))),
  );
}

// int8 codes of PCA coordinates: 64 bytes a passage instead of 4 KB.
async function buildIndex(pipe, passageRows) {
  const { output: unit } = await pipe.run('normalize passages', { type: 'normalize', inputs: { input: passageRows } });
  const pca = await pipe.run(`pca-fit to ${kComponents}`, {
    type: 'pca-fit',
    inputs: { input: sampleRows(unit, kSample) },
    params: { components: kComponents },
  });
  const { output: reduced } = await pipe.run('pca-transform', {
    type: 'pca-transform',
    inputs: { input: unit, mean: pca.mean, components: pca.components },
  });
  const { output: codes, scales } = await pipe.run('quantize to int8', {
    type: 'quantize',
    inputs: { input: reduced },
    params: { bits: 8 },
  });
  return { unit, pca, codes, scales };
}

// The passages nearest to the query: coarse on the int8 codes, then exact on the full vectors of the best of those.
async function searchPassages(pipe, index, query) {
  const { unit, pca, codes, scales } = index;
  const { output: base } = await pipe.run('dequantize', {
    type: 'dequantize',
    inputs: { input: codes, scales },
    params: { bits: 8, columns: kComponents },
  });
  const { output: reduced } = await pipe.run('pca-transform query', {
    type: 'pca-transform',
    inputs: { input: query, mean: pca.mean, components: pca.components },
  });
  const k = Math.min(kCandidates, base.shape[0]);
  const coarse = await pipe.run('search codes', {
    type: 'similarity-search',
    inputs: { queries: reduced, base },
    params: { k },
  });
  // In the order of the corpus, so that ties fall the same way whatever order the coarse search had.
  const candidates = coarse.indices.data.slice().sort();
  const exact = await pipe.run('search exactly', {
    type: 'similarity-search',
    inputs: { queries: query, base: takeRows(unit, candidates) },
    params: { k },
  });
  return Array.from(exact.indices.data, (at, i) => ({ passage: candidates[at], score: exact.scores.data[i] }));
}

// A licence's score: half its best passage, half the whole text, so that a grant in a short licence counts for more
// than the same words in a long one.
function scoreLicences(corpus, hits, whole) {
  const best = new Float64Array(corpus.ids.length);
  for (const { passage, score } of hits) {
    for (const licence of corpus.passages[passage].owners) best[licence] = Math.max(best[licence], score);
  }
  const scores = Float64Array.from(best);
  whole.indices.data.forEach((licence, i) => {
    scores[licence] = (best[licence] + whole.scores.data[i]) / 2;
  });
  // Devices round differently in the seventh digit: what is equal to five is a tie, by name.
  const key = (licence) => Math.round(scores[licence] * 1e5);
  return corpus.ids
    .map((id, licence) => ({ id, licence, score: scores[licence] }))
    .sort((a, b) => key(b.licence) - key(a.licence) || a.licence - b.licence);
}

// Each licence points at the few most like it, weighted by how like: a compressed sparse row matrix.
function linkNeighbours(neighbours, count) {
  const k = neighbours.indices.shape[1];
  const rowOffsets = new Int32Array(count + 1);
  const columns = [];
  const weights = [];
  for (let row = 0; row < count; row++) {
    for (let i = row * k; i < (row + 1) * k && columns.length - rowOffsets[row] < kLinks; i++) {
      const target = neighbours.indices.data[i];
      if (target === row || neighbours.scores.data[i] <= 0) continue;
      columns.push(target);
      weights.push(neighbours.scores.data[i]);
    }
    rowOffsets[row + 1] = columns.length;
  }
  return { rowOffsets, columns: Int32Array.from(columns), weights: Float32Array.from(weights) };
}

async function rankNetwork(pipe, documents, count) {
  const neighbours = await pipe.run(`link ${kLinks} neighbours each`, {
    type: 'similarity-search',
    inputs: { queries: documents, base: documents },
    params: { k: Math.min(kLinks + 1, count) },
  });
  const graph = linkNeighbours(neighbours, count);
  return pipe.run('pagerank', { type: 'pagerank', inputs: graph, params: { damping: 0.85 } });
}

async function main({ query, file, device, count, json }) {
  const text = file === undefined ? query : fs.readFileSync(file, 'utf8');
  if (!words(text).length) throw new UsageError('the query has no words to search for');
  const gpu = require('..');
  const ctx = await gpu.createContext({ device, memoryLimit: 2 ** 30 });
  try {
    const pipe = new Pipeline(ctx);
    const corpus = await pipe.step('read and split texts', 'node', readCorpus);
    const rows = await pipe.step('hash TF-IDF features', 'node', () => {
      const vectorizer = new Vectorizer(corpus.documents);
      return {
        passages: vectorizer.rows(corpus.passages.map((passage) => passage.words)),
        documents: vectorizer.rows(corpus.documents),
        query: vectorizer.rows([words(text)]),
      };
    });
    const index = await buildIndex(pipe, rows.passages);
    const { output: documents } = await pipe.run('normalize documents', {
      type: 'normalize',
      inputs: { input: rows.documents },
    });
    const { output: queryRow } = await pipe.run('normalize query', {
      type: 'normalize',
      inputs: { input: rows.query },
    });
    const hits = await searchPassages(pipe, index, queryRow);
    const whole = await pipe.run('search documents', {
      type: 'similarity-search',
      inputs: { queries: queryRow, base: documents },
      params: { k: corpus.ids.length },
    });
    const neighbours = scoreLicences(corpus, hits, whole).slice(0, count);
    const { ranks, iterations } = await rankNetwork(pipe, documents, corpus.ids.length);
    const ranked = corpus.ids
      .map((id, i) => ({ id, rank: ranks.data[i] }))
      .sort((a, b) => b.rank - a.rank || (a.id < b.id ? -1 : 1));
    const result = { device: ctx.device.id, neighbours, ranks: ranked, steps: pipe.steps };
    if (json) printJson(result);
    else printTables(result, { corpus, text, count, iterations: iterations.data[0], name: ctx.device.name });
  } finally {
    await ctx.close();
  }
}

// ---- Printing and arguments.

function printJson({ device, neighbours, ranks, steps }) {
  const plain = {
    device,
    neighbours: neighbours.map(({ id, score }) => ({ id, score })),
    ranks,
    steps: steps.map(({ name, ms }) => ({ name, ms: Math.round(ms * 1000) / 1000 })),
  };
  process.stdout.write(`${JSON.stringify(plain, null, 2)}\n`);
}

function shorten(text, most) {
  return text.length > most ? `${text.slice(0, most - 3)}...` : text;
}

function table(head, rows, rightAligned) {
  const made = new Table({
    head,
    colAligns: head.map((_, i) => (rightAligned.includes(i) ? 'right' : 'left')),
    style: { head: [], border: [], compact: true },
  });
  made.push(...rows);
  return made.toString();
}

function printTables({ device, neighbours, ranks, steps }, { corpus, text, count, iterations, name }) {
  const shown = text.replace(/\s+/g, ' ').trim();
  const rankOf = new Map(ranks.map(({ id }, place) => [id, place + 1]));
  console.log(`${corpus.ids.length} licences, ${corpus.passages.length} different passages, on ${device} (${name})\n`);
  console.log(`Nearest to "${shorten(shown, 100)}"`);
  console.log(
    table(
      ['', 'licence', 'name', 'score', 'rank in network'],
      neighbours.map(({ id, licence, score }, i) => [
        i + 1,
        id,
        shorten(corpus.names[licence], 50),
        score.toFixed(3),
        rankOf.get(id),
      ]),
      [0, 3, 4],
    ),
  );
  console.log(`\nMost central in the network of similar texts (pagerank, ${iterations} iterations)`);
  console.log(
    table(
      ['', 'licence', 'rank'],
      ranks.slice(0, count).map(({ id, rank }, i) => [i + 1, id, rank.toFixed(5)]),
      [0, 2],
    ),
  );
  console.log('\nWhat was done where');
  console.log(
    table(
      ['step', 'on', 'ms'],
      steps.map((step) => [step.name, step.where === 'device' ? device : 'Node', step.ms.toFixed(1)]),
      [2],
    ),
  );
}

class UsageError extends Error {}

function wholeNumber(text) {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('a whole number of at least 1 is needed.');
  return value;
}

const program = new Command('example:licenses')
  .description('Finds the licences nearest to a text, and the most central ones in the network of similar licences.')
  .option('--query <text>', 'what to look for', kDefaultQuery)
  .option('--file <path>', 'look for the text of a file instead')
  .option('--device <device>', "where to compute: auto, cpu, vulkan, cuda, or one device such as 'vulkan:0'", 'auto')
  .option('--count <n>', 'how many licences to show', wholeNumber, 10)
  .option('--json', 'print { device, neighbours, ranks, steps } and nothing else')
  .action((options) => {
    if (options.file !== undefined && program.getOptionValueSource('query') === 'cli')
      throw new UsageError('give --query or --file, not both');
    return main(options);
  })
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

program.parseAsync().catch((error) => {
  process.stderr.write(`example:licenses: ${error.message}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
});
