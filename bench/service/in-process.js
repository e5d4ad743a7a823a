// What the figures compare with: the same calls in the server's own process.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { now } = require('../stats');

const kWarm = 10;

/** processEmbeddings() of rows, one after the other. */
async function frames({ manager, rows, dimensions, count }) {
  const data = Float32Array.from({ length: rows * dimensions }, (_, i) => Math.sin(i));
  const embeddings = { data, shape: [rows, dimensions], dtype: 'float32' };
  const samples = [];
  for (let i = 0; i < kWarm + count; ++i) {
    const began = now();
    await manager.processEmbeddings({ embeddings });
    if (i >= kWarm) samples.push(now() - began);
  }
  return samples;
}

/** Searches of one query each, `clients` of them at a time, for some time. */
async function search({ manager, dimensions, rows, clients, ms, k }) {
  const { fill, queryOf } = require('./vectors');
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-bench-'));
  const store = await manager.openStore(folder); // as the service has its indexes
  const index = await manager.createIndex({ dimensions, store, name: 'bench' });
  await fill(rows, dimensions, (ids, vectors) => index.add(ids, vectors));
  const loop = async (client, until) => {
    let count = 0;
    for (; now() < until; ++count) await index.search(queryOf(dimensions, client * 1000 + count), { k });
    return count;
  };
  const all = async (time) => {
    const until = now() + time;
    const counts = await Promise.all(Array.from({ length: clients }, (_, client) => loop(client, until)));
    return counts.reduce((sum, each) => sum + each, 0) / (time / 1000);
  };
  await all(ms / 4);
  const rate = await all(ms);
  await index.close();
  await store.close();
  fs.rmSync(folder, { recursive: true });
  return rate;
}

module.exports = { frames, search };
