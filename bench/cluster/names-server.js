// An HTTP service whose clients search named bases: node names-server.js, in one process; says where it listens, and
// measures the same search in its own process when it is asked to.
'use strict';
const { createGPUClusterManager } = require('../..');
const { createServer } = require('../../lib/service/server');
const { readServiceConfig } = require('../../lib/config/config');
const { timeEach } = require('../stats');

const settings = { contextTypes: ['cpu'], contextsPerWorker: 1, logLevel: 'error' };

/** Searches as an application does: it looks the base up for each. */
async function inProcess(manager, { name, query, runs }) {
  const queries = { data: Float32Array.from(query), shape: [1, query.length], dtype: 'float32' };
  return timeEach(
    async () => {
      const base = await manager.lookup(name);
      await manager.executeWorkload({ type: 'similarity-search', inputs: { queries, base }, params: { k: 10 } });
      base.release();
    },
    { budgetMs: 0, least: runs },
  );
}

async function serve() {
  const manager = createGPUClusterManager(settings);
  await manager.ready;
  const app = createServer(manager, { ...readServiceConfig({}, {}), bodyLimit: 128 * 2 ** 20, logLevel: 'error' });
  await app.listen({ port: 0, host: '127.0.0.1' });
  process.on('message', (args) => inProcess(manager, args).then((samples) => process.send({ samples })));
  process.on('disconnect', () => process.exit());
  process.send({ port: app.server.address().port });
}

serve();
