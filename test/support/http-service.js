// What the tests of the HTTP service share: a manager that only pretends, a server on a free port, raw and ordinary
// requests.
'use strict';
const { EventEmitter } = require('node:events');
const http = require('node:http');
const net = require('node:net');
const { createServer } = require('../../lib/service/server');
const { readServiceConfig } = require('../../lib/config/config');

const silent = {
  level: 'silent',
  isLevelEnabled: () => false,
  child: () => silent,
  trace() {},
  debug() {},
  info() {},
  warn() {},
  error() {},
  fatal() {},
};

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
async function until(condition, what) {
  for (let i = 0; i < 200; ++i, await wait(10)) if (condition()) return;
  throw new Error(`it never came to be: ${what}`);
}

function failed(code, message, more = {}) {
  return Object.assign(new Error(message), { code }, more);
}

/** Outputs have memory of their own: that of the inputs is the request's, and goes with it. */
function copied({ inputs }) {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() }]),
  );
}

/** A manager that gives the inputs back as outputs, or does as params.fail says. */
function fakeManager() {
  const manager = {
    calls: [],
    aborted: 0,
    holding: [],
    failures: {},
    results: [],
    holds: false, // every job until its `holding` is called
    outputsOf: copied,
    ready: Promise.resolve(),
    status: 'ok',
    draining: false,
    list: [
      { id: '1-cuda-0', contextType: 'cuda', device: 'cuda:0', state: 'lost', lastKnownAnswerAgeMs: 5 },
      { id: '1-vulkan-0', contextType: 'vulkan', device: 'vulkan:0', state: 'starting', lastKnownAnswerAgeMs: null },
      { id: '1-cpu-0', contextType: 'cpu', device: 'cpu:0', state: 'idle', lastKnownAnswerAgeMs: 120.4 },
    ],
    contexts: () => manager.list,
    health: async () => ({
      status: manager.status,
      workers: [{ id: 1, pid: 10, state: 'ready', contexts: ['1-cpu-0'], loopAgeMs: 1.25, deviceAgeMs: null }],
      contexts: manager.list,
      queue: { depth: 0, limit: 10, oldestAgeMs: 0 },
      draining: manager.draining,
    }),
    prometheus: async () => '# HELP switchyard_pending jobs\nswitchyard_pending 0\n',
    executeWorkload(workload, options) {
      manager.calls.push({ workload, options });
      const { signal } = options;
      return new Promise((resolve, reject) => {
        const finish = () => {
          const result = {
            outputs: manager.outputsOf(workload),
            workloadId: workload.id,
            contextId: '1-cpu-0',
            workerId: 1,
            contextType: 'cpu',
            deviceName: 'a processor',
            cached: false,
            batchSize: 1,
            attempts: 1,
            ...(workload.split ? { parts: [{ contextId: '1-cpu-0', attempts: 1 }] } : {}),
            timings: { queued: 0, switch: 0, upload: 0, compute: 1, readback: 0, total: 1 },
            secret: 'not for clients',
          };
          manager.results.push(result);
          resolve(result);
        };
        signal.addEventListener('abort', () => {
          ++manager.aborted;
          reject(failed('ERR_CANCELED', 'the job was canceled by its signal'));
        });
        if (workload.type === 'unknown') reject(failed('ERR_UNKNOWN_WORKLOAD', `unknown workload 'unknown'`));
        else if (manager.failures[workload.type]) reject(manager.failures[workload.type]);
        else if (workload.type === 'hold' || manager.holds) manager.holding.push(finish);
        else setImmediate(finish);
      });
    },
  };
  return manager;
}

/** One that has events, too. */
function emittingManager() {
  const emitter = new EventEmitter();
  const [on, off, emit] = ['on', 'off', 'emit'].map((name) => emitter[name].bind(emitter));
  return Object.assign(fakeManager(), { on, off, emit });
}

/** A server on a free port; `settings` are a config's, which may be smaller here than a user may set them. */
async function startServer(settings = {}, manager = fakeManager()) {
  const lines = [];
  const logger = { ...silent, error: (fields, message) => lines.push({ fields, message }) };
  const app = createServer(manager, { ...readServiceConfig({}, {}), drainTimeout: 2000, ...settings }, logger);
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address();
  return { manager, app, port, lines };
}

/**
 * One server for all tests of a file: { manager, app, port, lines } once they run. What its manager was asked is
 * forgotten before each.
 */
function useServer(settings) {
  const server = {};
  beforeAll(async () => Object.assign(server, await startServer(settings)));
  afterAll(() => server.app.close());
  beforeEach(() => {
    server.manager.calls.length = 0;
    server.manager.aborted = 0;
  });
  return server;
}

/** A workload that fits into a line. */
const kSmall = { type: 'normalize', inputs: { input: { data: [3, 4], shape: [1, 2] } } };
const kMB = 2 ** 20;

/** An ordinary request. */
function request(port, path, { method = 'GET', headers = {}, body, agent } = {}) {
  return new Promise((resolve, reject) => {
    const outgoing = http.request({ host: '127.0.0.1', port, path, method, headers, agent }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const bytes = Buffer.concat(chunks);
        const json = /json/.test(response.headers['content-type'] ?? '') ? JSON.parse(bytes.toString()) : undefined;
        resolve({ status: response.statusCode, headers: response.headers, bytes, text: bytes.toString(), json });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

const post = (port, body, { agent, ...headers } = {}) =>
  request(port, '/v1/workloads', {
    method: 'POST',
    agent,
    body: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  });

/** Writes bytes to a socket as they are, and gives what came back once the other side has ended. */
function raw(port, bytes, { keepOpen = false } = {}) {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    let text = '';
    const started = Date.now();
    const done = () =>
      resolve({ text, ms: Date.now() - started, status: Number(/^HTTP\/1\.1 (\d+)/m.exec(text)?.[1]) });
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
    socket.on('close', done);
    socket.write(bytes);
    if (!keepOpen) socket.end();
  });
}

/** The bytes of a binary request, written as a client in another language would, from docs/http.md alone. */
function frame(header, data, { magic = 'SWYD', version = 1, length } = {}) {
  const text = Buffer.from(JSON.stringify(header));
  const head = Buffer.alloc(12);
  head.write(magic, 'latin1');
  head.writeUInt32LE(version, 4);
  head.writeUInt32LE(length ?? text.length, 8);
  return Buffer.concat([
    head,
    text,
    Buffer.alloc((8 - ((12 + text.length) % 8)) % 8),
    ...data.flatMap((array) => {
      const bytes = Buffer.from(array.buffer, array.byteOffset, array.byteLength);
      return [bytes, Buffer.alloc((8 - (bytes.length % 8)) % 8)];
    }),
  ]);
}

function readFrame(bytes) {
  expect(bytes.toString('latin1', 0, 4)).toBe('SWYD');
  const length = bytes.readUInt32LE(8);
  const start = Math.ceil((12 + length) / 8) * 8;
  return {
    version: bytes.readUInt32LE(4),
    header: JSON.parse(bytes.toString('utf8', 12, 12 + length)),
    data: bytes.subarray(start),
  };
}

module.exports = {
  kSmall,
  kMB,
  fakeManager,
  emittingManager,
  startServer,
  useServer,
  request,
  post,
  raw,
  frame,
  readFrame,
  failed,
  wait,
  until,
};
