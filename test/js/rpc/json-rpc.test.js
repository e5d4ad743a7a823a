// JSON-RPC 2.0 as its specification says it, over both doors: what is a request, what is answered, and with what.
'use strict';
const { useDoors, message, open, postRpc } = require('../../support/rpc-service');
const { kSmall, wait } = require('../../support/http-service');

const doors = useDoors();

/** Each of the doors as a function of a text: what it answers, undefined where it answers nothing. */
const kDoors = {
  'POST /rpc': async (text) => {
    const { status, json } = await postRpc(doors.port, text);
    expect(status).toBe(json === undefined ? 204 : 200);
    return json;
  },
  'a WebSocket at /ws': (text) => overSocket(doors.port, '/ws', text),
  'a WebSocket at RPC_PORT': (text) => overSocket(doors.rpcPort, '/', text),
};

async function overSocket(port, path, text) {
  const socket = await open(port, { path });
  socket.send(text);
  // Of two answers either may come first; where there is only one, it is that of the call behind.
  socket.send(message('listDevices', {}, 'after'));
  const answers = [await socket.next()];
  const mark = answers[0].id === 'after' ? wait(100) : undefined;
  answers.push(await Promise.race([socket.next(), ...(mark ? [mark] : [])]));
  socket.ws.close();
  return answers.find((each) => each !== undefined && each.id !== 'after');
}

const error = (id, code) => ({
  jsonrpc: '2.0',
  id,
  error: {
    code,
    message: expect.any(String),
    data: { code: expect.stringMatching(/^ERR_/), remedy: expect.any(String) },
  },
});

describe.each(Object.keys(kDoors))('%s', (door) => {
  const ask = (what) => kDoors[door](typeof what === 'string' ? what : JSON.stringify(what));

  test('a request is answered with its id, a string, a number or null', async () => {
    for (const id of [1, 'a', 0, -1.5, '', null, 2 ** 53 - 1, 'x'.repeat(1024)])
      expect(await ask(message('listDevices', {}, id))).toEqual({
        jsonrpc: '2.0',
        id,
        result: { devices: expect.any(Array) },
      });
  });

  test('params may be left out, or stand by position', async () => {
    expect(await ask(message('listDevices'))).toMatchObject({ result: { devices: expect.any(Array) } });
    expect(await ask(message('executeWorkload', ['normalize', kSmall.inputs]))).toMatchObject({
      result: { outputs: { input: { data: [3, 4] } } },
    });
    expect(await ask(message('listDevices', [1]))).toMatchObject(error(1, -32602));
  });

  test.each([
    ['no JSON', '{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]', null, -32700],
    ['a batch that is no JSON', '[{"jsonrpc": "2.0", "method": "sum"}, {"jsonrpc"', null, -32700],
    ['nothing', '', null, -32700],
    ['a method that is a number', { jsonrpc: '2.0', method: 1, params: 'bar' }, null, -32600],
    ['params that are a text', { jsonrpc: '2.0', id: 7, method: 'health', params: 'bar' }, 7, -32600],
    ['params that are null', { jsonrpc: '2.0', id: 7, method: 'health', params: null }, 7, -32600],
    ['no version', { id: 7, method: 'health' }, 7, -32600],
    ['another version', { jsonrpc: '1.0', id: 7, method: 'health' }, 7, -32600],
    ['an id that is an object', { jsonrpc: '2.0', id: {}, method: 'health' }, null, -32600],
    ['an id that is true', { jsonrpc: '2.0', id: true, method: 'health' }, null, -32600],
    [
      'an id that would come back as another',
      '{"jsonrpc":"2.0","id":9007199254740993,"method":"health"}',
      null,
      -32600,
    ],
    ['an id of 1025 characters', { jsonrpc: '2.0', id: 'x'.repeat(1025), method: 'health' }, null, -32600],
    ['a progressToken of 1025', message('health', { _meta: { progressToken: 'x'.repeat(1025) } }), 1, -32602],
    ['a number', '1', null, -32600],
    ['null', 'null', null, -32600],
    ['an empty batch', [], null, -32600],
    ['a batch of 101', Array(101).fill(message('health')), null, -32600],
    ['no such method', message('foobar'), 1, -32601],
    ['a method of JavaScript', message('constructor'), 1, -32601],
    ['another one', message('__proto__'), 1, -32601],
    ['wrong params', message('embed', { texts: 5 }), 1, -32602],
    ['unknown params', message('embed', { text: ['a'] }), 1, -32602],
  ])('%s', async (_, what, id, code) => {
    if (what === '' && door === 'POST /rpc') return; // a body that is missing is HTTP's to refuse
    expect(await ask(what)).toMatchObject(error(id, code));
  });

  test('a notification has no answer, not even where it is wrong', async () => {
    for (const method of ['listDevices', 'foobar', 'embed', '$/cancelRequest', '$/other'])
      expect(await ask({ jsonrpc: '2.0', method })).toBeUndefined();
  });

  test('a batch is answered as one, without what needs none; a wrong entry spoils no other', async () => {
    const answers = await ask([
      message('listDevices', {}, 1),
      { jsonrpc: '2.0', method: 'listDevices' },
      { foo: 'boo' },
      message('foobar', {}, '5'),
      message('listWorkloads', {}, '9'),
      5,
    ]);
    expect(answers).toEqual([
      { jsonrpc: '2.0', id: 1, result: expect.anything() },
      error(null, -32600),
      error('5', -32601),
      { jsonrpc: '2.0', id: '9', result: { workloads: expect.any(Array) } },
      error(null, -32600),
    ]);
    expect(await ask([1, 2, 3])).toHaveLength(3);
    expect(
      await ask([
        { jsonrpc: '2.0', method: 'listDevices' },
        { jsonrpc: '2.0', method: 'x' },
      ]),
    ).toBeUndefined();
  });

  test('tensors of each answer of a batch are as its own request has asked for them', async () => {
    const asks = [undefined, { encoding: 'base64' }, {}].map((options, id) =>
      message('executeWorkload', { ...kSmall, ...(options ? { options } : {}) }, id),
    );
    const meta = message('executeWorkload', { ...kSmall, _meta: { encoding: 'base64' } }, 3);
    const answers = await ask([...asks, meta]);
    const base64 = Buffer.from(Float32Array.of(3, 4).buffer).toString('base64');
    expect(answers.map(({ result }) => result.outputs.input.data)).toEqual([[3, 4], base64, [3, 4], base64]);
    expect((await ask(asks[1])).result.outputs.input.data).toBe(base64);
  });

  test('an error has the code, what helps, and the argument', async () => {
    expect(await ask(message('executeWorkload', { type: 'unknown' }))).toMatchObject({
      error: { code: -32001, data: { code: 'ERR_UNKNOWN_WORKLOAD', remedy: expect.stringMatching(/listWorkloads/) } },
    });
    expect(await ask(message('embed', { texts: ['a', 5] }))).toMatchObject({
      error: { code: -32602, data: { code: 'ERR_INVALID_ARGUMENT', argument: 'texts[1]' } },
    });
    expect(await ask(message('index_create', { index: 'x', dimensions: 1.5 }))).toMatchObject({
      error: { message: 'dimensions is 1.5, but must be a whole number', data: { argument: 'dimensions' } },
    });
  });

  test('what JavaScript means something by is no key, wherever it stands', async () => {
    for (const params of [
      '{"__proto__": {"admin": true}}',
      '{"options": {"constructor": 1}}',
      '{"a": [{"prototype": 1}]}',
    ])
      expect(await ask(`{"jsonrpc":"2.0","id":1,"method":"processEmbeddings","params":${params}}`)).toMatchObject({
        ...error(1, -32602),
        error: { code: -32602, message: expect.stringMatching(/not allowed/) },
      });
    expect({}.admin).toBeUndefined();
  });

  test('JSON that is nested too deep, or has too much in it, is refused before it is parsed', async () => {
    const nested = `{"jsonrpc":"2.0","id":1,"method":"health","params":${'['.repeat(40)}${']'.repeat(40)}}`;
    expect(await ask(nested)).toMatchObject(error(null, -32700));
    const many = `{"jsonrpc":"2.0","id":1,"method":"health","params":[${'[],'.repeat(1_000_001)}[]]}`;
    expect(await ask(many)).toMatchObject(error(null, -32700));
    expect(await ask('{"jsonrpc":"2.0","id":1,"id":2,"method":"listDevices"}')).toMatchObject({ id: 2 });
    expect(await ask('{"jsonrpc":"2.0","id":1e400,"method":"listDevices"}')).toMatchObject(error(null, -32600));
  });

  test('a fault of ours is no secret told', async () => {
    doors.manager.failures.broken = new TypeError('/root/secret.js: no such thing');
    const answer = await ask(message('executeWorkload', { type: 'broken' }));
    expect(answer).toMatchObject({ error: { code: -32603, data: { code: 'ERR_INTERNAL' } } });
    expect(JSON.stringify(answer)).not.toMatch(/secret|\/root|TypeError/);
  });
});
