// Clients that ask for large answers and hardly read them: 16 KB of request each, 64 MB of answer.
'use strict';
const net = require('node:net');
const { Watch } = require('./service');
const { sleep } = require('../../stats');

const kSide = 4096;
const kFroms = ['127.0.0.3', '127.0.0.4', '127.0.0.5'];
const kBackMs = 10_000;
const kSlackMb = 64;
const kBody = JSON.stringify({
  type: 'matmul',
  inputs: {
    a: { data: Array(kSide).fill(1), shape: [kSide, 1] },
    b: { data: Array(kSide).fill(1), shape: [1, kSide] },
  },
});

/** One of them: a byte a second. */
function slowReader(port, from) {
  const socket = net.connect({ port, host: '127.0.0.1', localAddress: from });
  const reader = { socket, status: 0, ended: false };
  socket.on('error', () => {});
  socket.on('close', () => {
    reader.ended = true;
    clearInterval(reader.timer);
  });
  socket.once('readable', () => {
    const head = socket.read(16);
    reader.status = Number(/^HTTP\/1\.1 (\d+)/.exec(head?.toString('latin1') ?? '')?.[1] ?? 0);
  });
  reader.timer = setInterval(() => socket.read(1), 1000);
  socket.write(
    'POST /v1/workloads HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n' +
      `accept: application/octet-stream\r\ncontent-length: ${kBody.length}\r\n\r\n${kBody}`,
  );
  return reader;
}

/**
 * As many at a time, until the time is up; who is ended comes again. Then they leave, and what they held goes
 * back.
 */
async function readSlowly({ service, until, readers = 80, limitMb = 1000 }) {
  const before = service.holdings;
  const watch = new Watch(() => service.holdings);
  const counts = { readers, asked: 0, statuses: {}, ended: 0 };
  const note = (reader) => {
    counts.statuses[reader.status || 'none'] = (counts.statuses[reader.status || 'none'] ?? 0) + 1;
  };
  const start = (n) => {
    ++counts.asked;
    return slowReader(service.port, kFroms[n % kFroms.length]);
  };
  const all = Array.from({ length: readers }, (_, n) => start(n));
  while (performance.now() < until) {
    await sleep(200);
    all.forEach((reader, n) => {
      if (!reader.ended) return;
      ++counts.ended;
      note(reader);
      all[n] = start(n);
    });
  }
  for (const reader of all) {
    note(reader);
    reader.socket.destroy();
  }
  const most = watch.stop();
  const after = await service.settled(before.megabytes + kSlackMb, kBackMs);
  return {
    ...counts,
    megabytes: { before: before.megabytes, most: most.megabytes, after: after.megabytes },
    backMs: after.ms,
    ok: most.megabytes < limitMb && after.megabytes <= before.megabytes + kSlackMb,
  };
}

module.exports = { readSlowly };
