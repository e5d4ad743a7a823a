// Searches of an index of 1M x 384 while snapshots of its store are made, beside quiet ones: `node
// bench/memory/snapshot.js [--json] [--quick] [--rows N] [--dimensions D]`, after the build.
'use strict';
const fs = require('node:fs');
const gpu = require('../..');
const { now, median, percentile, round, timeEach } = require('../stats');
const { largeStore, queryOf, kName, kK } = require('./large-store');
const { readOptions, Figures } = require('./shared');

const options = readOptions({
  rows: { type: 'string', default: '1000000' },
  dimensions: { type: 'string', default: '384' },
});
const what = { rows: Number(options.rows), dimensions: Number(options.dimensions) };
const kBudgetMs = options.quick ? 3000 : 30_000;

async function main() {
  const { at } = await largeStore(what, (text) => process.stderr.write(`${text}\n`));
  const figures = new Figures(options.json);
  const store = await gpu.openStore(at);
  const context = await gpu.createContext({ device: 'cpu' });
  const index = await context.createIndex({ dimensions: what.dimensions, metric: 'dot', store, name: kName });
  const search = () => index.search(queryOf(0, what.dimensions), { k: kK });
  await search();
  const quiet = await timeEach(search, { budgetMs: kBudgetMs });
  const took = [];
  let isOver = false;
  const snapshots = (async () => {
    for (let i = 0; !isOver; ++i) {
      const to = `${at}-snapshot-${process.pid}-${i}`;
      const from = now();
      await store.put('a snapshot has something new', String(i)); // so that there is a log file to end
      await store.snapshot(to);
      took.push(now() - from);
      await fs.promises.rm(to, { recursive: true });
    }
  })();
  const busy = await timeEach(search, { budgetMs: kBudgetMs });
  isOver = true;
  await snapshots;
  const [a, b] = [percentile(busy, 99), percentile(quiet, 99)];
  figures.tell(
    'p99 of a search while snapshots are made, beside quiet ones',
    a / b,
    'at most 3',
    `${round(a, 3)} ms, quiet ${round(b, 3)} ms; ${took.length} snapshots of ${round(median(took), 3)} ms`,
  );
  await index.close();
  await context.close();
  await store.close();
  figures.end(what);
}

main();
