// An HTTP server over a cluster of its own that finds the SPDX licences nearest to a text. Their vectors lie once in
// memory that all workers share, under a name: POST /update swaps them while they are searched. npm run
// example:cluster, then curl 'localhost:3100/search?q=permission+to+use,+copy+and+modify'
'use strict';
const cluster = require('node:cluster');
const http = require('node:http');
const os = require('node:os');
const list = require('spdx-license-list/full');
const gpu = require('..');
const { words, Vectorizer } = require('./licenses-text');

const port = Number(process.env.PORT || 3100);
const manager = gpu.createGPUClusterManager();
const ids = Object.keys(list).sort();
const documents = ids.map((id) => words(list[id].licenseText));
const vectorizer = new Vectorizer(documents);

/** Makes the vectors anew, for all processes: a search that is under way goes on with those that it has. */
const update = () => manager.publish('licences', vectorizer.rows(documents));

async function primary() {
  await update();
  const fork = () => cluster.fork();
  for (let i = 0; i < os.availableParallelism(); ++i) fork();
  cluster.on('exit', fork); // one for each that ends
  cluster.once('listening', () =>
    console.log(`${ids.length} licences: curl 'localhost:${port}/search?q=permission+to+use,+copy+and+modify'`),
  );
}

async function search(text) {
  const base = await manager.lookup('licences'); // a message only where it was swapped since
  const workload = {
    type: 'similarity-search',
    inputs: { queries: vectorizer.rows([words(text)]), base },
    params: { k: 5 },
  };
  const job = manager.executeWorkload(workload, { timeout: 5000 });
  const {
    outputs: { indices, scores },
    contextId,
    timings,
  } = await job.finally(() => base.release());
  return {
    nearest: Array.from(indices.data, (row, i) => ({ id: ids[row], score: scores.data[i] })),
    context: contextId,
    ms: timings.total,
  };
}

function worker() {
  const server = http.createServer(async (request, response) => {
    const answer = (status, value) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(value)}\n`);
    const { pathname, searchParams } = new URL(request.url, 'http://localhost');
    const isUpdate = pathname === '/update' && request.method === 'POST';
    if (!isUpdate && pathname !== '/search') return answer(404, { error: 'ask for /search?q=some+words' });
    return (isUpdate ? update() : search(searchParams.get('q') ?? '')).then(
      (done) => answer(200, done),
      (error) => answer(error.code === 'ERR_QUEUE_FULL' ? 429 : 500, { error: error.message }),
    );
  });
  manager.ready.then(() => server.listen(port));
}

if (cluster.isPrimary) primary();
else worker();
