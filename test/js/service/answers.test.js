// What a client makes the service hold: answers that it does not read, jobs that it has under way. Clients are told
// apart by their addresses: all of 127.0.0.0/8 are this machine's.
'use strict';
const http = require('node:http');
const net = require('node:net');
const { startServer, post, frame, failed, wait, until } = require('../../support/http-service');

const kSide = 2048; // an output of 16 MB: more than the system's own buffers take
const kBytes = 4 * kSide * kSide;
/** 16 KB of request, 16 MB of answer. */
const kLarge = JSON.stringify({
  type: 'matmul',
  inputs: {
    a: { data: Array(kSide).fill(1), shape: [kSide, 1] },
    b: { data: Array(kSide).fill(1), shape: [1, kSide] },
  },
});

/** What the workload is estimated at, made without a device. */
function product({ inputs }) {
  const { a, b } = inputs;
  if (!b) return { output: { ...(inputs.input ?? inputs.x), data: new Float32Array(4), shape: [4] } };
  const shape = [a.shape[0], b.shape[1]];
  return { output: { data: new Float32Array(shape[0] * shape[1]).fill(1), shape, dtype: 'float32' } };
}

/** A picture of 16 MB: noise, which no compression makes small. */
function noise() {
  const data = new Uint8Array(kBytes);
  for (let i = 0, seed = 1; i < data.length; ++i) data[i] = (seed = (seed * 48271) % 2147483647) >> 8;
  return { image: { data, shape: [kSide, kSide, 4], dtype: 'uint8' } };
}

/** A client that sends a request and reads nothing. */
function slowReader(port, { from = '127.0.0.1', body = kLarge, accept = 'application/octet-stream' } = {}) {
  const socket = net.connect({ port, host: '127.0.0.1', localAddress: from });
  const reader = { socket, ended: false };
  socket.on('error', () => {});
  socket.on('close', () => {
    reader.ended = true;
  });
  socket.pause();
  socket.write(
    'POST /v1/workloads HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n' +
      `accept: ${accept}\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  return reader;
}

/** An ordinary request from an address of its own. */
function postFrom(port, body, from, headers = {}) {
  const agent = new http.Agent({ localAddress: from });
  return post(port, body, { accept: 'application/octet-stream', ...headers, agent }).finally(() => agent.destroy());
}

async function serve(settings) {
  const server = await startServer({ answerLimit: 4 * kBytes, ...settings });
  server.manager.outputsOf = product;
  return server;
}

test('a client that reads nothing holds a part of the room; others have the rest', async () => {
  const { app, port, manager } = await serve();
  const readers = Array.from({ length: 6 }, () => slowReader(port));
  await until(() => manager.calls.length === 2, 'two have run');
  await wait(200);
  expect(manager.calls).toHaveLength(2); // the others wait before they have run, and hold nothing
  const other = await postFrom(port, kLarge, '127.0.0.2');
  expect(other.status).toBe(200);
  expect(other.bytes.length).toBeGreaterThan(kBytes);
  expect((await post(port, { type: 'normalize', inputs: { input: [[3, 4]] } })).status).toBe(200);
  for (const { socket } of readers.splice(0, 2)) socket.destroy();
  await until(() => manager.calls.length === 6, 'the next two come to it');
  for (const { socket } of readers) socket.destroy();
  await app.close();
});

test('who finds no room in its time is told to come again', async () => {
  const { app, port, manager } = await serve();
  const readers = ['127.0.0.1', '127.0.0.1', '127.0.0.2'].map((from) => slowReader(port, { from }));
  await until(() => manager.calls.length === 3, 'three have run');
  const body = JSON.stringify({ ...JSON.parse(kLarge), options: { timeout: 200 } });
  const [own, others] = await Promise.all([postFrom(port, body, '127.0.0.1'), postFrom(port, body, '127.0.0.3')]);
  expect(own).toMatchObject({
    status: 429,
    headers: { 'retry-after': '1' },
    json: { error: { code: 'ERR_QUEUE_FULL' } },
  });
  expect(own.json.error.message).toMatch(/this client has not read yet .*within 200 ms/);
  expect(others).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
  expect(others.json.error).toMatchObject({ code: 'ERR_TOO_MANY_ANSWERS', retryAfter: 1000 });
  expect(manager.calls).toHaveLength(3);
  for (const { socket } of readers) socket.destroy();
  await app.close();
});

test.each([
  ['reads nothing', 0, 'application/octet-stream'],
  ['reads nothing', 0, 'application/json'],
  ['reads a byte now and then', 1, 'application/octet-stream'],
])('a client that %s (%i) of an answer as %s is given up, and its memory goes back', async (_, take, accept) => {
  const { app, port, manager } = await serve({ answerTimeout: 300 });
  const reader = slowReader(port, { accept });
  await until(() => manager.results.length === 1, 'it has run');
  const { data } = manager.results[0].outputs.output;
  const trickle = setInterval(() => take && reader.socket.read(take), 20);
  await until(() => data.length === 0, 'its memory went back');
  clearInterval(trickle);
  reader.socket.resume();
  await until(() => reader.ended, 'its connection has ended');
  expect(reader.socket.bytesRead).toBeLessThan(kBytes);
  await app.close();
});

test.each([
  ['application/octet-stream', product],
  ['image/png', noise],
])('a reader that is slow, but reads, gets all of it: %s', async (accept, outputsOf) => {
  const { app, port, manager } = await serve({ answerTimeout: 300 });
  manager.outputsOf = outputsOf;
  const reader = slowReader(port, { accept });
  reader.socket.resume();
  let bytes = 0,
    taken = 0;
  reader.socket.on('data', ({ length }) => {
    bytes += length;
    if ((taken += length) < 2 ** 20) return;
    taken = 0;
    reader.socket.pause();
    setTimeout(() => reader.socket.resume(), 50);
  });
  await until(() => bytes > 0.95 * kBytes, 'everything has come');
  reader.socket.destroy();
  await app.close();
});

test("an answer's memory goes back when it has been sent, and not when it is collected", async () => {
  const { app, port, manager } = await serve();
  const { json } = await post(port, { ...JSON.parse(kLarge), options: { encoding: 'base64' } });
  expect(json.outputs.output).toMatchObject({ shape: [kSide, kSide], dtype: 'float32', encoding: 'base64' });
  const bytes = Buffer.from(json.outputs.output.data, 'base64');
  expect(bytes.equals(Buffer.from(new Float32Array(kSide * kSide).fill(1).buffer))).toBe(true);
  await until(() => manager.results[0].outputs.output.data.length === 0, 'it is empty');
  await app.close();
});

test("a request's memory goes back when its job has ended, and when it was refused", async () => {
  const { app, port, manager } = await serve();
  const bytes = frame({ type: 'x', inputs: { input: { shape: [kSide, kSide], offset: 0 } } }, [
    new Float32Array(kSide * kSide),
  ]);
  const binary = { 'content-type': 'application/octet-stream' };
  expect((await post(port, bytes, binary)).status).toBe(200);
  manager.failures.x = failed('ERR_UNSUPPORTED', 'no device here can do it');
  expect((await post(port, bytes, binary)).status).toBe(501);
  for (const { workload } of manager.calls) expect(workload.inputs.input.data).toHaveLength(0);
  expect(manager.calls).toHaveLength(2);
  await app.close();
});

test('requests on one connection (pipelining) hold nothing any more once it has ended', async () => {
  const { app, port, manager } = await serve({ answerLimit: 64 * kBytes });
  manager.holds = true;
  const head =
    'POST /v1/workloads HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\naccept: application/octet-stream\r\n';
  const socket = net.connect({ port, host: '127.0.0.1' });
  socket.on('error', () => {});
  for (let n = 0; n < 3; ++n) socket.write(`${head}content-length: ${kLarge.length}\r\n\r\n${kLarge}`);
  await until(() => manager.holding.length === 3, 'all run');
  manager.holding[2](); // its answer waits behind those of the others
  await until(() => manager.results.length === 1, 'one is through');
  socket.destroy();
  const [{ outputs }] = manager.results;
  await until(() => outputs.output.data.length === 0, 'its memory went back');
  await until(() => manager.calls.every(({ options }, n) => n === 2 || options.signal.aborted), 'the others are told');
  await app.drain(); // which waits for requests under way
});

/** Two requests in one line, whose jobs end in that order, the second one so long after the first. */
async function twoInLine(order, ms) {
  const { app, port, manager } = await serve({ answerLimit: 64 * kBytes, answerTimeout: 200 });
  manager.holds = true;
  const head = 'POST /v1/workloads HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n';
  const small = JSON.stringify({ type: 'normalize', inputs: { input: [[3, 4]] } });
  const socket = net.connect({ port, host: '127.0.0.1' });
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  for (let n = 0; n < 2; ++n) socket.write(`${head}content-length: ${small.length}\r\n\r\n${small}`);
  await until(() => manager.holding.length === 2, 'both run');
  manager.holding[order[0]]();
  await wait(ms);
  manager.holding[order[1]]();
  await until(() => text.split('HTTP/1.1 200').length === 3, 'both are answered');
  socket.destroy();
  await app.close();
}

test('an answer behind another of its connection is not given up while it waits for that', () =>
  twoInLine([1, 0], 500));

test('the time of an answer is not that of the request behind it, whose job takes longer', () =>
  twoInLine([0, 1], 600));

describe('a picture of some megabytes', () => {
  test('arrives whole, and its memory goes back', async () => {
    const { app, port, manager } = await serve();
    manager.outputsOf = noise;
    const { status, bytes, headers } = await postFrom(port, kLarge, '127.0.0.1', { accept: 'image/png' });
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('image/png');
    expect(bytes.length).toBe(Number(headers['content-length']));
    expect(bytes.length).toBeGreaterThan(kBytes / 2);
    expect(bytes.subarray(1, 4).toString()).toBe('PNG');
    expect(bytes.subarray(-8, -4).toString()).toBe('IEND');
    await until(() => manager.results[0].outputs.image.data.length === 0, 'it is empty');
    await app.close();
  });

  test('that nobody reads is given up as any answer is', async () => {
    const { app, port, manager } = await serve({ answerTimeout: 300 });
    manager.outputsOf = noise;
    const reader = slowReader(port, { accept: 'image/png' });
    await until(() => manager.results.length === 1, 'it has run');
    await until(() => manager.results[0].outputs.image.data.length === 0, 'its memory went back');
    reader.socket.resume();
    await until(() => reader.ended, 'its connection has ended');
    expect(reader.socket.bytesRead).toBeLessThan(kBytes / 2);
    await app.close();
  });
});

test.each([0, -1, '5', null, 2 ** 31])('a timeout of %j is refused before anything is waited for', async (timeout) => {
  const { app, port, manager } = await serve();
  const { status, json } = await post(port, { ...JSON.parse(kLarge), options: { timeout } });
  expect({ status, json }).toMatchObject({ status: 400, json: { error: { argument: 'options.timeout' } } });
  expect(manager.calls).toHaveLength(0);
  await app.close();
});

describe('caps of a client', () => {
  const hold = (port, from, more = {}) => postFrom(port, { type: 'hold', ...more }, from);

  test('its jobs under way; others have their own', async () => {
    const { app, port, manager } = await serve({ clientJobs: 2 });
    manager.holds = true;
    const small = { type: 'normalize', inputs: { input: [[3, 4]] } };
    const mine = Array.from({ length: 4 }, () => postFrom(port, small, '127.0.0.1'));
    await until(() => manager.holding.length === 2, 'two of four run');
    const other = postFrom(port, small, '127.0.0.2');
    await until(() => manager.holding.length === 3, "another client's runs");
    await wait(50);
    expect(manager.holding).toHaveLength(3);
    const late = await postFrom(port, { ...small, options: { timeout: 100 } }, '127.0.0.1');
    expect(late).toMatchObject({ status: 429, headers: { 'retry-after': '1' } });
    expect(late.json.error.message).toMatch(/HTTP_CLIENT_JOBS/);
    for (let done = 0; done < 5; ++done) {
      await until(() => manager.holding.length > done, 'the next one runs');
      manager.holding[done]();
    }
    expect((await Promise.all([...mine, other])).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    // What was waited is taken from the job's time.
    expect(manager.calls.at(-1).options.timeout).toBeLessThan(30_000);
    await app.close();
  });

  test('the time that it was given is the one that it is told of', async () => {
    const { app, port, manager } = await serve({ clientJobs: 1 });
    manager.holds = true;
    const small = { type: 'normalize', inputs: { input: [[3, 4]] } };
    const first = post(port, small);
    await until(() => manager.holding.length === 1, 'one runs');
    manager.failures.normalize = failed('ERR_TIMEOUT', 'the job did not finish within 417.25 ms: it was running');
    const second = post(port, { ...small, options: { timeout: 500 } });
    await wait(60);
    manager.holding[0]();
    const { status, json } = await second;
    expect(status).toBe(504);
    expect(json.error.message).toMatch(
      /^the job did not finish within 417.25 ms: .*; \d+ of its 500 ms had gone by before, with other requests$/,
    );
    await first;
    await app.close();
  });

  test('of long jobs one less than there are contexts that run jobs, where nobody says how many', async () => {
    const { app, port, manager } = await serve();
    manager.holds = true;
    const [lost, starting, idle] = manager.list;
    manager.list = [lost, starting, idle, { ...idle, state: 'busy' }, { ...idle, state: 'busy' }];
    const nodes = Array.from({ length: 50 }, (_, n) => ({
      type: 'matmul',
      inputs: { a: n ? `x${n}` : 'x', b: 'x' },
      outputs: { output: `x${n + 1}` },
    }));
    const x = { data: Buffer.alloc(4 * 500 * 500).toString('base64'), shape: [500, 500] };
    const long = JSON.stringify({ type: 'graph', inputs: { x }, nodes, outputs: ['x50'] }); // 12.5 GFLOP
    const mine = Array.from({ length: 4 }, () => postFrom(port, long, '127.0.0.1'));
    await until(() => manager.holding.length === 2, 'all but one of the contexts have one');
    await wait(100);
    expect(manager.holding).toHaveLength(2);
    const short = postFrom(port, { type: 'normalize', inputs: { input: [[3, 4]] } }, '127.0.0.1');
    await until(() => manager.holding.length === 3, 'a short one does not wait');
    for (let done = 0; done < 5; ++done) {
      await until(() => manager.holding.length > done, 'the next one runs');
      manager.holding[done]();
    }
    expect((await Promise.all([...mine, short])).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    await app.close();
  });

  test('the cost of its jobs, and the time that they ask for', async () => {
    const { app, port, manager } = await serve({ clientCost: 0.5, clientTimeout: 5000 });
    const large = await post(port, kLarge);
    expect(large).toMatchObject({ status: 400, json: { error: { code: 'ERR_INVALID_ARGUMENT' } } });
    expect(large.json.error.message).toMatch(/estimated at \d+ ms of work, .* at most 0.5 .*HTTP_CLIENT_COST/);
    const small = { type: 'normalize', inputs: { input: [[3, 4]] } };
    const patient = await post(port, { ...small, options: { timeout: 5001 } });
    expect(patient).toMatchObject({ status: 400, json: { error: { argument: 'options.timeout' } } });
    expect(patient.json.error.message).toMatch(/at most 5000 \(HTTP_CLIENT_TIMEOUT\)/);
    expect(manager.calls).toHaveLength(0);
    expect((await post(port, { ...small, options: { timeout: 5000 } })).status).toBe(200);
    await app.close();
  });

  test('a client behind a proxy that is trusted is who the proxy says', async () => {
    const { app, port, manager } = await serve({ clientJobs: 1, trustProxy: '127.0.0.1' });
    manager.holds = true;
    const small = { type: 'normalize', inputs: { input: [[3, 4]] } };
    const by = (from, client) => postFrom(port, small, from, { 'x-forwarded-for': client });
    const answers = [by('127.0.0.1', '10.0.0.1'), by('127.0.0.1', '10.0.0.2')];
    await until(() => manager.holding.length === 2, 'they are two clients');
    // Whoever says so itself is not believed.
    answers.push(by('127.0.0.2', '10.0.0.3'), by('127.0.0.2', '10.0.0.4'));
    await until(() => manager.holding.length === 3, 'one more');
    await wait(50);
    expect(manager.holding).toHaveLength(3);
    for (let done = 0; done < 4; ++done) {
      await until(() => manager.holding.length > done, 'the next one runs');
      manager.holding[done]();
    }
    await Promise.all(answers);
    await app.close();
  });

  test('a client that leaves while it waits leaves no trace', async () => {
    const { app, port, manager } = await serve({ clientJobs: 1 });
    manager.holds = true;
    const held = hold(port, '127.0.0.1', { type: 'normalize', inputs: { input: [[3, 4]] } });
    await until(() => manager.holding.length === 1, 'one runs');
    const left = slowReader(port, { body: JSON.stringify({ type: 'normalize', inputs: { input: [[3, 4]] } }) });
    await wait(50);
    left.socket.destroy();
    await wait(50);
    manager.holding[0]();
    expect((await held).status).toBe(200);
    expect(manager.calls).toHaveLength(1);
    const next = hold(port, '127.0.0.1', { type: 'normalize', inputs: { input: [[3, 4]] } });
    await until(() => manager.holding.length === 2, 'there is room');
    manager.holding[1]();
    expect((await next).status).toBe(200);
    await app.close();
  });
});
