// A client of the HTTP service that searches named bases: what that takes beyond the same search in the service's
// process, and what becomes of its requests while the base is swapped.
'use strict';
const http = require('node:http');
const net = require('node:net');
const path = require('node:path');
const { fork } = require('node:child_process');
const { once } = require('node:events');
const { encodeHead, encodeTensorFrame } = require('../../../lib/exchange/frame');
const { median, sleep, timeEach } = require('../../stats');

const kWidth = 384;
const kType = 'application/octet-stream';
const agent = new http.Agent({ keepAlive: true });

async function open() {
  const server = fork(path.join(__dirname, '..', 'names-server.js'), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const [{ port }] = await once(server, 'message');
  return { server, port };
}

function send(port, method, where, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request({ port, host: '127.0.0.1', method, path: where, headers, agent }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode, bytes: Buffer.concat(chunks) }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

async function put(port, name, data, rows) {
  const pieces = encodeTensorFrame({ data, shape: [rows, kWidth], dtype: 'float32' });
  const { status, bytes } = await send(port, 'PUT', `/v1/tensors/${name}`, Buffer.concat(pieces), {
    'content-type': kType,
  });
  if (status !== 200) throw new Error(`PUT: ${status} ${bytes}`);
}

function searchBody(query, name, params) {
  const inputs = { queries: { shape: [1, kWidth], dtype: 'float32', offset: 0 }, base: { ref: name } };
  return Buffer.concat([encodeHead({ type: 'similarity-search', params, inputs }), Buffer.from(query.buffer)]);
}

const search = (port, body) =>
  send(port, 'POST', '/v1/workloads', body, { 'content-type': kType, accept: 'application/json' });

/** A connection of a client that does as little as one can: bytes that are ready, and answers of a known length. */
class Line {
  #received = Buffer.alloc(0);
  #answered;

  constructor(port) {
    this.socket = net.connect(port, '127.0.0.1').setNoDelay();
    this.socket.on('data', (chunk) => {
      this.#received = this.#received.length ? Buffer.concat([this.#received, chunk]) : chunk;
      const end = this.#received.indexOf('\r\n\r\n') + 4;
      if (end < 4) return;
      const head = this.#received.toString('latin1', 0, end);
      const length = Number(/^content-length: (\d+)/im.exec(head)[1]);
      if (this.#received.length < end + length) return;
      const bytes = this.#received.subarray(end);
      this.#received = Buffer.alloc(0);
      this.#answered({ status: Number(head.slice(9, 12)), bytes });
    });
  }

  ask(bytes) {
    return new Promise((resolve) => {
      this.#answered = resolve;
      this.socket.write(bytes);
    });
  }
}

/**
 * The search over HTTP and in the service's process, a few of each in turn, so that both have the machine as it is just
 * then: what each turn's middle was.
 */
async function compare({ rows, warm, turns, runs }) {
  const { server, port } = await open();
  const data = new Float32Array(rows * kWidth);
  for (let i = 0; i < data.length; ++i) data[i] = Math.sin(i);
  await put(port, 'base', data, rows);
  const row = 77;
  const query = data.slice(row * kWidth, (row + 1) * kWidth);
  const body = searchBody(query, 'base', { k: 10 });
  const head =
    `POST /v1/workloads HTTP/1.1\r\nhost: localhost\r\ncontent-type: ${kType}\r\naccept: application/json\r\n` +
    `content-length: ${body.length}\r\n\r\n`;
  const request = Buffer.concat([Buffer.from(head), body]);
  const line = new Line(port);
  const overHttp = (count) =>
    timeEach(
      async () => {
        const { status, bytes } = await line.ask(request);
        if (status !== 200) throw new Error(`${status} ${bytes}`);
        if (JSON.parse(bytes).outputs.indices.data[0] !== row) throw new Error(`row ${row} is not found`);
      },
      { budgetMs: 0, least: count },
    );
  const inProcess = async (count) => {
    server.send({ name: 'base', query: Array.from(query), runs: count });
    const [{ samples }] = await once(server, 'message');
    return samples;
  };
  await overHttp(warm);
  await inProcess(warm);
  const theirs = [],
    own = [];
  for (let turn = 0; turn < turns; ++turn) {
    theirs.push(median(await overHttp(runs)));
    own.push(median(await inProcess(runs)));
  }
  line.socket.destroy();
  server.disconnect();
  return { http: theirs, inProcess: own };
}

/**
 * Clients search while the base is swapped: each answer must be of one version, whole. All scores of the version v are
 * v times what they are of the first.
 */
async function swap({ rows, swaps, lanes }) {
  const { server, port } = await open();
  const base = (version) => new Float32Array(rows * kWidth).fill(version);
  await put(port, 'base', base(1), rows);
  const body = searchBody(new Float32Array(kWidth).fill(1), 'base', { k: 10, metric: 'dot' });
  const seen = new Set();
  let isSwapping = true,
    asked = 0,
    lost = 0,
    wrong = 0;
  const lane = async () => {
    let last = 0;
    while (isSwapping) {
      ++asked;
      const answer = await search(port, body).catch(() => ({ status: 0 }));
      if (answer.status !== 200) {
        ++lost;
        continue;
      }
      const { scores } = JSON.parse(answer.bytes).outputs;
      const version = scores.data[0] / kWidth;
      if (!Number.isInteger(version) || version < last || scores.data.some((score) => score !== scores.data[0]))
        ++wrong;
      last = version;
      seen.add(version);
    }
  };
  const all = Array.from({ length: lanes }, () => lane());
  for (let version = 2; version <= swaps + 1; ++version) {
    await put(port, 'base', base(version), rows);
    for (const before = asked; asked < before + lanes;) await sleep(1); // the load goes on whatever a swap takes
  }
  isSwapping = false;
  await Promise.all(all);
  server.disconnect();
  return { asked, lost, wrong, versions: seen.size };
}

module.exports = { compare, swap };
