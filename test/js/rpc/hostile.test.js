// Clients that mean harm, by rarer ways than those of limits.test.js: they end their own connections at most.
'use strict';
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { startDoors, message, open, request, temporaryFolder, until } = require('../../support/rpc-service');
const { fakeManager, frame, wait, kMB } = require('../../support/http-service');
const { readServiceConfig } = require('../../../lib/config');
const { Dispatcher, kLocal } = require('../../../lib/rpc');
const { Memories } = require('../../../lib/rpc/kept/memories');
const { Opened } = require('../../../lib/rpc/kept/opened');
const { textPieces } = require('../../../lib/rpc/encode');

const kDoors = [];
async function doorsWith(settings, manager) {
  const doors = await startDoors(settings, manager);
  kDoors.push(doors);
  return doors;
}
afterEach(async () => {
  for (const { app } of kDoors.splice(0)) await app.close();
});

/** A connection that bytes are written to as they are. */
function connect(port) {
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.gone = new Promise((resolve) => socket.once('close', resolve));
  return socket;
}

const kUpgrade =
  'Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n' +
  'Host: a\r\nConnection: Upgrade\r\n\r\n';

test('an upgrade behind a request that has no answer yet ends its connection, and nothing else', async () => {
  const { port, rpcPort } = await doorsWith({});
  for (const each of [port, rpcPort])
    for (const asks of [kUpgrade, 'Upgrade: h2c\r\nHost: a\r\nConnection: Upgrade\r\n\r\n']) {
      const socket = connect(each).resume();
      socket.write(`GET /health/gpu HTTP/1.1\r\nHost: a\r\n\r\nGET /ws HTTP/1.1\r\n${asks}`);
      await socket.gone;
    }
  const socket = await open(rpcPort);
  expect(await socket.ask('listDevices')).toMatchObject({ result: expect.anything() });
  socket.ws.close();
});

/** An open WebSocket whose frames are written by hand. */
async function rawSocket(port) {
  const socket = connect(port);
  socket.write(`GET /ws HTTP/1.1\r\n${kUpgrade}`);
  await new Promise((resolve) => socket.once('data', resolve));
  return socket;
}

/** A masked frame; the mask is 0. */
function frameOf(opcode, length, fin) {
  const bytes = Buffer.alloc(14 + length, 0x20);
  bytes.fill(0, 0, 14);
  bytes[0] = (fin ? 0x80 : 0) | opcode;
  bytes[1] = 0x80 | 127;
  bytes.writeBigUInt64BE(BigInt(length), 2);
  return bytes;
}
const kPong = Buffer.from([0x8a, 0x80, 0, 0, 0, 0]);

test('pongs between fragments hide no bytes, and are no progress', async () => {
  const { port, app } = await doorsWith({ requestTimeout: 600, headersTimeout: 600 });
  const slow = await rawSocket(port);
  slow.write(frameOf(1, 10, false));
  const drip = setInterval(() => {
    slow.write(kPong);
    slow.write(Buffer.concat([frameOf(0, 10, false), kPong, kPong]));
  }, 50);
  await slow.gone;
  clearInterval(drip);
  await until(() => app.sockets.count === 0, 'it is closed');
});

test('what others hold closes nobody: small calls are taken, and large ones wait', async () => {
  // Room for 4 bodies, 3 of a client's.
  const { port } = await doorsWith({ bodyLimit: kMB, trustProxy: 'loopback', rpcPing: 200 });
  const from = (address) => ({ headers: { 'x-forwarded-for': address } });
  const holders = [];
  for (const [address, count] of [
    ['10.0.0.1', 3],
    ['10.0.0.2', 1],
  ])
    for (let i = 0; i < count; ++i) {
      const holder = await open(port, from(address));
      for (let at = 0; at < 16; ++at) holder.ws.send(' '.repeat(65_000), { fin: false });
      holders.push(holder);
    }
  await wait(200);
  const honest = await open(port, from('10.0.0.3'));
  expect(await honest.ask('listDevices', {}, 1)).toMatchObject({ id: 1, result: expect.anything() });
  honest.send(JSON.stringify(message('listDevices', {}, 2)) + ' '.repeat(kMB / 2));
  await wait(800); // pings are not answered meanwhile
  expect(honest.closed).toBeUndefined();
  for (const { ws } of holders) ws.terminate();
  expect(await honest.next()).toMatchObject({ id: 2, result: expect.anything() });
  honest.ws.close();
});

test('WebSockets keep no request out', async () => {
  const { port } = await doorsWith({ maxConnections: 3 });
  const sockets = [];
  for (let i = 0; i < 5; ++i) sockets.push(await open(port));
  expect((await request(port, '/health/live')).status).toBe(200);
  for (const { ws } of sockets) ws.close();
});

describe('answers of texts', () => {
  /** A manager with a store that has one large object. */
  function keeping(bytes) {
    const manager = fakeManager();
    const store = { get: async () => Buffer.alloc(bytes, 0x61), close: async () => {} };
    manager.openStore = async () => store;
    return manager;
  }

  test('count in RPC_BUFFER: who does not read them is closed', async () => {
    const { port, app } = await doorsWith({ rpcBuffer: 8 * kMB, answerLimit: 512 * kMB }, keeping(4 * kMB));
    const deaf = await rawSocket(port);
    deaf.pause();
    const ask = frame(message('store_get', { key: 'a' }), []);
    const head = frameOf(2, ask.length, true).subarray(0, 14);
    for (let i = 0; i < 30 && app.sockets.count === 1; ++i) {
      deaf.write(Buffer.concat([head, ask]));
      await wait(20);
    }
    await until(() => app.sockets.count === 0, 'it is closed');
    deaf.destroy();
  });

  test('no piece of text is near the longest string there can be', () => {
    // NUL is six characters of JSON.
    const value = Array(10).fill({ found: true, value: '\0'.repeat(0.9 * kMB) });
    let longest = 0;
    for (const piece of textPieces(value)) longest = Math.max(longest, piece.length);
    expect(longest).toBeLessThan(2 * kMB);
  });

  test.each([
    [{ a: [], b: {}, c: [[], {}, null, [1, 'x'.repeat(100_000)]], d: undefined, e: { f: null } }],
    [{ list: Array.from({ length: 40_000 }, (_, i) => i / 3), text: '\u{1f600}'.repeat(300_001) }],
    [[...Array(20_000).fill(1), 'a', { b: 1 }, null]],
    ['x\ud83d'.repeat(200_000)],
  ])('pieces of text are JSON, %#', (value) => {
    const { length } = JSON.stringify(value);
    expect(length).toBeGreaterThan(0);
    expect(JSON.parse([...textPieces(value)].join(''))).toEqual(JSON.parse(JSON.stringify(value)));
  });

  test('an answer that no frame has room for comes as text', async () => {
    const { port } = await doorsWith({ answerLimit: 512 * kMB }, keeping(2 * kMB));
    const socket = await open(port);
    socket.send(frame(message('store_get', { key: 'a' }), []));
    const { result } = await socket.next();
    expect(result.value).toHaveLength(2 * kMB);
    const answer = await request(port, '/rpc', {
      method: 'POST',
      body: frame(message('store_get', { key: 'a' }), []),
      headers: { 'content-type': 'application/octet-stream' },
    });
    expect(answer.headers['content-type']).toMatch(/json/);
    socket.ws.close();
  });
});

test('what devices did for a call is counted however it ends', async () => {
  const manager = fakeManager();
  const dispatcher = new Dispatcher({ manager, config: readServiceConfig({}), models: { use: () => wait(50) } });
  const used = [];
  const caller = { ...kLocal, used: (ms) => used.push(ms) };
  const models = { use: () => wait(50).then(() => Promise.reject(new Error('it was canceled'))) };
  await dispatcher.call('embed', { texts: ['a'] }, { caller });
  const failing = new Dispatcher({ manager, config: readServiceConfig({}), models });
  await expect(failing.call('embed', { texts: ['a'] }, { caller })).rejects.toThrow('canceled');
  await failing.call('listWorkloads', {}, { caller });
  expect(used).toEqual([expect.closeTo(50, -3), expect.closeTo(50, -3)]);
  expect(Math.min(...used)).toBeGreaterThan(40);
});

describe('tokens', () => {
  const folder = temporaryFolder();
  const file = path.join(folder, 'tokens.yaml');
  const secret = 'reader-0123456789abcdef';
  const headers = { authorization: `Bearer ${secret}` };

  test('a WebSocket ends with its token, and its scopes are those of the token', async () => {
    fs.writeFileSync(file, `tokens: [{ name: a, token: ${secret}, scopes: [write] }]`);
    const { port } = await doorsWith({ authTokensFile: file });
    const socket = await open(port, { headers });
    const put = () => socket.ask('store_delete', { key: 'a' });
    expect((await put()).error?.data.code).not.toBe('ERR_FORBIDDEN');
    fs.writeFileSync(file, `tokens: [{ name: a, token: ${secret}, scopes: [read] }]`);
    await wait(1200);
    expect((await put()).error.data.code).toBe('ERR_FORBIDDEN');
    fs.writeFileSync(file, 'tokens: [{ name: b, token: other-0123456789abcdef, scopes: [read] }]');
    expect((await socket.ended).code).toBe(1008);
  });

  test('are needed where there are some, whatever else is allowed', async () => {
    const { port } = await doorsWith({ authToken: secret, allowAnonymous: true });
    expect((await request(port, '/openapi.json')).status).toBe(401);
    expect((await request(port, '/openapi.json', { headers })).status).toBe(200);
  });
});

describe('what is opened by name', () => {
  test('is bounded even where all is in use, and opened again once it has closed', async () => {
    const opened = new Opened(1);
    let count = 0;
    const make = async () => {
      expect(++count).toBe(1);
      return {
        close: async () => {
          await wait(50);
          --count;
        },
      };
    };
    let finish;
    const first = opened.use('a', make, () => new Promise((resolve) => (finish = resolve)));
    await expect(opened.use('b', make, () => {})).rejects.toMatchObject({ code: 'ERR_QUEUE_FULL' });
    finish();
    await first;
    const other = () => Promise.resolve({ close: async () => {} });
    await opened.use('b', other, () => {}); // which closes a
    await opened.use('a', make, () => {});
    await opened.close();
    expect(count).toBe(0);
  });

  test('is closed when its users have done, and nothing that comes late opens it again', async () => {
    const opened = new Opened();
    const closed = [];
    const make = async () => ({ close: async () => closed.push('a') });
    let finish;
    const used = opened.use('a', make, () => new Promise((resolve) => (finish = resolve)));
    await wait(0);
    const closing = opened.close();
    await wait(10);
    expect(closed).toEqual([]);
    await expect(opened.use('a', make, () => {})).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    finish();
    await used;
    await closing;
    expect(closed).toEqual(['a']);
  });

  test('a memory that is not there is an empty one, and none is made by who reads', async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-rpc-'));
    const memories = new Memories({ createMemory: () => Promise.reject(new Error('made')) }, { memoryDir: folder });
    await expect(memories.look('x', (memory) => memory.recall('a'), [])).resolves.toEqual([]);
    expect(fs.readdirSync(folder)).toEqual([]);
    fs.rmdirSync(folder);
  });
});
