// What only a connection that stays can do: binary frames, cancelling, progress, events; and who gets one at all.
'use strict';
const { EventEmitter } = require('node:events');
const { useDoors, message, open, postRpc, until } = require('../../support/rpc-service');
const { frame, raw, readFrame, fakeManager, kSmall } = require('../../support/http-service');

/** A manager that tells of events, too. */
function tellingManager() {
  const manager = fakeManager();
  const emitter = new EventEmitter();
  for (const name of ['on', 'off', 'emit', 'listenerCount']) manager[name] = emitter[name].bind(emitter);
  manager.getMetrics = async () => ({ totalContexts: 3 });
  return manager;
}

const doors = useDoors({ rpcPing: 200 }, tellingManager);
const at = (options) => open(doors.port, options);
const kTensor = { data: Float32Array.of(3, 4, 6, 8), shape: [2, 2] };
const run = (inputs, id = 1) => message('executeWorkload', { type: 'normalize', inputs }, id);

describe('binary frames', () => {
  test.each([
    ['/ws', () => doors.port],
    ['RPC_PORT', () => doors.rpcPort],
  ])('a message as the header, tensors behind it, both ways, at %s', async (_, port) => {
    const socket = await open(port());
    const header = run({ input: { shape: [2, 2], dtype: 'float32', offset: 0 } }, 'x');
    socket.send(frame(header, [kTensor.data]));
    const answer = readFrame(await socket.next());
    expect(answer.header).toMatchObject({
      jsonrpc: '2.0',
      id: 'x',
      result: { outputs: { input: { shape: [2, 2], dtype: 'float32', offset: 0 } }, contextType: 'cpu' },
    });
    expect([...new Float32Array(answer.data.buffer.slice(answer.data.byteOffset), 0, 4)]).toEqual([3, 4, 6, 8]);
    socket.ws.close();
  });

  test('over POST /rpc the same bytes', async () => {
    const bytes = frame(run({ input: { shape: [2, 2], dtype: 'float32', offset: 0 } }), [kTensor.data]);
    const { status, bytes: back } = await postRpc(doors.port, bytes, { 'content-type': 'application/octet-stream' });
    expect(status).toBe(200);
    expect(readFrame(back).header.result.outputs.input).toEqual({ shape: [2, 2], dtype: 'float32', offset: 0 });
  });

  test('a batch shares the section', async () => {
    const socket = await at();
    const input = (offset) => ({ input: { shape: [2], dtype: 'float32', offset } });
    socket.send(frame([run(input(0), 1), message('nope', {}, 2), run(input(8), 3)], [kTensor.data]));
    const { header, data } = readFrame(await socket.next());
    expect(header.map(({ id, error }) => [id, error?.code])).toEqual([
      [1, undefined],
      [2, -32601],
      [3, undefined],
    ]);
    const [first, , third] = header.map(({ result }) => result?.outputs.input.offset);
    expect(data.readFloatLE(first)).toBe(3);
    expect(data.readFloatLE(third)).toBe(6);
    socket.ws.close();
  });

  test.each([
    ['no magic', () => frame(run(kSmall.inputs), [], { magic: 'SWYX' }), -32700],
    ['another version', () => frame(run(kSmall.inputs), [], { version: 2 }), -32700],
    ['a header longer than the frame', () => frame(run(kSmall.inputs), [], { length: 5000 }), -32700],
    ['a header of 4 GB', () => frame(run(kSmall.inputs), [], { length: 0xffffffff }), -32700],
    ['a header that ends too early', () => frame(run(kSmall.inputs), [], { length: 7 }), -32700],
    ['three bytes', () => Buffer.from('SWY'), -32700],
    ['nothing', () => Buffer.alloc(0), -32700],
    ['an offset behind the end', () => frame(run({ input: { shape: [4], offset: 8 } }), [kTensor.data]), -32602],
    ['an odd offset', () => frame(run({ input: { shape: [1], offset: 4 } }), [kTensor.data]), -32602],
    ['an offset below 0', () => frame(run({ input: { shape: [1], offset: -8 } }), [kTensor.data]), -32602],
    ['a shape of 2^53 elements', () => frame(run({ input: { shape: [2 ** 26, 2 ** 27], offset: 0 } }), []), -32602],
    ['bytes that nobody claims', () => frame(run({ input: { shape: [1], offset: 0 } }), [kTensor.data]), -32602],
    ['bytes without a tensor', () => frame(message('listDevices', {}), [kTensor.data]), -32602],
    ['an offset in a text', () => JSON.stringify(run({ input: { shape: [1], offset: 0 } })), -32602],
  ])('%s is an error', async (_, bytes, code) => {
    const socket = await at();
    socket.send(bytes());
    const got = await socket.next();
    const { error } = Buffer.isBuffer(got) ? readFrame(got).header : got;
    expect(error).toMatchObject({ code, data: { code: 'ERR_INVALID_ARGUMENT' } });
    expect(await socket.ask('listDevices', {}, 2)).toMatchObject({ id: 2, result: expect.anything() });
    socket.ws.close();
  });

  test('tensors as base64, there and back', async () => {
    const socket = await at();
    const data = Buffer.from(kTensor.data.buffer).toString('base64');
    const inputs = { input: { data, shape: [2, 2] } };
    const { result } = await socket.ask('executeWorkload', { type: 'x', inputs, _meta: { encoding: 'base64' } });
    expect(result.outputs.input).toEqual({ data, encoding: 'base64', shape: [2, 2], dtype: 'float32' });
    socket.ws.close();
  });

  test('a large answer as text comes in fragments, and is whole', async () => {
    const socket = await at();
    const count = 200_000;
    const input = Array.from({ length: count }, (_, i) => i % 1000);
    const { result } = await socket.ask('executeWorkload', { type: 'x', inputs: { input } });
    expect(result.outputs.input.data).toEqual(input);
    socket.ws.close();
  });
});

describe('under way', () => {
  test('a call is canceled by its id, and says so', async () => {
    const socket = await at();
    socket.send(message('executeWorkload', { type: 'hold' }, 7));
    await until(() => doors.manager.calls.length === 1, 'the job is taken');
    socket.send({ jsonrpc: '2.0', method: '$/cancelRequest', params: { id: 8 } });
    expect(await socket.ask('listDevices', {}, 9)).toMatchObject({ id: 9 });
    expect(doors.manager.aborted).toBe(0);
    socket.send({ jsonrpc: '2.0', method: '$/cancelRequest', params: { id: 7 } });
    expect(await socket.next()).toMatchObject({ id: 7, error: { code: -32007, data: { code: 'ERR_CANCELED' } } });
    expect(doors.manager.aborted).toBe(1);
    socket.ws.close();
  });

  test('one connection cancels nothing of another', async () => {
    const [one, other] = [await at(), await at()];
    one.send(message('executeWorkload', { type: 'hold' }, 7));
    await until(() => doors.manager.calls.length === 1, 'the job is taken');
    other.send({ jsonrpc: '2.0', method: '$/cancelRequest', params: { id: 7 } });
    expect(await other.ask('listDevices', {}, 7)).toMatchObject({ id: 7 });
    expect(doors.manager.aborted).toBe(0);
    one.ws.terminate();
    other.ws.close();
    await until(() => doors.manager.aborted === 1, 'the job is canceled with its connection');
  });

  test('answers come as they are done', async () => {
    const socket = await at();
    socket.send(message('executeWorkload', { type: 'hold' }, 'slow'));
    expect(await socket.ask('listDevices', {}, 'quick')).toMatchObject({ id: 'quick' });
    await until(() => doors.manager.holding.length > 0, 'it runs');
    doors.manager.holding.pop()();
    expect(await socket.next()).toMatchObject({ id: 'slow', result: { outputs: {} } });
    socket.ws.close();
  });

  test('progress is told to who asks for it, and to nobody else', async () => {
    const socket = await at();
    socket.send(message('executeWorkload', { type: 'hold', id: 'mine', _meta: { progressToken: 'p' } }, 1));
    socket.send(message('executeWorkload', { type: 'hold', id: 'other' }, 2));
    await until(() => doors.manager.calls.length === 2, 'the jobs are taken');
    for (const workloadId of ['mine', 'other']) doors.manager.emit('progress', { workloadId, done: 2, total: 8 });
    for (const finish of doors.manager.holding.splice(0)) finish();
    await socket.next();
    await socket.next();
    expect(socket.notifications).toEqual([
      { jsonrpc: '2.0', method: '$/progress', params: { token: 'p', done: 2, total: 8 } },
    ]);
    expect(doors.manager.listenerCount('progress')).toBe(0);
    socket.ws.close();
  });

  test('a connection may have 256 calls under way', async () => {
    const socket = await at();
    for (let i = 0; i < 257; ++i) socket.send(message('executeWorkload', { type: 'hold' }, i));
    expect(await socket.next()).toMatchObject({
      id: 256,
      error: { code: -32008, data: { code: 'ERR_QUEUE_FULL', retryAfter: 100 } },
    });
    socket.ws.terminate();
    await until(() => doors.manager.aborted === doors.manager.calls.length, 'all of them are canceled');
    doors.manager.holding.length = 0;
  });
});

describe('events', () => {
  test('come together, bounded, until it is canceled or ends', async () => {
    const socket = await at();
    const { result } = await socket.ask('subscribe', { events: ['workload-completed', 'queue-full'] });
    expect(result).toEqual({ subscription: expect.any(String), active: true });
    for (let i = 0; i < 300; ++i) doors.manager.emit('workload-completed', { workloadId: `w${i}`, pid: 5 });
    doors.manager.emit('worker-lost', { workerId: 1 });
    await until(() => socket.notifications.length === 1, 'they are told');
    const [{ method, params }] = socket.notifications;
    expect(method).toBe('event');
    expect(params).toMatchObject({ subscription: result.subscription, dropped: 44 });
    expect(params.events).toHaveLength(256);
    expect(params.events[0]).toEqual({ event: 'workload-completed', data: { workloadId: 'w0' } });
    expect((await socket.ask('subscribe', { cancel: result.subscription })).result.active).toBe(false);
    expect((await socket.ask('subscribe', { cancel: result.subscription })).error.data.code).toBe('ERR_NOT_FOUND');
    expect(doors.manager.listenerCount('workload-completed')).toBe(0);
    await socket.ask('subscribe', { events: ['queue-full'] });
    socket.ws.close();
    await until(() => doors.manager.listenerCount('queue-full') === 0, 'nobody listens any more');
  });

  test('are listened to once, however many hear them', async () => {
    const warnings = [];
    const warned = (warning) => warnings.push(warning);
    process.on('warning', warned);
    const sockets = await Promise.all(Array.from({ length: 12 }, () => at()));
    for (const socket of sockets) await socket.ask('subscribe', { events: ['queue-full'] });
    for (let id = 0; id < 12; ++id)
      sockets[0].send(message('executeWorkload', { type: 'hold', _meta: { progressToken: id } }, id));
    await until(() => doors.manager.holding.length === 12, 'they run');
    expect(doors.manager.listenerCount('queue-full')).toBe(1);
    expect(doors.manager.listenerCount('progress')).toBe(1);
    doors.manager.emit('queue-full', { retryAfter: 5 });
    await until(() => sockets.every(({ notifications }) => notifications.length === 1), 'each hears it');
    for (const finish of doors.manager.holding.splice(0)) finish();
    await until(() => doors.manager.listenerCount('progress') === 0, 'the jobs have ended');
    for (const socket of sockets) socket.ws.close();
    await until(() => doors.manager.listenerCount('queue-full') === 0, 'nobody listens any more');
    process.off('warning', warned);
    expect(warnings).toEqual([]);
  });

  test('two jobs that are called the same hear of themselves alone', async () => {
    const [one, other] = [await at(), await at()];
    const ask = (token) => message('executeWorkload', { type: 'hold', id: 'same', _meta: { progressToken: token } });
    one.send(ask('a'));
    await until(() => doors.manager.holding.length === 1, 'the first runs');
    other.send(ask('b'));
    await until(() => doors.manager.holding.length === 2, 'both run');
    const [first, second] = doors.manager.calls.slice(-2).map(({ workload }) => workload.id);
    expect(first).toBe('same');
    expect(second).not.toBe('same');
    doors.manager.emit('progress', { workloadId: second, done: 1, total: 3 });
    await until(() => other.notifications.length === 1, 'the second hears it');
    expect(other.notifications[0].params).toEqual({ token: 'b', done: 1, total: 3 });
    expect(one.notifications).toEqual([]);
    for (const finish of doors.manager.holding.splice(0)) finish();
    for (const socket of [one, other]) {
      expect((await socket.next()).result.workloadId).toBe('same');
      socket.ws.close();
    }
  });

  test('have no folders in them', async () => {
    const socket = await at();
    await socket.ask('subscribe', { events: ['workload-failed'] });
    doors.manager.emit('workload-failed', { code: 'ERR_COMPILE', message: 'no', log: '/root/secret/k.comp:3: no' });
    await until(() => socket.notifications.length === 1, 'it is told');
    expect(socket.notifications[0].params.events[0].data).toEqual({
      code: 'ERR_COMPILE',
      message: 'no',
      log: 'k.comp:3: no',
    });
    socket.ws.close();
  });

  test('metrics, every so often', async () => {
    const socket = await at();
    await socket.ask('subscribe', { events: ['metrics'], interval: 250 });
    await until(() => socket.notifications.length >= 2, 'they come again');
    expect(socket.notifications[0].params.events).toEqual([{ event: 'metrics', data: { totalContexts: 3 } }]);
    socket.ws.close();
  });

  test('contexts and health, at once', async () => {
    const socket = await at();
    await socket.ask('subscribe', { events: ['contexts', 'health'], interval: 3_600_000 });
    await until(() => socket.notifications.length > 0, 'they come');
    const { events } = socket.notifications[0].params;
    expect(events.map(({ event }) => event).sort()).toEqual(['contexts', 'health']);
    const { contexts } = events.find(({ event }) => event === 'contexts').data;
    expect(contexts.map(({ id }) => id)).toEqual(['1-cuda-0', '1-vulkan-0', '1-cpu-0']);
    expect(JSON.stringify(events)).not.toMatch(/"pid"/);
    socket.ws.close();
  });

  test.each([
    [{}, /events and cancel are both left out/],
    [{ events: [] }, /at least 1/],
    [{ events: ['everything'] }, /must be one of/],
    [{ events: ['metrics'], interval: 1 }, /at least 250/],
  ])('%j is refused', async (params, why) => {
    const socket = await at();
    expect((await socket.ask('subscribe', params)).error.message).toMatch(why);
    socket.ws.close();
  });

  test('a connection has 16 at most, and HTTP none', async () => {
    const socket = await at();
    for (let i = 0; i < 16; ++i) await socket.ask('subscribe', { events: ['queue-full'] });
    expect((await socket.ask('subscribe', { events: ['queue-full'] })).error.data.code).toBe('ERR_QUEUE_FULL');
    socket.ws.close();
    const { json } = await postRpc(doors.port, message('subscribe', { events: ['metrics'] }));
    expect(json.error).toMatchObject({ code: -32002, data: { code: 'ERR_UNSUPPORTED' } });
  });
});

describe('the handshake', () => {
  test('subprotocols: mcp, switchyard, none; what is unknown is not taken', async () => {
    for (const [protocols, expected] of [
      ['mcp', 'mcp'],
      [['switchyard', 'mcp'], 'switchyard'],
      [[], ''],
    ]) {
      const socket = await open(doors.rpcPort, { path: '/', protocols });
      expect(socket.ws.protocol).toBe(expected);
      expect(await socket.ask('listDevices')).toMatchObject({ result: expect.anything() });
      socket.ws.close();
    }
    await expect(at({ protocols: ['other'] })).rejects.toThrow(/no subprotocol/);
  });

  test('no message is ever compressed', async () => {
    const socket = await at({ perMessageDeflate: true });
    expect(socket.ws.extensions).toBe('');
    socket.ws.close();
  });

  test('another path, and a request that is none for a WebSocket', async () => {
    await expect(at({ path: '/nothing' })).rejects.toMatchObject({ status: 404 });
    await expect(at({ path: '/v1/contexts' })).rejects.toMatchObject({ status: 200 });
    const { request } = require('../../support/http-service');
    expect(await request(doors.port, '/ws')).toMatchObject({ status: 426, headers: { upgrade: 'websocket' } });
    expect(await request(doors.rpcPort, '/')).toMatchObject({ status: 426, headers: { upgrade: 'websocket' } });
  });

  test('a request that asks for HTTP/2 instead is answered as HTTP/1.1, body and all', async () => {
    const body = JSON.stringify(message('listDevices'));
    for (const connection of ['Upgrade, HTTP2-Settings, close', 'Upgrade, HTTP2-Settings\r\nconnection: close']) {
      const head =
        `POST /rpc HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n` +
        `upgrade: h2c\r\nhttp2-settings: AAMAAABkAAQCAAAAAAIAAAAA\r\nconnection: ${connection}\r\n\r\n`;
      const { status, text } = await raw(doors.port, head + body, { keepOpen: true });
      expect(status).toBe(200);
      expect(text).toMatch(/"devices":/);
    }
  });

  test('a WebSocket that is asked for by POST is none, and its connection ends', async () => {
    const { status } = await raw(
      doors.port,
      'POST /ws HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\ncontent-length: 0\r\n\r\n',
    );
    expect(status).toBe(405);
  });

  test('a client that does not answer pings is closed; one that does stays', async () => {
    const silent = await at({ autoPong: false });
    const lively = await at();
    await silent.ended;
    await new Promise((resolve) => {
      setTimeout(resolve, 500);
    });
    expect(lively.closed).toBeUndefined();
    lively.ws.close();
  });
});
