// A store with an index of 1M x 384 (or --rows, --dimensions), made once and kept below build/, and what some queries
// find in it by a scan in double precision.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const gpu = require('../..');
const { cacheFolder } = require('./shared');

const kName = 'large';
const kStep = 2000;
const kQueries = 3;
const kK = 10;

/** Row i, the same each time: so that nobody has to hold all of them. */
function fillRows(into, from, rows, dimensions) {
  for (let i = 0; i < rows; ++i) {
    let state = Math.imul(from + i + 1, 2654435761) >>> 0;
    for (let d = 0; d < dimensions; ++d) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      into[i * dimensions + d] = state / 2 ** 31 - 1;
    }
  }
  return into;
}
const queryOf = (q, dimensions) => fillRows(new Float32Array(dimensions), 2 ** 30 + q, 1, dimensions);

/** The best hits of each query by the plainest way, as rows come. */
class Oracle {
  #queries;
  #best;

  constructor(dimensions) {
    this.#queries = Array.from({ length: kQueries }, (_, q) => queryOf(q, dimensions));
    this.#best = this.#queries.map(() => []);
  }

  see(rows, from, count, dimensions) {
    for (const [q, query] of this.#queries.entries()) {
      const best = this.#best[q];
      for (let i = 0; i < count; ++i) {
        let product = 0;
        for (let d = 0, at = i * dimensions; d < dimensions; ++d) product += query[d] * rows[at + d];
        if (best.length === kK && product <= best[kK - 1].product) continue;
        best.push({ id: from + i, product });
        best.sort((a, b) => b.product - a.product);
        best.length = Math.min(best.length, kK);
      }
    }
  }

  get ids() {
    return this.#best.map((best) => best.map(({ id }) => id));
  }
}

async function make(folder, rows, dimensions) {
  const store = await gpu.openStore(path.join(folder, 'store'), { durable: false });
  const context = await gpu.createContext({ device: 'cpu' });
  const index = await context.createIndex({ dimensions, metric: 'dot', store, name: kName });
  const oracle = new Oracle(dimensions);
  const memory = new Float32Array(kStep * dimensions);
  for (let at = 0; at < rows; at += kStep) {
    const count = Math.min(kStep, rows - at);
    const some = fillRows(memory, at, count, dimensions).subarray(0, count * dimensions);
    oracle.see(some, at, count, dimensions);
    const ids = Array.from({ length: count }, (_, i) => at + i);
    await index.add(ids, some, { metadata: ids.map((i) => ({ i })) });
  }
  await index.compact();
  await index.close();
  await context.close();
  await store.close();
  fs.writeFileSync(path.join(folder, 'expected.json'), JSON.stringify(oracle.ids));
}

/** The folder of the store, and what is expected of its queries. */
async function largeStore({ rows, dimensions }, say) {
  const folder = cacheFolder(`store-${rows}x${dimensions}`);
  const expected = path.join(folder, 'expected.json');
  if (!fs.existsSync(expected)) {
    say(`making a store of ${rows} x ${dimensions}, once`);
    fs.rmSync(folder, { recursive: true, force: true });
    fs.mkdirSync(folder);
    await make(folder, rows, dimensions);
  }
  return { at: path.join(folder, 'store'), expected: JSON.parse(fs.readFileSync(expected)) };
}

module.exports = { largeStore, queryOf, kName, kK };
