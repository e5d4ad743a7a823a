// Requests that no honest client would send: broken HTTP, broken JSON, broken frames, and ordinary ones with something
// in them changed. Each is answered or its connection closed, in time, and none is a fault of the server's.
'use strict';
const net = require('node:net');

const kFrom = '127.0.0.2';
const kAnswerMs = 15_000;

/** Numbers that are the same for the same seed. */
class Random {
  constructor(seed) {
    this.state = seed >>> 0 || 1;
  }
  next() {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0;
    return this.state / 2 ** 32;
  }
  below(n) {
    return Math.floor(this.next() * n);
  }
  of(list) {
    return list[this.below(list.length)];
  }
}

const kOrdinary = [
  { type: 'normalize', inputs: { input: { data: [3, 4, 6, 8], shape: [2, 2] } } },
  { type: 'matmul', inputs: { a: [[1, 2]], b: [[1], [2]] }, params: { alpha: 2 }, options: { timeout: 500 } },
  { type: 'reduce', inputs: { input: [[1, 2, 3]] }, params: { kind: 'sum' }, id: 'mine' },
  {
    type: 'similarity-search',
    inputs: {
      queries: [[1, 0]],
      base: [
        [1, 0],
        [0, 1],
      ],
    },
    params: { k: 1 },
  },
  {
    type: 'graph',
    inputs: { x: [[1, 2]] },
    nodes: [{ type: 'scale', inputs: { input: 'x' }, params: { factor: 2 }, outputs: { output: 'y' } }],
    outputs: ['y'],
  },
  {
    type: 'render',
    scene: 'attention-heatmap',
    width: 32,
    height: 32,
    inputs: {
      attention: [
        [1, 0],
        [0, 1],
      ],
    },
  },
  {
    type: 'pagerank',
    inputs: { rowOffsets: { data: [0, 1, 2], dtype: 'int32' }, columns: { data: [1, 0], dtype: 'int32' } },
  },
];
const kNasty = [
  null,
  true,
  -1,
  0,
  1e308,
  1e-320,
  2 ** 53,
  '',
  '\ud800',
  'x'.repeat(5000),
  [],
  {},
  [[]],
  [[1], [1, 2]],
  'NaN',
  '__proto__',
  { data: 'AAAA', shape: [1] },
  { data: [1], shape: [1e15] },
  { data: [1], shape: [-1] },
  { data: [], dtype: 'float64' },
  { offset: 0, shape: [1] },
  { kernel: 1 },
  Array(40)
    .fill(0)
    .reduce((inner) => [inner], 0),
];

const kOtherPaths = ['/', '/%00', '/health/gpu?require=x', `/${'a'.repeat(9000)}`];

/** A part of a value replaced, removed, or added to. */
function mutated(random, value) {
  if (value === null || typeof value !== 'object' || random.next() < 0.15) return random.of(kNasty);
  const copy = Array.isArray(value) ? [...value] : { ...value };
  const keys = Object.keys(copy);
  const key =
    keys.length && random.next() < 0.9
      ? random.of(keys)
      : random.of(['__proto__', 'constructor', 'x', 'data', 'inputs']);
  if (random.next() < 0.1) delete copy[key];
  else if (key === '__proto__') Object.defineProperty(copy, key, { value: 1, enumerable: true });
  else copy[key] = mutated(random, copy[key]);
  return copy;
}

/** Some bytes changed, taken out or put in. */
function damaged(random, bytes) {
  let result = Buffer.from(bytes);
  for (let i = 1 + random.below(4); i > 0 && result.length; --i) {
    const at = random.below(result.length);
    const how = random.below(3);
    if (how === 0) result[at] = random.below(256);
    else if (how === 1) result = result.subarray(0, at);
    else result = Buffer.concat([result.subarray(0, at), Buffer.from([random.below(256)]), result.subarray(at)]);
  }
  return result;
}

function frameOf(random) {
  const header = Buffer.from(
    JSON.stringify(mutated(random, { type: 'scale', inputs: { input: { shape: [2], offset: 0 } } })),
  );
  const head = Buffer.alloc(Math.ceil((12 + header.length) / 8) * 8);
  head.write('SWYD', 'latin1');
  head.writeUInt32LE(random.next() < 0.9 ? 1 : random.below(2 ** 32), 4);
  head.writeUInt32LE(random.next() < 0.8 ? header.length : random.below(2 ** 32), 8);
  header.copy(head, 12);
  return Buffer.concat([head, Buffer.alloc(random.of([8, 8, 0, 7, 4096]))]);
}

function bodyOf(random) {
  switch (random.below(4)) {
    case 0:
      return ['application/octet-stream', frameOf(random)];
    case 1:
      return ['application/json', damaged(random, JSON.stringify(random.of(kOrdinary)))];
    default: {
      const text = JSON.stringify(mutated(random, random.of(kOrdinary)));
      return ['application/json', Buffer.from(text ?? '')];
    }
  }
}

function bytesOf(random) {
  const [type, body] = bodyOf(random);
  const lines = [
    `${random.next() < 0.95 ? 'POST' : random.of(['GET', 'BREW', 'CONNECT', 'HEAD'])} ` +
      `${random.next() < 0.95 ? '/v1/workloads' : random.of(kOtherPaths)} HTTP/1.1`,
    'host: x',
    `content-type: ${random.next() < 0.95 ? type : random.of(['text/plain', 'application/json; charset=utf-16', ''])}`,
    `content-length: ${random.next() < 0.95 ? body.length : random.of([0, body.length + 9, 2 ** 40, -1, 'x'])}`,
    'connection: close',
  ];
  if (random.next() < 0.03) lines.push(...Array.from({ length: 200 }, (_, i) => `x-${i}: ${i}`));
  if (random.next() < 0.03) lines.push('transfer-encoding: chunked');
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  const all = Buffer.concat([head, body]);
  return random.next() < 0.05 ? damaged(random, all) : all;
}

/** Sends bytes, in one or in several pieces, and gives the status of what comes back; 0: nothing, and the end. */
function exchange(port, bytes, random) {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1', localAddress: kFrom, allowHalfOpen: true });
    let text = '';
    const timer = setTimeout(() => {
      resolve({ status: 'late', text });
      socket.destroy();
    }, kAnswerMs);
    socket.on('data', (chunk) => {
      if (text.length < 4096) text += chunk.toString('latin1');
    });
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
    socket.on('close', () => {
      clearTimeout(timer);
      resolve({ status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0), text });
    });
    const cut = random.next() < 0.2 ? random.below(bytes.length) : 0;
    if (cut) socket.write(bytes.subarray(0, cut));
    socket.end(bytes.subarray(cut));
  });
}

/** Until the time is up, a few at a time. */
async function fuzzRequests({ service, until, seed = 1, together = 8 }) {
  const counts = { sent: 0, statuses: {}, examples: [] };
  const lane = async (n) => {
    const random = new Random(seed * 1000 + n);
    while (performance.now() < until) {
      const bytes = bytesOf(random);
      ++counts.sent;
      const { status, text } = await exchange(service.port, bytes, random);
      counts.statuses[status] = (counts.statuses[status] ?? 0) + 1;
      if ((status === 500 || status === 'late') && counts.examples.length < 5)
        counts.examples.push(
          `${status} to ${JSON.stringify(bytes.toString('latin1').slice(0, 400))}: ${text.slice(-300)}`,
        );
    }
  };
  await Promise.all(Array.from({ length: together }, (_, n) => lane(n)));
  const { 500: faults = 0, late = 0 } = counts.statuses;
  return { ...counts, ok: faults === 0 && late === 0 };
}

module.exports = { fuzzRequests };
