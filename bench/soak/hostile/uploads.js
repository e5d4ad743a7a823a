// Uploads that are broken off, that trickle, and that are too large: the last are told so, and all go back.
'use strict';
const net = require('node:net');
const { request } = require('./service');
const { sleep } = require('../../stats');

const kFrom = '127.0.0.6';
const kMB = 2 ** 20;
const kTooLarge = 72 * kMB;

function begin(port, length, sent) {
  const socket = net.connect({ port, host: '127.0.0.1', localAddress: kFrom });
  socket.on('error', () => {});
  socket.resume();
  socket.write(
    'POST /v1/workloads HTTP/1.1\r\nhost: x\r\ncontent-type: application/octet-stream\r\n' +
      `content-length: ${length}\r\n\r\n`,
  );
  socket.write(Buffer.alloc(sent, 1));
  return socket;
}

async function uploadBadly({ service, until }) {
  const counts = { broken: 0, trickled: 0, tooLarge: 0, told: 0, statuses: {} };
  const body = Buffer.alloc(kTooLarge, 0x20);
  for (let n = 0; n === 0 || performance.now() < until; ++n) {
    const broken = Array.from({ length: 6 }, (_, i) => begin(service.port, 8 * kMB, (1 + i) * kMB));
    const trickle = begin(service.port, kMB, 1);
    counts.broken += broken.length;
    ++counts.trickled;
    await sleep(20);
    for (const socket of broken) socket.destroy();
    if (n % 4 === 0) {
      ++counts.tooLarge;
      const { status } = await request(service.port, {
        method: 'POST',
        path: '/v1/workloads',
        headers: { 'content-type': 'application/json' },
        body,
        from: kFrom,
      }).catch((error) => ({ status: error.code ?? error.message }));
      counts.statuses[status] = (counts.statuses[status] ?? 0) + 1;
      if (status === 413) ++counts.told;
    }
    for (let i = 0; i < 5; ++i) {
      trickle.write(Buffer.alloc(1));
      await sleep(5);
    }
    trickle.destroy();
  }
  return { ...counts, ok: counts.told === counts.tooLarge };
}

module.exports = { uploadBadly };
