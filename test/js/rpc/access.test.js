// Who may enter: tokens by their scopes, expiry and quotas, origins, addresses, certificates.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { createHash } = require('node:crypto');
const { execFileSync } = require('node:child_process');
const { temporaryFolder, startDoors, message, open, postRpc, request } = require('../../support/rpc-service');
const { createServer } = require('../../../lib/service/server');
const { readServiceConfig } = require('../../../lib/config');
const { parseTokens } = require('../../../lib/service/access/tokens-file');
const { Quotas } = require('../../../lib/exchange/quotas');
const { fakeManager, kSmall, wait } = require('../../support/http-service');

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
    Object.assign(doors, await startDoors({ authTokensFile: file }));
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

describe('the file of tokens', () => {
  const kGood = { name: 'a', token: secrets.reader, scopes: ['read'] };
  test.each([
    ['no list', {}, /must have a list of 1 to 10000 tokens/],
    ['an empty one', { tokens: [] }, /must have a list/],
    ['no name', { tokens: [{ ...kGood, name: undefined }] }, /tokens\[0\]\.name is/],
    ['a short token', { tokens: [{ ...kGood, token: 'short' }] }, /16 visible characters/],
    ['a token with a space', { tokens: [{ ...kGood, token: 'with a space in its middle' }] }, /without spaces/],
    ['both', { tokens: [{ ...kGood, sha256: sha256('x') }] }, /token or sha256, and not both/],
    ['neither', { tokens: [{ ...kGood, token: undefined }] }, /token or sha256/],
    ['a digest that is none', { tokens: [{ name: 'a', sha256: 'abc', scopes: ['read'] }] }, /64 hexadecimal digits/],
    ['no scopes', { tokens: [{ ...kGood, scopes: [] }] }, /scopes must be some of read, write, admin, kernels/],
    ['an unknown scope', { tokens: [{ ...kGood, scopes: ['wirte'] }] }, /did you mean 'write'/],
    ['no date', { tokens: [{ ...kGood, expires: 'soon' }] }, /expires is 'soon'/],
    ['a quota of 0', { tokens: [{ ...kGood, requestsPerMinute: 0 }] }, /above 0/],
    ['a field that is misspelt', { tokens: [{ ...kGood, scope: 1 }] }, /has a field 'scope'/],
    ['a name twice', { tokens: [kGood, { ...kGood, token: secrets.writer }] }, /two tokens of the name/],
    ['a token twice', { tokens: [kGood, { ...kGood, name: 'b' }] }, /another's, too/],
  ])('%s is refused, without the token', (_, given, why) => {
    const text = JSON.stringify(given);
    expect(() => parseTokens(text, 'the file')).toThrow(
      expect.objectContaining({ message: expect.stringMatching(why) }),
    );
    try {
      parseTokens(text, 'the file');
    } catch (error) {
      for (const secret of Object.values(secrets)) expect(error.message).not.toContain(secret);
    }
  });

  test('what is no YAML is refused', () =>
    expect(() => parseTokens('{ tokens: [', 'the file')).toThrow(/neither YAML nor JSON/));
});

test('a quota fills by the second, and device time may run into debt', () => {
  let now = 0;
  const quotas = new Quotas(() => now);
  const limits = { requests: 60, deviceMs: 6000 };
  for (let i = 0; i < 60; ++i) expect(quotas.take('a', limits)).toBeUndefined();
  expect(quotas.take('a', limits)).toBe(1000);
  expect(quotas.take('b', limits)).toBeUndefined();
  now = 1000;
  expect(quotas.take('a', limits)).toBeUndefined();
  expect(quotas.take('a', limits)).toBe(1000);
  quotas.used('b', limits, 9000);
  expect(quotas.take('b', limits)).toBe(30_000);
  now = 31_001;
  expect(quotas.take('b', limits)).toBeUndefined();
  for (let i = 0; i < 1000; ++i) expect(quotas.take('c', { requests: null, deviceMs: null })).toBeUndefined();
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

describe('TLS', () => {
  const at = (name) => path.join(folder, name);
  const makePair = (name, days) => {
    const kind = '-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost'.split(' ');
    const files = ['-keyout', at(`${name}.key`), '-out', at(`${name}.pem`), '-days', String(days)];
    execFileSync('openssl', ['req', ...kind, ...files], { stdio: 'pipe' });
  };
  beforeAll(() => {
    makePair('one', 2);
    makePair('two', 2);
  });
  const make = (cert, key) => () =>
    createServer(fakeManager(), { ...readServiceConfig({}, {}), tlsCert: cert && at(cert), tlsKey: key && at(key) });

  test.each([
    ['a key of another pair', 'one.pem', 'two.key', /does not fit the certificate/],
    ['a certificate alone', 'one.pem', undefined, /go together/],
    ['a key alone', undefined, 'one.key', /go together/],
    ['a file that is not there', 'none.pem', 'one.key', /must be a file that can be read \(ENOENT\)/],
    ['a key as the certificate', 'one.key', 'one.key', /must be a certificate in PEM/],
    ['a certificate as the key', 'one.pem', 'one.pem', /must be a private key in PEM/],
  ])('%s is a clear error at the start', (_, cert, key, why) => expect(make(cert, key)).toThrow(why));

  test('both ports speak TLS, and nothing else', async () => {
    const doors = await startDoors({ tlsCert: at('one.pem'), tlsKey: at('one.key') });
    for (const [port, where] of [
      [doors.port, '/ws'],
      [doors.rpcPort, '/'],
    ]) {
      const socket = await open(port, { scheme: 'wss', path: where, rejectUnauthorized: false });
      expect(await socket.ask('listDevices')).toMatchObject({ result: expect.anything() });
      socket.ws.close();
      await expect(open(port, { path: where })).rejects.toThrow();
    }
    await doors.app.close();
  });
});
