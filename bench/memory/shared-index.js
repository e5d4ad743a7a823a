// What an index costs that a cluster shares: the same calls by the process that owns it, by another one over its
// socket, and of an index that is nobody else's. node bench/memory/shared-index.js [--json] [--quick] [--rows 20000]
'use strict';
const cluster = require('node:cluster');
const gpu = require('../..');
const { median, timeEach } = require('../stats');
const { Figures, ms, normal, readOptions } = require('./shared');

const options = readOptions({ rows: { type: 'string', default: '20000' } });
const kRows = Number(options.rows);
const kDimensions = 384;
const kBatch = 256;
const kBudgetMs = options.quick ? 300 : 3000;
const manager = gpu.createGPUClusterManager({ contextTypes: ['cpu'], contextsPerWorker: 1 });
const kind = { dimensions: kDimensions, metric: 'cosine' };

/** Times of a search of one query, and of an upsert of 256 rows that are there. */
async function measure(index) {
  const query = normal(kDimensions, 2);
  const rows = gpu.tensor(normal(kBatch * kDimensions, 3), [kBatch, kDimensions]);
  const ids = Array.from({ length: kBatch }, (_, i) => i);
  const search = () => index.search(query, { k: 10 });
  const upsert = () => index.upsert(ids, rows);
  for (const call of [search, upsert]) await call();
  const searches = await timeEach(search, { budgetMs: kBudgetMs });
  const upserts = await timeEach(upsert, { budgetMs: kBudgetMs });
  return { searches, upserts };
}

async function filled(name) {
  const index = await manager.createIndex({ ...kind, ...(name && { name }) });
  const step = 1000;
  for (let at = 0; at < kRows; at += step) {
    const ids = Array.from({ length: step }, (_, i) => at + i);
    await index.add(ids, gpu.tensor(normal(step * kDimensions, at), [step, kDimensions]));
  }
  await index.compact();
  return index;
}

const asked = (worker, what) =>
  new Promise((resolve) => {
    worker.once('message', resolve);
    worker.send({ what });
  });

async function main() {
  const [owner, other] = [cluster.fork(), cluster.fork()];
  await asked(owner, 'own'); // it is the first to open it
  const own = await asked(owner, 'measure');
  const far = await asked(other, 'measure');
  const alone = await asked(other, 'alone');
  const figures = new Figures(options.json);
  for (const [what, name] of [
    ['searches', 'search of one query'],
    ['upserts', 'upsert of 256 rows'],
  ]) {
    const detail = `${ms(far[what])} over the socket, ${ms(own[what])} by the owner, ${ms(alone[what])} in no store`;
    figures.tell(`${name}, over the socket beside the owner's own`, median(far[what]) / median(own[what]), '-', detail);
  }
  figures.end({ rows: kRows, dimensions: kDimensions });
  await manager.close();
  process.exit();
}

if (cluster.isPrimary) main();
else
  process.on('message', async ({ what }) => {
    await manager.ready;
    if (what === 'own') process.send(Boolean(await filled('shared')));
    else if (what === 'alone') process.send(await measure(await filled()));
    else process.send(await measure(await manager.createIndex({ ...kind, name: 'shared' })));
  });
