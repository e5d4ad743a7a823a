// A process that opens a store and searches its index: how long that takes, and what it finds, as JSON.
'use strict';
const gpu = require('../..');
const { now } = require('../stats');
const { queryOf, kName, kK } = require('./large-store');

async function main() {
  const [at, dimensions] = [process.argv[2], Number(process.argv[3])];
  const times = [now()];
  const store = await gpu.openStore(at);
  times.push(now());
  const context = await gpu.createContext({ device: 'cpu' });
  const index = await context.createIndex({ dimensions, metric: 'dot', store, name: kName });
  times.push(now());
  const ids = [];
  for (let q = 0; q < 3; ++q) {
    const { ids: found } = await index.search(queryOf(q, dimensions), { k: kK });
    ids.push(found);
    times.push(now());
  }
  const [a, b, c, d, e] = times;
  console.log(JSON.stringify({ store: b - a, index: c - b, search: d - c, again: e - d, ids }));
  await index.close();
  await context.close();
  await store.close();
}

main();
