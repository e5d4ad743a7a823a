// Contexts, indexes and stores that nobody closes and nobody holds any more: what is left of them, as JSON. node
// --expose-gc forgotten.js folder
'use strict';
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const gpu = require('../../..');

const kTries = 100;

async function forget(folder) {
  const heard = await gpu.createContext({ device: 'cpu' });
  heard.on('memory-pressure', () => {});
  const indexed = await gpu.createContext({ device: 'cpu' });
  const index = await indexed.createIndex({ dimensions: 2 });
  await index.add(['a'], [[1, 0]]);
  const store = await gpu.openStore(path.join(folder, 'store'), { limit: 1 << 30 });
  await store.put('a', 'b');
  const stored = await gpu.createContext({ device: 'cpu' });
  await store.index('words', { dimensions: 2, on: stored });
  return Object.fromEntries(
    Object.entries({ heard, indexed, index, store, stored }).map(([k, v]) => [k, new WeakRef(v)]),
  );
}

async function main() {
  const all = await forget(process.argv[2]);
  const left = () => Object.keys(all).filter((name) => all[name].deref() !== undefined);
  for (let i = 0; i < kTries && left().length; ++i) {
    await sleep(50);
    globalThis.gc();
  }
  console.log(JSON.stringify(left()));
}

main();
