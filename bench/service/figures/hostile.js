// 1,000 clients that send a byte a second, and 200 that never read what they ask for: what others see, and what is
// held.
'use strict';
const http = require('node:http');
const net = require('node:net');
const { now, percentile, sleep } = require('../../stats');
const { start } = require('../start');

const kSlow = 1000,
  kDeaf = 200;

/** A WebSocket by hand, of which nothing is read. */
function raw(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.once('data', () => resolve(socket));
    socket.write(
      'GET / HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\n' +
        'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n',
    );
  });
}

function masked(opcode, payload, length = payload.length) {
  const head = Buffer.alloc(14);
  head[0] = 0x80 | opcode;
  head[1] = 0x80 | 127;
  head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, payload]);
}

const live = (port, agent) =>
  new Promise((resolve, reject) => {
    const began = now();
    http
      .get({ host: '127.0.0.1', port, path: '/health/live', agent }, (response) => {
        response.resume();
        response.once('end', () => resolve(now() - began));
      })
      .once('error', reject);
  });

const megabytes = (bytes) => Math.round(bytes / 2 ** 20);

async function measure({ quick }) {
  const server = await start({ rpcClientConnections: 4096 });
  const agent = new http.Agent({ keepAlive: true });
  const { rss: before } = await server.ask({ ask: 'memory' });
  const slow = [];
  for (let i = 0; i < kSlow; ++i) slow.push(await raw(server.rpcPort));
  for (const socket of slow) socket.write(masked(1, Buffer.alloc(0), 1000));
  const deaf = [];
  for (let i = 0; i < kDeaf; ++i) deaf.push(await raw(server.rpcPort));
  const data = Array(100_000).fill(1);
  const ask = Buffer.from(
    JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'executeWorkload',
      params: { type: 'normalize', inputs: { input: [data] } },
    }),
  );
  const samples = [];
  let most = 0;
  const until = now() + (quick ? 5000 : 20_000);
  for (let second = 0; now() < until; ++second) {
    for (const socket of slow) if (!socket.destroyed) socket.write(' ');
    for (const socket of deaf)
      if (!socket.destroyed && second < 4) {
        socket.pause();
        socket.write(masked(1, ask));
      }
    const end = now() + 1000;
    while (now() < end) {
      samples.push(await live(server.port, agent));
      await sleep(5);
    }
    most = Math.max(most, (await server.ask({ ask: 'memory' })).rss);
  }
  for (const socket of [...slow, ...deaf]) socket.destroy();
  agent.destroy();
  await server.stop();
  return [
    {
      name: `/health/live beside ${kSlow} clients of a byte a second and ${kDeaf} that never read, p99`,
      value: percentile(samples, 99),
      unit: 'ms',
      target: 'under 100 ms',
      detail: `${samples.length} requests; held ${megabytes(before)} MB before, ${megabytes(most)} MB at most`,
    },
  ];
}

module.exports = { measure };
