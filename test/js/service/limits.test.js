// The HTTP service's limits in time and number, and how it drains; each test has a server of its own.
'use strict';
const http = require('node:http');
const net = require('node:net');
const { startServer, request, post, raw, wait, until } = require('../../support/http-service');

const kSmall = { type: 'normalize', inputs: { input: { data: [3, 4], shape: [1, 2] } } };

test('headers and bodies that trickle are ended with 408', async () => {
  const { app, port: slow } = await startServer({ headersTimeout: 200, requestTimeout: 400 });
  const headers = raw(slow, 'GET / HTTP/1.1\r\nhost: x\r\n', { keepOpen: true });
  const body = raw(
    slow,
    'POST /v1/workloads HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{"ty',
    { keepOpen: true },
  );
  expect((await headers).status).toBe(408);
  expect((await body).status).toBe(408);
  expect((await headers).ms).toBeLessThan(1500);
  await app.close();
});

test('one connection too many is told so, and there is room again later', async () => {
  const { app, port: narrow } = await startServer({ maxConnections: 2 });
  const idle = [net.connect(narrow, '127.0.0.1'), net.connect(narrow, '127.0.0.1')];
  await wait(50);
  const { status, text } = await raw(narrow, 'GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n', { keepOpen: true });
  expect(status).toBe(503);
  expect(text).toMatch(/ERR_TOO_MANY_CONNECTIONS/);
  for (const socket of idle) socket.destroy();
  await wait(50);
  expect((await request(narrow, '/health/live', { headers: { connection: 'close' } })).status).toBe(200);
  await app.close();
});

test('all bodies together have a bound, and those of one client', async () => {
  const { app, port: tight, manager: other } = await startServer({ bodyLimit: 2 ** 18 });
  const body = Buffer.alloc(2 ** 18, 0x20);
  body.write('{"type":"hold"}');
  const agents = ['127.0.0.1', '127.0.0.2', '127.0.0.3'].map((localAddress) => new http.Agent({ localAddress }));
  const from = (client) => post(tight, body, { agent: agents[client] });
  const held = [from(0), from(0), from(0)];
  await until(() => other.holding.length === 3, 'three are held');
  const refused = (message) => ({ status: 429, headers: { 'retry-after': '1' }, json: { error: { message } } });
  expect(await from(0)).toMatchObject(refused(expect.stringMatching(/requests of this client.* than the 786432/)));
  held.push(from(1));
  await until(() => other.holding.length === 4, 'another is held');
  expect(await from(2)).toMatchObject(refused(expect.stringMatching(/requests under way.* than the 1048576/)));
  for (const finish of other.holding) finish();
  expect((await Promise.all(held)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  const again = from(0);
  await until(() => other.holding.length === 5, 'there is room again');
  other.holding[4]();
  expect((await again).status).toBe(200);
  await app.close();
});

test('draining: not ready, no new jobs, those under way are finished', async () => {
  const { app, port: going, manager: other } = await startServer();
  const agent = new http.Agent({ keepAlive: true });
  await request(going, '/health/ready', { agent });
  const held = post(going, { type: 'hold' });
  await until(() => other.holding.length === 1, 'it is held');
  const drained = app.drain();
  expect(await request(going, '/health/ready', { agent })).toMatchObject({ status: 503, json: { status: 'draining' } });
  expect((await request(going, '/health/live')).status).toBe(200);
  expect(await post(going, kSmall)).toMatchObject({
    status: 503,
    headers: { 'retry-after': '1', connection: 'close' },
    json: { error: { code: 'ERR_CLOSED' } },
  });
  other.holding[0]();
  expect((await held).status).toBe(200);
  await drained;
  await expect(request(going, '/health/live', { agent: false })).rejects.toThrow(/ECONNREFUSED/);
  agent.destroy();
});

test('draining ends in time even when a job does not', async () => {
  const { app, port: going, manager: other } = await startServer({ drainTimeout: 200 });
  const held = post(going, { type: 'hold' }).catch((error) => error);
  await until(() => other.holding.length === 1, 'it is held');
  await app.drain();
  expect((await held).code).toBe('ECONNRESET');
  await until(() => other.aborted === 1, 'its job is canceled');
});

test('not ready until the manager is', async () => {
  const { app, port: early, manager: other } = await startServer();
  expect((await request(early, '/health/ready')).json.status).toBe('ready');
  other.draining = true;
  expect(await request(early, '/health/ready')).toMatchObject({ status: 503, json: { status: 'draining' } });
  await app.close();
});
