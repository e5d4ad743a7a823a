// The client against the service, over both doors, and against servers that are wrong.
'use strict';
const http = require('node:http');
const { WebSocket, WebSocketServer } = require('ws');
const { Client, RpcError } = require('../../../lib/client');
const { kMethods: kOwn } = require('../../../lib/client/methods');
const { kMethods } = require('../../../lib/rpc');
const { emittingManager, kSmall, until } = require('../../support/http-service');
const { startDoors, useDoors } = require('../../support/rpc-service');

const doors = useDoors({}, emittingManager);
const kQuick = { first: 1, most: 4 };
const opened = [];
afterEach(() => Promise.all(opened.splice(0).map((each) => each.close())));

function client(url, options) {
  const made = new Client(url, { WebSocket, backoff: kQuick, ...options });
  opened.push(made);
  return made;
}
const kDoors = {
  'over a WebSocket': (options) => client(`ws://127.0.0.1:${doors.rpcPort}`, options),
  'over HTTP': (options) => client(`http://127.0.0.1:${doors.port}`, options),
};

test('has the methods of the table, and knows which may be sent again', () => {
  expect(kOwn).toEqual(Object.fromEntries(kMethods.map(({ name, repeatable = false }) => [name, repeatable])));
  for (const { name } of kMethods) expect(typeof Client.prototype[name]).toBe('function');
});

describe.each(Object.keys(kDoors))('%s', (door) => {
  const make = kDoors[door];

  test('tensors go and come as bytes, of each type', async () => {
    const inputs = {
      a: new Float32Array([1, 2.5, -3]),
      b: { data: new Int32Array([1, -2]), shape: [2, 1] },
      c: { data: new Uint16Array([15360]), shape: [1], dtype: 'float16' },
      d: new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8, 9]),
    };
    const { outputs } = await make().executeWorkload({ type: 'normalize', inputs });
    expect(outputs.a).toEqual({ data: inputs.a, shape: [3], dtype: 'float32' });
    expect(outputs.b).toEqual({ ...inputs.b, dtype: 'int32' });
    expect(outputs.c).toEqual(inputs.c);
    expect(outputs.d).toEqual({ data: inputs.d, shape: [9], dtype: 'uint8' });
  });

  test('what no frame has room for comes as text, and its tensors are the same', async () => {
    const bits = Uint16Array.from({ length: 65_536 }, (_, i) => i);
    const isNaNOf = { float16: (each) => (each & 0x7fff) > 0x7c00, bfloat16: (each) => (each & 0x7fff) > 0x7f80 };
    const outputs = {
      a: { data: Float32Array.of(1, NaN, -Infinity, 0, 1e-45), shape: [5], dtype: 'float32' },
      b: { data: Int32Array.of(-5, 2 ** 31 - 1), shape: [2, 1], dtype: 'int32' },
      c: { data: Uint8Array.of(255), shape: [1], dtype: 'uint8' },
      d: { data: new Int8Array(0), shape: [0], dtype: 'int8' },
      half: { data: bits, shape: [256, 256], dtype: 'float16' },
      brain: { data: bits, shape: [65_536], dtype: 'bfloat16' },
    };
    const many = Array.from({ length: 12_000 }, (_, i) => [`${i}`.padStart(60, 'x'), outputs.c]);
    const { outputsOf: before } = doors.manager;
    // What was answered is given back, so each answer has memory of its own.
    const own = ([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() }];
    doors.manager.outputsOf = () => Object.fromEntries([...Object.entries(outputs), ...many].map(own));
    try {
      const base64 = { type: 'x', options: { encoding: 'base64' } };
      for (const ask of [{ type: 'x' }, base64]) {
        const { outputs: got } = await make().executeWorkload(ask);
        for (const name of ['a', 'b', 'c', 'd']) expect(got[name]).toEqual(outputs[name]);
        for (const name of ['half', 'brain']) {
          const { data, shape, dtype } = got[name];
          expect([shape, dtype, data.length]).toEqual([outputs[name].shape, outputs[name].dtype, 65_536]);
          // JSON has no -0 of numbers.
          const isSame = (each, i) => each === i || (i === 0x8000 && each === 0 && ask !== base64);
          const wrong = [...data].filter((each, i) => !isSame(each, i) && !(isNaNOf[dtype](each) && isNaNOf[dtype](i)));
          expect(wrong).toEqual([]);
        }
        expect(Object.keys(got)).toHaveLength(12_006);
      }
    } finally {
      doors.manager.outputsOf = before;
    }
  });

  test('numbers go as they are', async () => {
    const { outputs } = await make().executeWorkload(kSmall);
    expect(Array.from(outputs.input.data)).toEqual([3, 4]);
  });

  test('an error is the server’s, with what helps', async () => {
    const asked = make().call('executeWorkload', { type: 'unknown' });
    await expect(asked).rejects.toBeInstanceOf(RpcError);
    await expect(asked).rejects.toMatchObject({ code: 'ERR_UNKNOWN_WORKLOAD', remedy: expect.any(String) });
    await expect(make().embed({ text: 'a', texts: [] })).rejects.toMatchObject({ argument: 'text' });
    await expect(make().call('nothing')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND', rpcCode: -32601 });
  });

  test('a signal cancels on the server, a timeout too', async () => {
    const controller = new AbortController();
    const asked = make().call('executeWorkload', { type: 'hold' }, { signal: controller.signal });
    asked.catch(() => {});
    await until(() => doors.manager.calls.length === 1, 'the job runs');
    controller.abort();
    await expect(asked).rejects.toMatchObject({ code: 'ERR_CANCELED' });
    await until(() => doors.manager.aborted === 1, 'the job is aborted');
    await expect(make().call('executeWorkload', { type: 'hold' }, { timeout: 1000 })).rejects.toMatchObject({
      code: 'ERR_TIMEOUT',
    });
    await until(() => doors.manager.aborted === 2, 'the second one, too');
    await expect(make().health({}, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ERR_CANCELED' });
  });

  test('what passes is tried again: a full queue, whatever the method is', async () => {
    const full = Object.assign(new Error('full'), { code: 'ERR_QUEUE_FULL', retryAfter: 1 });
    const get = () => (doors.manager.calls.length < 3 ? full : undefined);
    Object.defineProperty(doors.manager.failures, 'full', { configurable: true, get });
    await make().executeWorkload({ type: 'full', inputs: kSmall.inputs });
    expect(doors.manager.calls.length).toBe(3);
    doors.manager.calls.length = 0;
    await expect(make({ retries: 1 }).executeWorkload({ type: 'full' })).rejects.toMatchObject({
      code: 'ERR_QUEUE_FULL',
    });
    expect(doors.manager.calls.length).toBe(2);
    delete doors.manager.failures.full;
  });

  test('a client that is closed calls nothing', async () => {
    const made = make();
    await made.health();
    await made.close();
    await made.close();
    await expect(made.health()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });
});

test('over a WebSocket it hears how far a call is, and events', async () => {
  const events = [];
  const heard = [];
  const made = client(`ws://127.0.0.1:${doors.rpcPort}`, { onEvent: (event) => events.push(event) });
  const { subscription } = await made.subscribe({ events: ['worker-ready'] });
  doors.manager.emit('worker-ready', { workerId: 7 });
  await until(() => events.length === 1, 'the event comes');
  expect(events[0]).toMatchObject({ subscription, events: [{ event: 'worker-ready', data: { workerId: 7 } }] });
  const asked = made.call('executeWorkload', { type: 'hold', id: 'mine' }, { onProgress: (p) => heard.push(p) });
  await until(() => doors.manager.calls.length === 1, 'the job runs');
  doors.manager.emit('progress', { workloadId: 'mine', done: 1, total: 2 });
  await until(() => heard.length === 1, 'it is heard');
  for (const finish of doors.manager.holding.splice(0)) finish();
  await asked;
  expect(heard).toEqual([{ done: 1, total: 2 }]);
});

describe('where the server is wrong', () => {
  let server;
  let ws;
  let url;
  let answers; // what it does with each message, in their order
  let got;
  beforeEach(async () => {
    answers = [];
    got = [];
    server = http.createServer((request, response) => {
      got.push(request.url);
      request.resume();
      request.on('end', () => answers.shift()(response));
    });
    ws = new WebSocketServer({ server });
    ws.on('connection', (socket) =>
      socket.on('message', (data) => {
        const text = data.toString('latin1');
        const id = Number(/"id":(\d+)/.exec(text)[1]);
        got.push(text);
        answers.shift()(socket, id);
      }),
    );
    await new Promise((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    url = `127.0.0.1:${server.address().port}`;
  });
  afterEach(() => {
    for (const each of ws.clients) each.terminate();
    ws.close();
    server.closeAllConnections();
    return new Promise((resolve) => {
      server.close(resolve);
    });
  });
  const ok = (socket, id) => socket.send(JSON.stringify({ jsonrpc: '2.0', id, result: { fine: true } }));
  const drop = (socket) => socket.terminate();
  const status = (code, text) => (response) => response.writeHead(code).end(text);

  test('a call that may run twice is sent again when the connection ends', async () => {
    answers = [drop, drop, ok];
    expect(await client(`ws://${url}`).health()).toEqual({ fine: true });
    expect(got.length).toBe(3);
  });

  test('one that may not is not, unless it has a key, which all tries have', async () => {
    answers = [drop];
    await expect(client(`ws://${url}`).call('index_add', {})).rejects.toMatchObject({ code: 'ERR_CONNECTION' });
    expect(got.length).toBe(1);
    answers = [drop, ok];
    expect(await client(`ws://${url}`).call('index_add', {}, { idempotencyKey: 'k-1' })).toEqual({ fine: true });
    expect(got.slice(1).map((text) => text.includes('"idempotencyKey":"k-1"'))).toEqual([true, true]);
  });

  test.each([
    ['text', (socket) => socket.send('hello')],
    ['null', (socket) => socket.send('null')],
    ['bytes', (socket) => socket.send(Buffer.from([1, 2, 3]))],
    ['a frame whose header lies', (socket) => socket.send(Buffer.from('SWYD\x01\0\0\0\xff\0\0\0{}', 'latin1'))],
  ])('%s that is no message fails the call', async (_, answer) => {
    answers = [answer];
    await expect(client(`ws://${url}`).health()).rejects.toMatchObject({ code: 'ERR_PROTOCOL' });
  });

  test('answers to nothing are not looked at', async () => {
    answers = [
      (socket, id) => {
        for (const strange of [{ id: 99, result: 1 }, { id: 'a', error: {} }, { method: 'none' }, {}, []])
          socket.send(JSON.stringify(strange));
        ok(socket, id);
      },
    ];
    expect(await client(`ws://${url}`).health()).toEqual({ fine: true });
  });

  test('over HTTP a proxy’s 503 is tried again, other answers fail', async () => {
    const fine = status(200, JSON.stringify({ jsonrpc: '2.0', id: 1, result: { fine: true } }));
    answers = [status(503, '<html>'), status(502, ''), fine];
    expect(await client(`http://${url}`).health()).toEqual({ fine: true });
    expect(got).toEqual(['/rpc', '/rpc', '/rpc']);
    for (const wrong of [status(200, '<html>'), status(200, '{}'), status(404, '5'), status(200, 'null')]) {
      answers = [wrong];
      await expect(client(`http://${url}`).health()).rejects.toMatchObject({ code: 'ERR_PROTOCOL' });
    }
    answers = [status(401, JSON.stringify({ error: { code: 'ERR_UNAUTHORIZED', message: 'a token' } }))];
    await expect(client(`http://${url}`).health()).rejects.toMatchObject({ code: 'ERR_UNAUTHORIZED', status: 401 });
  });

  test('nobody listens', async () => {
    const made = client('ws://127.0.0.1:1', { retries: 1 });
    await expect(made.call('index_add', {})).rejects.toMatchObject({ code: 'ERR_CONNECTION', sent: false });
    await expect(client('http://127.0.0.1:1', { retries: 1 }).health()).rejects.toMatchObject({
      code: 'ERR_CONNECTION',
    });
  });
});

test.each([
  ['ftp://localhost', /must begin with ws:/],
  ['nonsense', /Invalid URL/],
])('the URL %s is refused', (url, message) => {
  expect(() => new Client(url, { WebSocket })).toThrow(message);
});

test('a token with characters that no subprotocol may have enters, too', async () => {
  for (const token of ['plain-0123456789abcdef', 'with/slash+and=signs,0123']) {
    const own = await startDoors({ authToken: token });
    for (const url of [`ws://127.0.0.1:${own.rpcPort}`, `http://127.0.0.1:${own.port}`]) {
      const made = client(url, { token, retries: 0 });
      expect((await made.listDevices()).devices).toHaveLength(3);
      await made.close();
    }
    await own.app.close();
  }
});

test('numbers that no tensor can have are refused', async () => {
  const made = client(`ws://127.0.0.1:${doors.rpcPort}`);
  await expect(made.executeWorkload({ type: 'add', inputs: { a: new Float64Array(1) } })).rejects.toThrow(
    /Float64Array, but its dtype is missing/,
  );
});
