// 1,000 clients that send a byte a second, and 200 that never read what they ask for: what others see, and what is
// held.
'use strict';
const path = require('node:path');
const net = require('node:net');
const { fork } = require('node:child_process');
const { now, percentile, round, sleep } = require('../../stats');
const { framePieces } = require('../../../lib/rpc/encode');
const { start } = require('../start');

const kSlow = 1000,
  kDeaf = 200,
  kAsks = 8; // of each that never reads

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

/** Asks for /health/live in a process of its own, until stop(), which gives how long each took. */
function probe(port) {
  const child = fork(path.join(__dirname, '../probe.js'), [String(port)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const stop = () =>
    new Promise((resolve) => {
      child.once('message', resolve);
      child.send('stop');
    });
  return stop;
}

const megabytes = (bytes) => Math.round(bytes / 2 ** 20);

async function measure({ quick }) {
  const server = await start({ rpcClientConnections: 4096 });
  const { rss: before } = await server.ask({ ask: 'memory' });
  const slow = [];
  for (let i = 0; i < kSlow; ++i) slow.push(await raw(server.rpcPort));
  for (const socket of slow) socket.write(masked(1, Buffer.alloc(0), 1000));
  const deaf = [];
  for (let i = 0; i < kDeaf; ++i) deaf.push(await raw(server.rpcPort));
  const input = { data: new Float32Array(100_000).fill(1), shape: [1, 100_000], dtype: 'float32' };
  const params = { type: 'normalize', inputs: { input } };
  const ask = masked(2, Buffer.concat(framePieces({ jsonrpc: '2.0', id: 1, method: 'executeWorkload', params })));
  const stopProbe = probe(server.port);
  let most = 0;
  const until = now() + (quick ? 5000 : 20_000);
  for (let second = 0; now() < until; ++second) {
    for (const socket of slow) if (!socket.destroyed) socket.write(' ');
    // 400 KB each of an answer that nobody reads, asked for one after the other through the second.
    const began = now();
    for (let i = 0; now() < began + 1000;) {
      for (; i < kDeaf && second < kAsks && now() >= began + (1000 * i) / kDeaf; ++i) {
        deaf[i].pause();
        if (!deaf[i].destroyed) deaf[i].write(ask);
      }
      await sleep(5);
    }
    most = Math.max(most, (await server.ask({ ask: 'resident' })).rss);
  }
  const samples = await stopProbe();
  for (const socket of [...slow, ...deaf]) socket.destroy();
  await server.stop();
  return [
    {
      name: `/health/live beside ${kSlow} clients of a byte a second and ${kDeaf} that never read, p99`,
      value: percentile(samples, 99),
      unit: 'ms',
      target: 'under 100 ms',
      detail:
        `${samples.length} requests, p50 ${round(percentile(samples, 50), 2)} ms; ` +
        `held ${megabytes(before)} MB before, ${megabytes(most)} MB at most`,
    },
  ];
}

module.exports = { measure };
