// Long launches that are cancelled: by their deadline, and by clients that leave. No worker may be ended for them.
'use strict';
const http = require('node:http');
const net = require('node:net');
const { encodeFrame } = require('../../../lib/exchange');

const kFrom = '127.0.0.7';
const kRows = 3000,
  kDepth = 1024;

/** One attention of 37 GFLOP, as a binary request. */
function launch(options) {
  const tensor = () => ({
    data: new Float32Array(kRows * kDepth).fill(0.01),
    shape: [1, kRows, kDepth],
    dtype: 'float32',
  });
  return Buffer.concat(
    encodeFrame({ type: 'attention', options }, 'inputs', { query: tensor(), key: tensor(), value: tensor() }),
  );
}

function post(port, body) {
  return new Promise((resolve) => {
    const outgoing = http.request(
      {
        host: '127.0.0.1',
        port,
        method: 'POST',
        path: '/v1/workloads',
        agent: false,
        localAddress: kFrom,
        headers: { 'content-type': 'application/octet-stream' },
      },
      (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode));
        response.on('error', (error) => resolve(error.code));
      },
    );
    outgoing.on('error', (error) => resolve(error.code));
    outgoing.end(body);
  });
}

/** Sends one and leaves. */
function postAndLeave(port, body, afterMs) {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1', localAddress: kFrom });
    socket.on('error', () => {});
    socket.on('close', () => resolve('left'));
    socket.write(
      'POST /v1/workloads HTTP/1.1\r\nhost: x\r\ncontent-type: application/octet-stream\r\n' +
        `content-length: ${body.length}\r\n\r\n`,
    );
    socket.write(body, () => setTimeout(() => socket.destroy(), afterMs));
  });
}

async function cancelLaunches({ service, until, launches = 97, together = 3 }) {
  const contextType = service.devices.some((id) => id.startsWith('vulkan')) ? 'vulkan' : 'cpu';
  const before = new Set(await service.workers());
  const late = launch({ timeout: 500, contextType });
  const long = launch({ contextType });
  const counts = { contextType, launches: 0, statuses: {} };
  const lane = async () => {
    while (counts.launches < launches && performance.now() < until) {
      const n = counts.launches++;
      const how = await (n % 4 === 3 ? postAndLeave(service.port, long, 300) : post(service.port, late));
      counts.statuses[how] = (counts.statuses[how] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: together }, lane));
  const killed = (await service.workers()).filter((pid) => !before.has(pid)).length;
  return { ...counts, workersKilled: killed, ok: killed === 0 };
}

module.exports = { cancelLaunches };
