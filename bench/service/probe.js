// Asks GET /health/live every few milliseconds, in a process of its own, until it is told to stop: node probe.js PORT.
'use strict';
const http = require('node:http');
const { now, sleep } = require('../stats');

const agent = new http.Agent({ keepAlive: true });
const samples = [];
let stopped = false;

const live = () =>
  new Promise((resolve, reject) => {
    const began = now();
    http
      .get({ host: '127.0.0.1', port: Number(process.argv[2]), path: '/health/live', agent }, (response) => {
        response.resume();
        response.once('end', () => resolve(now() - began));
      })
      .once('error', reject);
  });

async function main() {
  for (; !stopped; await sleep(5)) samples.push(await live());
  process.send(samples, () => process.disconnect());
  agent.destroy();
}
process.once('message', () => (stopped = true));
main();
