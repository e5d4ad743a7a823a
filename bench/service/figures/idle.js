// What 1,000 connections that do nothing take, and whether others feel them.
'use strict';
const { now, median, round } = require('../../stats');
const { connect } = require('../client');
const { start } = require('../start');

const kConnections = 1000;

async function latency(client) {
  const samples = [];
  for (let i = 0; i < 300; ++i) {
    const began = now();
    await client.call('listDevices', {});
    samples.push(now() - began);
  }
  return median(samples);
}

const megabytes = (bytes) => round(bytes / 2 ** 20, 1);

async function measure() {
  const server = await start({ rpcClientConnections: 2 * kConnections });
  const client = await connect(server.rpcPort);
  await latency(client);
  const before = await latency(client);
  const empty = await server.ask({ ask: 'memory' });
  const idle = [];
  for (let at = 0; at < kConnections; at += 50)
    idle.push(...(await Promise.all(Array.from({ length: 50 }, () => connect(server.rpcPort)))));
  const full = await server.ask({ ask: 'memory' });
  const after = await latency(client);
  for (const { ws } of idle) ws.terminate();
  client.close();
  await server.stop();
  return [
    {
      name: `an idle connection, of ${kConnections}`,
      value: Math.max(full.rss - empty.rss, full.used - empty.used) / kConnections / 1024,
      unit: 'KB',
      target: 'under 50 KB',
      detail:
        `resident ${megabytes(empty.rss)} MB, then ${megabytes(full.rss)} MB; ` +
        `objects ${megabytes(empty.used)} MB, then ${megabytes(full.used)} MB`,
    },
    {
      name: `a call beside ${kConnections} idle connections`,
      value: after / before,
      unit: 'times',
      target: 'unchanged',
      detail: `p50 ${round(before, 3)} ms, then ${round(after, 3)} ms`,
    },
  ];
}

module.exports = { measure };
