// A server in a process of its own, as its figures need one: node bench/service/server.js '<settings as JSON>'. It says
// { port, rpcPort } on its channel, measures what it is asked for in itself, and ends with its parent.
'use strict';
const { createServer } = require('../../lib/service/server');
const { readServiceConfig } = require('../../lib/config');
const gpu = require('../..');

const settings = JSON.parse(process.argv[2]);
const manager = gpu.createGPUClusterManager({ contextTypes: ['cpu'], logLevel: 'error', contextsPerWorker: 1 });
const app = createServer(manager, { ...readServiceConfig({}, {}), ...settings, logLevel: 'error' });

async function main() {
  await manager.ready;
  await app.listen({ port: 0, host: '127.0.0.1' });
  await new Promise((resolve) => {
    app.rpcServer.listen(0, '127.0.0.1', resolve);
  });
  process.on('message', async ({ ask, ...more }) => {
    const answer = await { memory, resident: () => process.memoryUsage(), measure, sockets: () => app.sockets.count }[
      ask
    ](more);
    process.send({ answer });
  });
  process.on('disconnect', () => process.exit(0));
  process.send({ port: app.server.address().port, rpcPort: app.rpcServer.address().port });
}

/** Bytes that the process holds, after what nobody needs has gone: of the system, and of JavaScript's objects. */
function memory() {
  for (let i = 0; i < 3; ++i) globalThis.gc();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, used: heapUsed + external };
}

/** The same calls without a connection. */
async function measure(more) {
  return require('./in-process')[more.what]({ manager, ...more });
}

main();
