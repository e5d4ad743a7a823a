// Who may enter: tokens by their scopes, expiry and quotas, origins, addresses, certificates.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { createHash } = require('node:crypto');
const { temporaryFolder, startDoors, message, open, postRpc, request, until } = require('../../support/rpc-service');
const { createServer } = require('../../../lib/service/server');
const { readServiceConfig } = require('../../../lib/config');
const { emittingManager, fakeManager, kSmall, wait } = require('../../support/http-service');

const folder = temporaryFolder();
const secrets = {
  reader: 'reader-0123456789abcdef',
  writer: 'writer-0123456789abcdef',
  admin: 'admin-0123456789abcdef',
  kernels: 'kernels-0123456789abcdef',
  expired: 'expired-0123456789abcdef',
  few: 'few-0123456789abcdef',
};
const sha256 = (text) => createHash('sha256').update(text).digest('hex');
const kTokens = `
tokens:
  - { name: reader, token: ${secrets.reader}, scopes: [read] }
  - { name: writer, sha256: ${sha256(secrets.writer)}, scopes: [write] }
  - { name: admin, token: ${secrets.admin}, scopes: [admin] }
  - { name: kernels, token: ${secrets.kernels}, scopes: [read, kernels], expires: 2999-01-01T00:00:00Z }
  - { name: expired, token: ${secrets.expired}, scopes: [admin], expires: 2020-01-01T00:00:00Z }
  - { name: few, token: ${secrets.few}, scopes: [read], requestsPerMinute: 3, deviceSecondsPerMinute: 1 }
`;
const bearer = (name) => ({ authorization: `Bearer ${secrets[name] ?? name}` });

describe('tokens', () => {
  const doors = {};
  const file = path.join(folder, 'tokens.yaml');
  beforeAll(async () => {
    fs.writeFileSync(file, kTokens);
    Object.assign(doors, await startDoors({ authTokensFile: file }, emittingManager()));
  });
  afterAll(() => doors.app.close());

  const call = (name, method, params) => postRpc(doors.port, message(method, params), name ? bearer(name) : {});

  test('without one nothing is answered but health', async () => {
    for (const [method, at] of [
      ['GET', '/'],
      ['POST', '/rpc'],
      ['POST', '/v1/workloads'],
      ['GET', '/openapi.json'],
      ['GET', '/metrics'],
      ['GET', '/v1/contexts'],
      ['GET', '/v1/tensors/x'],
      ['DELETE', '/v1/tensors/x'],
      ['GET', '/nothing'],
    ]) {
      const answer = await request(doors.port, at, { method });
      expect([at, answer.status, answer.headers['www-authenticate']]).toEqual([at, 401, 'Bearer']);
      expect(answer.json.error.code).toBe('ERR_UNAUTHORIZED');
    }
    for (const at of ['live', 'ready', 'gpu', 'cluster'])
      expect((await request(doors.port, `/health/${at}`)).status).toBe(200);
    // How the cluster is, everybody may know; of what it is made, who may read.
    expect((await request(doors.port, '/health/cluster')).json).toEqual({ status: 'ok', draining: false });
    for (const wrong of ['wrong-0123456789abcdef', 'expired'])
      expect((await request(doors.port, '/health/cluster', { headers: bearer(wrong) })).json.workers).toBeUndefined();
    expect((await request(doors.port, '/health/cluster', { headers: bearer('reader') })).json.workers).toHaveLength(1);
    for (const port of [doors.port, doors.rpcPort])
      await expect(open(port)).rejects.toMatchObject({ status: 401, text: expect.stringMatching(/a token is needed/) });
  });

  test.each([
    ['a wrong one', { authorization: 'Bearer wrong-0123456789abcdef' }],
    ['an expired one', bearer('expired')],
    ['an empty one', { authorization: 'Bearer ' }],
    ['another scheme', { authorization: `Basic ${Buffer.from('a:b').toString('base64')}` }],
    ['one with something behind it', { authorization: `Bearer ${secrets.admin} x` }],
    ['one of 100 KB', { authorization: `Bearer ${'x'.repeat(10_000)}` }],
  ])('%s is 401, over both', async (_, headers) => {
    expect((await postRpc(doors.port, message('health'), headers)).status).toBe(401);
    await expect(open(doors.rpcPort, { headers })).rejects.toMatchObject({ status: 401 });
  });

  test('scopes: each method by its own, of a batch each request', async () => {
    expect((await call('reader', 'listDevices')).json.result).toBeDefined();
    expect((await call('reader', 'store_put', { key: 'a', value: 'b' })).json.error).toMatchObject({
      code: -32021,
      message: expect.stringMatching(/scope 'write'/),
      data: { code: 'ERR_FORBIDDEN' },
    });
    expect((await call('writer', 'cleanup')).json.error.data.code).toBe('ERR_FORBIDDEN');
    doors.manager.cleanup = () => {};
    expect((await call('admin', 'cleanup')).json.result).toEqual({ done: true });
    const { json } = await postRpc(
      doors.port,
      [message('cleanup', {}, 1), message('listDevices', {}, 2)],
      bearer('reader'),
    );
    expect(json.map(({ error }) => error?.data.code)).toEqual(['ERR_FORBIDDEN', undefined]);
  });

  test('scopes of the other endpoints', async () => {
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify(kSmall);
    const post = (name) =>
      request(doors.port, '/v1/workloads', { method: 'POST', headers: { ...headers, ...bearer(name) }, body });
    expect((await post('reader')).status).toBe(200);
    const remove = (name) => request(doors.port, '/v1/tensors/x', { method: 'DELETE', headers: bearer(name) });
    doors.manager.unpublish = async () => true;
    expect((await remove('reader')).status).toBe(403);
    expect((await remove('writer')).status).toBe(204);
  });

  test('kernels run for tokens that say so alone', async () => {
    const kernel = { type: 'kernel', kernel: { name: 'k', glsl: '#version 450' }, threads: 1, outputs: {} };
    for (const name of ['reader', 'admin'])
      expect((await call(name, 'executeWorkload', kernel)).json.error).toMatchObject({
        message: expect.stringMatching(/scope 'kernels'/),
        data: { code: 'ERR_FORBIDDEN' },
      });
    const compiled = {};
    doors.manager.compileKernel = async (options) => Object.assign(compiled, options);
    expect((await call('kernels', 'executeWorkload', kernel)).json.result.outputs).toEqual({});
    expect(compiled).toEqual({ name: 'k', glsl: '#version 450' });
    expect(doors.manager.calls.at(-1).workload).toMatchObject({ type: 'kernel', kernel: compiled, threads: 1 });
    for (const wrong of [{ name: 'k', glsl: { file: '/etc/passwd' } }, { name: 'k', file: 'x' }, 'k'])
      expect((await call('kernels', 'executeWorkload', { ...kernel, kernel: wrong })).json.error.code).toBe(-32602);
  });

  test('a browser says its token as a subprotocol', async () => {
    const protocols = ['mcp', `switchyard.bearer.${secrets.reader}`];
    const socket = await open(doors.rpcPort, { protocols });
    expect(socket.ws.protocol).toBe('mcp');
    expect((await socket.ask('cleanup')).error.data.code).toBe('ERR_FORBIDDEN');
    socket.ws.close();
    const wrong = ['mcp', 'switchyard.bearer.wrong-0123456789'];
    await expect(open(doors.rpcPort, { protocols: wrong })).rejects.toMatchObject({ status: 401 });
    // What is secret stands in no answer: so there has to be something else to answer with.
    const alone = [`switchyard.bearer.${secrets.reader}`];
    await expect(open(doors.rpcPort, { protocols: alone })).rejects.toMatchObject({
      status: 400,
      text: expect.stringMatching(/the token is the only subprotocol: offer 'switchyard' or 'mcp'/),
    });
    const encoded = Buffer.from(secrets.writer).toString('base64url');
    const other = await open(doors.rpcPort, { protocols: ['switchyard', `switchyard.bearer64.${encoded}`] });
    expect(other.ws.protocol).toBe('switchyard');
    expect((await other.ask('cleanup')).error.data.code).toBe('ERR_FORBIDDEN');
    other.ws.close();
  });

  test('events of jobs are heard by who has asked for them, and by who may see everything', async () => {
    const [reader, writer, admin] = await Promise.all(
      ['reader', 'writer', 'admin'].map((name) => open(doors.rpcPort, { headers: bearer(name) })),
    );
    for (const socket of [reader, writer, admin])
      expect((await socket.ask('subscribe', { events: ['workload-completed', 'queue-full'] })).result.active).toBe(
        true,
      );
    reader.send(message('executeWorkload', { type: 'hold', id: 'mine' }, 5));
    await until(() => doors.manager.holding.length === 1, 'it runs');
    doors.manager.emit('workload-completed', { workloadId: 'mine' });
    doors.manager.emit('workload-completed', { workloadId: 'nobodys' });
    doors.manager.emit('queue-full', { retryAfter: 1 });
    doors.manager.holding.pop()();
    const sockets = [reader, writer, admin];
    await until(() => sockets.every(({ notifications }) => notifications.length > 0), 'each hears something');
    const heard = ({ notifications }) =>
      notifications.flatMap(({ params }) => params.events.map(({ event, data }) => data.workloadId ?? event));
    expect(sockets.map(heard)).toEqual([['mine', 'queue-full'], ['queue-full'], ['mine', 'nobodys', 'queue-full']]);
    for (const { ws } of sockets) ws.close();
  });

  test('what can not be read counts, too, and device time whichever way a job ends', async () => {
    const own = { authorization: 'Bearer counted-0123456789abcdef' };
    const text = `tokens: [{ name: counted, token: counted-0123456789abcdef, scopes: [read], requestsPerMinute: 3,
      deviceSecondsPerMinute: 60 }]`;
    const at = path.join(folder, 'counted.yaml');
    fs.writeFileSync(at, text);
    const some = await startDoors({ authTokensFile: at });
    try {
      const answers = [];
      for (const wrong of ['{', '[]', '{"id":1}']) answers.push((await postRpc(some.port, wrong, own)).json.error.code);
      expect(answers).toEqual([-32700, -32600, -32600]);
      expect((await postRpc(some.port, '{', own)).json.error.data.code).toBe('ERR_QUEUE_FULL');
    } finally {
      await some.app.close();
    }
  });

  test('a quota: what is beyond it is told when to come again, over every door', async () => {
    const answers = [];
    for (let i = 0; i < 4; ++i) answers.push((await call('few', 'listDevices')).json);
    expect(answers.map(({ error }) => error?.data.code)).toEqual([undefined, undefined, undefined, 'ERR_QUEUE_FULL']);
    expect(answers[3].error.data.retryAfter).toBeGreaterThan(10_000);
    const http = await request(doors.port, '/v1/contexts', { headers: bearer('few') });
    expect(http.status).toBe(429);
    expect(Number(http.headers['retry-after'])).toBeGreaterThan(10);
    expect((await call('reader', 'listDevices')).json.result).toBeDefined();
  });

  test('the file is read again when it has changed; a wrong one changes nothing', async () => {
    const other = 'another-0123456789abcdef';
    fs.writeFileSync(file, `tokens: [{ name: other, token: ${other}, scopes: [read] }]`);
    await wait(1100);
    expect((await postRpc(doors.port, message('listDevices'), { authorization: `Bearer ${other}` })).status).toBe(200);
    expect((await call('admin', 'listDevices')).status).toBe(401);
    fs.writeFileSync(file, `tokens: [{ name: other, token: short, scopes: [read] }]`);
    await wait(1100);
    const { length } = doors.lines;
    expect((await postRpc(doors.port, message('listDevices'), { authorization: `Bearer ${other}` })).status).toBe(200);
    expect(doors.lines.slice(length).map(({ message: said }) => said)).toEqual([
      expect.stringMatching(/can not be read again: those before stay/),
    ]);
    expect(JSON.stringify(doors.lines)).not.toMatch(/short/);
  });
});

describe('origins', () => {
  const allow = async (settings, origin) => {
    const doors = await startDoors(settings);
    try {
      const { status, headers } = await postRpc(doors.port, message('listDevices'), { origin });
      const socket = await open(doors.rpcPort, { origin }).then(
        ({ ws }) => {
          ws.close();
          return 101;
        },
        (error) => error.status,
      );
      expect(socket === 101).toBe(status === 200);
      expect(headers['access-control-allow-origin']).toBe(status === 200 ? origin : undefined);
      return status;
    } finally {
      await doors.app.close();
    }
  };
  test.each([
    [{}, 'http://localhost:8080', 200],
    [{}, 'http://127.0.0.1', 200],
    [{}, 'http://[::1]:3000', 200],
    [{}, 'http://evil.example', 403],
    [{}, 'http://localhost.evil.example', 403],
    [{}, 'null', 403],
    [{}, 'nonsense', 403],
    [{ allowedOrigins: 'https://a.example, http://b.example:8080' }, 'https://a.example', 200],
    [{ allowedOrigins: 'https://a.example, http://b.example:8080' }, 'http://b.example:8080', 200],
    [{ allowedOrigins: 'https://a.example' }, 'https://a.example.evil', 403],
    [{ allowedOrigins: 'https://a.example' }, 'http://a.example', 403],
    [{ allowedOrigins: 'https://a.example' }, 'http://localhost', 403],
    [{ allowedOrigins: '*' }, 'http://evil.example', 200],
  ])('%j: %s is %i', async (settings, origin, status) => expect(await allow(settings, origin)).toBe(status));

  test('health is answered to whoever asks; a page that may not ask can not read it', async () => {
    const doors = await startDoors({});
    const ask = (origin) => request(doors.port, '/health/live', { headers: origin ? { origin } : {} });
    expect(await ask('http://evil.example')).toMatchObject({ status: 200, headers: { vary: 'origin' } });
    expect((await ask('http://evil.example')).headers['access-control-allow-origin']).toBeUndefined();
    expect((await ask('http://localhost:5')).headers['access-control-allow-origin']).toBe('http://localhost:5');
    expect((await ask()).headers.vary).toBe('origin');
    const cluster = await request(doors.port, '/health/cluster', { headers: { origin: 'http://evil.example' } });
    expect(cluster.json.workers).toBeUndefined();
    await doors.app.close();
  });

  test.each([
    [{}, 'evil.example:3000', 403],
    [{}, '127.0.0.1.evil.example', 403],
    [{}, '10.0.0.1', 403],
    [{}, 'localhost:3000', 200],
    [{}, '127.0.0.1', 200],
    [{}, '[::1]:3000', 200],
    [{}, 'service', 200],
    [{ allowedOrigins: 'https://a.example' }, 'a.example', 200],
    [{ allowedOrigins: 'https://a.example' }, 'b.example', 403],
    [{ allowedOrigins: '*' }, 'b.example', 200],
    [{ trustProxy: 'loopback' }, 'b.example', 200],
    [{ authToken: secrets.admin }, 'b.example', 401],
  ])('%j: a request for the host %s is %i', async (settings, host, status) => {
    const doors = await startDoors(settings);
    for (const at of ['/v1/contexts', '/openapi.json', '/'])
      expect([at, (await request(doors.port, at, { headers: { host } })).status]).toEqual([at, status]);
    expect((await request(doors.port, '/health/live', { headers: { host } })).status).toBe(200);
    const socket = await open(doors.rpcPort, { headers: { host } }).then(
      ({ ws }) => {
        ws.close();
        return 200;
      },
      (error) => error.status,
    );
    expect(socket).toBe(status);
    await doors.app.close();
  });

  test('a browser may ask first, without a token', async () => {
    const doors = await startDoors({ authToken: secrets.admin, allowedOrigins: 'https://a.example' });
    const ask = (origin) =>
      request(doors.port, '/rpc', {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
      });
    expect(await ask('https://a.example')).toMatchObject({
      status: 204,
      headers: { 'access-control-allow-origin': 'https://a.example', 'access-control-allow-headers': 'authorization' },
    });
    expect((await ask('https://b.example')).status).toBe(403);
    await doors.app.close();
  });
});

test('where there are no tokens, what is sent as one says nothing', async () => {
  const doors = await startDoors({});
  for (const authorization of ['Bearer none', 'Bearer', 'Basic YTpi'])
    expect((await postRpc(doors.port, message('listDevices'), { authorization })).status).toBe(200);
  const socket = await open(doors.rpcPort, { protocols: ['switchyard', 'switchyard.bearer.none'] });
  expect(await socket.ask('listDevices')).toMatchObject({ result: expect.anything() });
  socket.ws.close();
  await doors.app.close();
});

describe('addresses', () => {
  const make = (settings) => {
    const app = createServer(fakeManager(), { ...readServiceConfig({}, {}), ...settings });
    return app.close();
  };
  test.each(['0.0.0.0', '::', '10.1.2.3', 'example.com'])('%s needs tokens, or a word', async (host) => {
    expect(() => createServer(fakeManager(), { ...readServiceConfig({}, {}), host })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringMatching(/ALLOW_ANONYMOUS=true/) }),
    );
    await make({ host, allowAnonymous: true });
    await make({ host, authToken: secrets.admin });
  });
  test.each(['127.0.0.1', '127.9.9.9', '::1', 'localhost'])('%s does not', (host) => make({ host }));

  test('a token that is too short is refused, and not shown', () =>
    expect(() => createServer(fakeManager(), { ...readServiceConfig({}, {}), authToken: 'hunter2' })).toThrow(
      expect.objectContaining({ message: expect.not.stringMatching(/hunter2/) }),
    ));
});
