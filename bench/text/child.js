// One library in a process of its own: opens a model, prepares texts, runs them, times them. Driven by contest.js.
'use strict';
const { timeEach, median } = require('../stats');

const [libraryName] = process.argv.slice(2);
let library, current;

// [CLS] query [SEP] text [SEP], the text cut so that a pair has at most `length` tokens.
async function pairsOf(model, { query, texts, length }) {
  const first = (await model.tokenize([query])).ids;
  const { ids, offsets } = await model.tokenize(texts);
  const separator = first[first.length - 1];
  const pairs = texts.map((_, i) => {
    const words = ids.subarray(offsets[i] + 1, offsets[i + 1] - 1);
    return [...first, ...words.subarray(0, length - first.length - 1), separator];
  });
  const ends = pairs.reduce((all, pair) => [...all, all.at(-1) + pair.length], [0]);
  return {
    ids: Int32Array.from(pairs.flat()),
    typeIds: Int32Array.from(pairs.flatMap((pair) => pair.map((_, i) => (i < first.length ? 0 : 1)))),
    offsets: Int32Array.from(ends),
  };
}

const operations = {
  async open(options) {
    library = await require(`./libraries/${libraryName}`).open(options);
    return library.describe;
  },
  // What the others are given: our ids, with the special ones.
  async tokenize({ texts }) {
    const { ids, offsets } = await library.model.tokenize(texts);
    return { ids, offsets, typeIds: new Int32Array(ids.length) };
  },
  tokenizePairs: ({ query, texts, length }) => pairsOf(library.model, { query, texts, length }),
  async prepare({ warmMs, ...what }) {
    current = await library.prepare(what);
    const rows = await current();
    if (warmMs) await timeEach(current, { budgetMs: warmMs, least: 2 });
    return rows;
  },
  time: async ({ budgetMs, least }) => {
    const samples = await timeEach(current, { budgetMs, least });
    return { median: median(samples), runs: samples.length };
  },
  close: () => library.close(),
};

process.on('message', async ({ id, operation, args }) => {
  try {
    process.send({ id, result: await operations[operation](args) });
  } catch (error) {
    process.send({ id, error: `${error.code ? `${error.code}: ` : ''}${error.message}` });
  }
});
process.on('disconnect', () => process.exit());
