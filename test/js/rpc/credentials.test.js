// Credentials: the file of tokens, what they have used, certificates; and what becomes of them when their files change.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const tls = require('node:tls');
const { createHash, X509Certificate } = require('node:crypto');
const { execFileSync } = require('node:child_process');
const { temporaryFolder, startDoors, message, open, postRpc } = require('../../support/rpc-service');
const { createServer } = require('../../../lib/service/server');
const { readServiceConfig } = require('../../../lib/config');
const { parseTokens } = require('../../../lib/service/access/tokens-file');
const { Tokens } = require('../../../lib/service/access/tokens');
const { LastGood } = require('../../../lib/service/access');
const { Quotas } = require('../../../lib/exchange/quotas');
const { runInTurn } = require('../../../lib/exchange');
const { setClock } = require('../../../lib/core');
const { fakeManager, wait } = require('../../support/http-service');

const folder = temporaryFolder();
const secrets = { reader: 'reader-0123456789abcdef', writer: 'writer-0123456789abcdef' };
const sha256 = (text) => createHash('sha256').update(text).digest('hex');
const bearer = (name) => ({ authorization: `Bearer ${secrets[name]}` });

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

  test('one that is gone for a while takes its tokens along, and is told of once', () => {
    const at = path.join(folder, 'going.yaml');
    fs.writeFileSync(at, JSON.stringify({ tokens: [kGood] }));
    const lines = [];
    const logger = { info: () => {}, error: (_, said) => lines.push(said) };
    setClock(1000);
    const tokens = new Tokens({ authTokensFile: at }, logger);
    const isThere = () => tokens.find(secrets.reader) !== undefined;
    fs.rmSync(at);
    for (const now of [3000, 8000, 12_000]) {
      setClock(now);
      expect(isThere()).toBe(true);
    }
    for (const now of [13_001, 20_000, 30_000]) {
      setClock(now);
      expect(isThere()).toBe(false);
    }
    expect(lines).toEqual(['the tokens of the file hold no more']);
    fs.writeFileSync(at, '{');
    for (const now of [40_000, 50_000]) {
      setClock(now);
      expect(isThere()).toBe(false);
    }
    fs.writeFileSync(at, JSON.stringify({ tokens: [kGood] }));
    setClock(60_000);
    expect(isThere()).toBe(true);
    expect(lines).toEqual([
      'the tokens of the file hold no more',
      'the tokens can not be read again: those before stay',
    ]);
  });

  test('a worker that is made while it is wrong begins with the tokens before', async () => {
    const at = path.join(folder, 'before.yaml');
    fs.writeFileSync(at, JSON.stringify({ tokens: [kGood] }));
    const settings = { ...readServiceConfig({}, {}), authTokensFile: at };
    const good = new LastGood(settings);
    fs.writeFileSync(at, 'tokens: [');
    expect(() => createServer(fakeManager(), settings)).toThrow(/neither YAML nor JSON/);
    const app = createServer(fakeManager(), settings, undefined, undefined, good.before);
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address();
    expect((await postRpc(port, message('listDevices'), bearer('reader'))).status).toBe(200);
    expect((await postRpc(port, message('listDevices'), bearer('writer'))).status).toBe(401);
    await app.close();
    good.close();
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
  // One each two minutes.
  expect(quotas.take('d', { requests: 0.5, deviceMs: null })).toBeUndefined();
  expect(quotas.take('d', { requests: 0.5, deviceMs: null })).toBe(120_000);
  now += 120_000;
  expect(quotas.take('d', { requests: 0.5, deviceMs: null })).toBeUndefined();
});

test('a job over HTTP that fails or is given up counts as long as it ran', async () => {
  const taken = [];
  const manager = fakeManager();
  manager.failures.broken = Object.assign(new Error('no'), { code: 'ERR_DEVICE_LOST' });
  const used = (ms) => taken.push(ms);
  const gate = { enter: async () => ({ endJob() {}, leave() {} }) };
  const turn = (type, signal) =>
    runInTurn(
      { manager, gate, config: readServiceConfig({}, {}) },
      { workload: { type, inputs: {} }, options: {} },
      { client: 'a', used },
      signal,
    );
  await turn('normalize', new AbortController().signal);
  expect(taken).toEqual([1]); // what the job says that it took
  await expect(turn('broken', new AbortController().signal)).rejects.toThrow('no');
  const left = new AbortController();
  const given = turn('hold', left.signal);
  await wait(20);
  left.abort();
  await expect(given).rejects.toMatchObject({ code: 'ERR_CANCELED' });
  expect(taken).toHaveLength(3);
  expect(taken[2]).toBeGreaterThan(0);
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

  test('a certificate that is renewed is shown to who connects then, one that is wrong to nobody', async () => {
    fs.copyFileSync(at('one.pem'), at('live.pem'));
    fs.copyFileSync(at('one.key'), at('live.key'));
    const doors = await startDoors({ tlsCert: at('live.pem'), tlsKey: at('live.key') });
    const shown = (port) =>
      new Promise((resolve, reject) => {
        const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
          resolve(new X509Certificate(socket.getPeerCertificate().raw).fingerprint256);
          socket.destroy();
        });
        socket.once('error', reject);
      });
    const printOf = (name) => new X509Certificate(fs.readFileSync(at(name))).fingerprint256;
    for (const port of [doors.port, doors.rpcPort]) expect(await shown(port)).toBe(printOf('one.pem'));
    fs.copyFileSync(at('two.pem'), at('live.pem')); // whose key is not there yet
    while (doors.lines.length === 0) await wait(50);
    expect(await shown(doors.port)).toBe(printOf('one.pem'));
    fs.copyFileSync(at('two.key'), at('live.key'));
    for (const port of [doors.port, doors.rpcPort]) while ((await shown(port)) !== printOf('two.pem')) await wait(50);
    await doors.app.close();
  });

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
