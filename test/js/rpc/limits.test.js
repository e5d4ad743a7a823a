// What a connection may hold and do, and what becomes of one that goes beyond: the others are served, and memory is
// bounded.
'use strict';
const net = require('node:net');
const { startDoors, message, open, postRpc, request, until } = require('../../support/rpc-service');
const { fakeManager, frame, wait, kMB } = require('../../support/http-service');

/** Doors of their own, with smaller limits than a user may set. */
const kDoors = [];
async function doorsWith(settings, manager) {
  const doors = await startDoors(settings, manager);
  kDoors.push(doors);
  return doors;
}
afterEach(async () => {
  for (const { app } of kDoors.splice(0)) await app.close();
});

/** A handshake by hand, after which bytes can be sent as they are, and nothing need be read. */
function rawSocket(port) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.once('close', () => reject(new Error('closed')));
    socket.write(
      'GET /ws HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\n' +
        'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n',
    );
    socket.once('data', (head) =>
      head.toString().includes(' 101 ') ? resolve(socket) : reject(new Error(String(head))),
    );
  });
}

/** The head of a masked frame; the mask is 0, so that the payload follows as it is. */
function frameHead(opcode, length, fin = true) {
  const head = Buffer.alloc(14);
  head[0] = (fin ? 0x80 : 0) | opcode;
  head[1] = 0x80 | 127;
  head.writeBigUInt64BE(BigInt(length), 2);
  return head;
}

const closed = (socket) => new Promise((resolve) => socket.once('close', resolve));

test('a message that is larger than a body may be ends its connection, and no other', async () => {
  const { port } = await doorsWith({ bodyLimit: kMB });
  const [large, other] = [await open(port), await open(port)];
  large.send(JSON.stringify(message('listDevices', { x: 'x'.repeat(kMB) })));
  expect((await large.ended).code).toBe(1009);
  expect(await other.ask('listDevices')).toMatchObject({ result: expect.anything() });
  other.ws.close();
  expect((await postRpc(port, 'x'.repeat(kMB + 1))).status).toBe(413);
});

test('a frame that says it is larger is refused before its bytes come', async () => {
  const { port } = await doorsWith({ bodyLimit: kMB });
  const socket = await rawSocket(port);
  socket.write(frameHead(2, 2 ** 40));
  await closed(socket);
});

test('a message in more than 4096 fragments ends its connection', async () => {
  const { port } = await doorsWith({});
  const socket = await open(port);
  for (let i = 0; i < 5000 && !socket.closed; ++i) socket.ws.send(' ', { fin: false }, () => {});
  expect((await socket.ended).code).toBeGreaterThan(1001);
});

test.each([
  ['reserved bits', Buffer.from([0xf1, 0x80, 0, 0, 0, 0])],
  ['an unknown opcode', Buffer.from([0x83, 0x80, 0, 0, 0, 0])],
  ['no mask', Buffer.from([0x81, 0x01, 0x20])],
  ['a ping of 200 bytes', Buffer.concat([Buffer.from([0x89, 0xfe, 0, 200, 0, 0, 0, 0]), Buffer.alloc(200)])],
  ['a continuation of nothing', Buffer.from([0x80, 0x80, 0, 0, 0, 0])],
  ['text that is no UTF-8', Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28])],
])('a frame with %s ends its connection', async (_, bytes) => {
  const { port } = await doorsWith({});
  const socket = await rawSocket(port);
  socket.resume();
  socket.write(bytes);
  await closed(socket);
});

test('connections: all of them, and those of a client', async () => {
  const { port, rpcPort, app } = await doorsWith({
    rpcConnections: 3,
    rpcClientConnections: 2,
    trustProxy: 'loopback',
  });
  const from = (address) => ({ headers: { 'x-forwarded-for': address } });
  const sockets = [await open(port, from('10.0.0.1')), await open(rpcPort, from('10.0.0.1'))];
  await expect(open(port, from('10.0.0.1'))).rejects.toMatchObject({
    status: 429,
    text: expect.stringMatching(/RPC_CLIENT_CONNECTIONS/),
  });
  sockets.push(await open(port, from('10.0.0.2')));
  await expect(open(port, from('10.0.0.3'))).rejects.toMatchObject({
    status: 503,
    text: expect.stringMatching(/RPC_MAX_CONNECTIONS/),
  });
  sockets.pop().ws.close();
  await until(() => app.sockets.count === 2, 'one has gone');
  sockets.push(await open(port, from('10.0.0.3')));
  for (const { ws } of sockets) ws.close();
});

test('a byte a second is closed when a message is not complete in time, and others are served', async () => {
  const { port, app } = await doorsWith({ requestTimeout: 600 });
  const slow = await Promise.all(Array.from({ length: 50 }, () => rawSocket(port)));
  const ends = slow.map(closed);
  for (const socket of slow) socket.write(frameHead(1, 100).subarray(0, 12));
  const drip = setInterval(() => {
    for (const socket of slow) if (!socket.destroyed) socket.write(' ');
  }, 100);
  const honest = await open(port);
  for (let i = 0; i < 20; ++i) expect(await honest.ask('listDevices', {}, i)).toMatchObject({ id: i });
  await Promise.all(ends);
  clearInterval(drip);
  expect(honest.closed).toBeUndefined();
  await until(() => app.sockets.count === 1, 'they have gone');
  honest.ws.close();
});

test('who reads nothing is closed when what waits for it is too much', async () => {
  const manager = fakeManager();
  const outputs = () => ({ output: { data: new Float32Array(kMB), shape: [kMB], dtype: 'float32' } });
  manager.outputsOf = outputs; // 4 MB each
  const { port, app } = await doorsWith({ rpcBuffer: 8 * kMB, answerLimit: 512 * kMB }, manager);
  const deaf = await rawSocket(port);
  deaf.pause();
  const honest = await open(port);
  const ask = Buffer.from(JSON.stringify(message('executeWorkload', { type: 'x', inputs: { a: [1] } })));
  const bytes = frame(JSON.parse(ask.toString()), []);
  for (let i = 0; i < 20 && app.sockets.count === 2; ++i) {
    deaf.write(Buffer.concat([frameHead(2, bytes.length), bytes]));
    await wait(10);
  }
  await until(() => app.sockets.count === 1, 'it is closed');
  expect(await honest.ask('listDevices')).toMatchObject({ result: expect.anything() });
  honest.ws.close();
  deaf.destroy();
});

test('who stops reading an answer is closed after a while, and what it held goes back', async () => {
  const manager = fakeManager();
  manager.outputsOf = () => ({ output: { data: new Float32Array(8 * kMB), shape: [8 * kMB], dtype: 'float32' } });
  const { port, app } = await doorsWith({ answerTimeout: 600, answerLimit: 40 * kMB }, manager);
  const ask = frame(message('executeWorkload', { type: 'x', inputs: { a: [1] } }), []);
  // One client's answers take half of the room: a second one of them would not get in while the first is held.
  for (let i = 0; i < 3; ++i) {
    const deaf = await rawSocket(port);
    deaf.pause();
    deaf.write(Buffer.concat([frameHead(2, ask.length), ask]));
    await until(() => app.sockets.count === 0, 'it is closed');
    deaf.destroy();
  }
  expect(manager.calls).toHaveLength(3);
});

test('messages on their way take no more than all bodies may', async () => {
  const { port, app } = await doorsWith({ bodyLimit: kMB });
  const sockets = await Promise.all(Array.from({ length: 12 }, () => rawSocket(port)));
  // 600 KB each of a message that is never whole: together more than three messages of a client.
  for (const socket of sockets) socket.write(Buffer.concat([frameHead(2, kMB), Buffer.alloc(600 * 1024)]));
  // Those beyond it are not read, and stay; a body of that client has no room beside them.
  const body = JSON.stringify(message('listDevices')) + ' '.repeat(0.9 * kMB);
  let answer;
  for (let i = 0; i < 100 && answer?.status !== 429; ++i) answer = await postRpc(port, body);
  expect(answer.status).toBe(429);
  expect(app.sockets.count).toBe(12);
  for (const socket of sockets) socket.destroy();
  await until(() => app.sockets.count === 0, 'all have gone');
  const socket = await open(port);
  // What they held is free.
  expect(await socket.ask('listDevices', {}, 1)).toMatchObject({ id: 1, result: expect.anything() });
  socket.ws.close();
});

test('why it is closed can be read, though more of what it sends is still on its way', async () => {
  const { port } = await doorsWith({ requestTimeout: 600 });
  const socket = await rawSocket(port);
  const got = [];
  socket.on('data', (chunk) => got.push(chunk));
  socket.write(frameHead(1, 50 * kMB));
  const drip = setInterval(() => socket.write(Buffer.alloc(64 * 1024, ' ')), 5);
  await closed(socket);
  clearInterval(drip);
  const bytes = Buffer.concat(got);
  expect(bytes[0]).toBe(0x88);
  expect(bytes.readUInt16BE(2)).toBe(1008);
  expect(bytes.toString('utf8', 4)).toBe('a message was not complete within 600 ms (HTTP_REQUEST_TIMEOUT)');
});

test('a server that stops lets go of WebSockets that have nothing under way, whatever requests run', async () => {
  const doors = await startDoors({ drainTimeout: 600_000 });
  const [idle, busy] = [await open(doors.port), await open(doors.rpcPort)];
  busy.send(message('executeWorkload', { type: 'hold' }, 1));
  await until(() => doors.manager.holding.length === 1, 'a call runs');
  const asked = postRpc(doors.port, message('executeWorkload', { type: 'hold' }));
  await until(() => doors.manager.holding.length === 2, 'a request runs');
  const drained = doors.app.drain();
  expect((await idle.ended).code).toBe(1001);
  expect(busy.closed).toBeUndefined();
  doors.manager.holding[0]();
  expect(await busy.next()).toMatchObject({ id: 1, result: expect.anything() });
  expect((await busy.ended).code).toBe(1001);
  doors.manager.holding[1]();
  expect((await asked).status).toBe(200);
  await drained;
});

test('a server that stops finishes what is under way, and takes no more', async () => {
  const doors = await startDoors({ drainTimeout: 5000 });
  const socket = await open(doors.rpcPort);
  socket.send(message('executeWorkload', { type: 'hold' }, 1));
  await until(() => doors.manager.holding.length === 1, 'it runs');
  const drained = doors.app.drain();
  await until(async () => (await request(doors.port, '/health/ready')).status === 503, 'it stops');
  expect(await socket.ask('listDevices', {}, 2)).toMatchObject({ id: 2, error: { data: { code: 'ERR_CLOSED' } } });
  await expect(open(doors.port)).rejects.toMatchObject({ status: 503 });
  doors.manager.holding[0]();
  expect(await socket.next()).toMatchObject({ id: 1, result: expect.anything() });
  expect((await socket.ended).code).toBe(1001);
  await drained;
});
