// An HTTP server over a cluster of its own that finds the SPDX licences nearest to a text. Their vectors lie once in
// memory that all workers share. npm run example:cluster, then curl
// 'localhost:3100/search?q=permission+to+use,+copy+and+modify'
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

function primary() {
  const rows = vectorizer.rows(documents);
  const base = manager.sharedTensor(rows.shape);
  base.data.set(rows.data);
  const fork = () => cluster.fork({ LICENSE_VECTORS: JSON.stringify(base.seal()) });
  for (let i = 0; i < os.availableParallelism(); ++i) fork();
  cluster.on('exit', fork); // one for each that ends
  cluster.once('listening', () =>
    console.log(`${ids.length} licences: curl 'localhost:${port}/search?q=permission+to+use,+copy+and+modify'`),
  );
}

let base; // in a worker

async function search(text) {
  const workload = {
    type: 'similarity-search',
    inputs: { queries: vectorizer.rows([words(text)]), base },
    params: { k: 5 },
  };
  const {
    outputs: { indices, scores },
    contextId,
    timings,
  } = await manager.executeWorkload(workload, { timeout: 5000 });
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
    if (pathname !== '/search') return answer(404, { error: 'ask for /search?q=some+words' });
    return search(searchParams.get('q') ?? '').then(
      (found) => answer(200, found),
      (error) => answer(error.code === 'ERR_QUEUE_FULL' ? 429 : 500, { error: error.message }),
    );
  });
  manager.ready.then(() => {
    base = manager.openTensor(process.env.LICENSE_VECTORS);
    server.listen(port);
  });
}

if (cluster.isPrimary) primary();
else worker();
