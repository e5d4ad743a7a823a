// Writes to an index in a store until it is killed, and says after each write that it was acknowledged. Each of its ids
// is written again and again, with the number of the write in the vector: node index-writer.js folder first
'use strict';
const gpu = require('../../..');

async function main() {
  const [folder, first] = process.argv.slice(2);
  const store = await gpu.openStore(folder, { durable: true });
  const index = await gpu.createIndex({ dimensions: 4, metric: 'l2', store, name: 'killed' });
  process.send('open');
  const write = async (lane) => {
    for (let i = Number(first); ; ++i) {
      const ids = Array.from({ length: 5 }, (_, j) => `${lane}-${(i * 5 + j) % 200}`);
      if (i % 7 === 6) {
        await index.remove(ids);
        process.send({ lane, i, removed: ids });
      } else {
        const vectors = Float32Array.from({ length: 20 }, (_, j) => (j % 4 === 0 ? i : lane));
        await index.upsert(ids, vectors, { metadata: ids.map(() => ({ i })) });
        process.send({ lane, i, ids });
      }
    }
  };
  await Promise.all([0, 1, 2].map(write));
}

main();
