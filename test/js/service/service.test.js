// The HTTP service over a manager that only pretends: what it answers, and what it refuses.
'use strict';
const http = require('node:http');
const net = require('node:net');
const {
  startServer,
  request,
  post,
  raw,
  frame,
  readFrame,
  failed,
  wait,
  until,
} = require('../../support/service-helpers');

const kMB = 2 ** 20;
const kSmall = { type: 'normalize', inputs: { input: { data: [3, 4], shape: [1, 2] } } };

let server, port, manager;
beforeAll(async () => {
  server = await startServer({ bodyLimit: kMB });
  ({ port, manager } = server);
});
afterAll(() => server.app.close());
beforeEach(() => {
  manager.calls.length = 0;
  manager.aborted = 0;
});

describe('workloads as JSON', () => {
  test('a result has its outputs as numbers and the fields of GPUResult, nothing else', async () => {
    const { status, json, headers } = await post(port, { ...kSmall, id: 'mine' });
    expect(status).toBe(200);
    expect(json).toEqual({
      outputs: { input: { data: [3, 4], shape: [1, 2], dtype: 'float32' } },
      workloadId: 'mine',
      contextId: '1-cpu-0',
      workerId: 1,
      contextType: 'cpu',
      deviceName: 'a processor',
      cached: false,
      batchSize: 1,
      attempts: 1,
      timings: expect.objectContaining({ total: 1 }),
    });
    expect(headers['x-workload-id']).toBe('mine');
    expect(manager.calls[0].workload.inputs.input.data).toBeInstanceOf(Float32Array);
  });

  test('options, params and an id of our own reach the manager', async () => {
    const options = { priority: 3, timeout: 500, contextType: 'cpu', affinity: 'a', cache: true, retries: 1 };
    await post(port, { ...kSmall, params: { epsilon: 1 }, options });
    expect(manager.calls[0]).toEqual({
      workload: {
        type: 'normalize',
        params: { epsilon: 1 },
        inputs: expect.anything(),
        id: expect.stringMatching(/^http-/),
      },
      options: { ...options, signal: expect.anything() },
    });
  });

  test('a graph keeps its nodes and outputs', async () => {
    const graph = {
      type: 'graph',
      inputs: { x: [1, 2] },
      nodes: [{ type: 'softmax', inputs: { input: 'x' }, outputs: { output: 'y' } }],
      outputs: ['y'],
    };
    expect((await post(port, graph)).status).toBe(200);
    expect(manager.calls[0].workload).toMatchObject({ nodes: graph.nodes, outputs: ['y'] });
  });

  test.each([
    ['a bare array', [1, 2], { shape: [2], dtype: 'float32' }],
    [
      'nested arrays',
      [
        [1, 2],
        [3, 4],
      ],
      { shape: [2, 2] },
    ],
    [
      'nested data with a shape',
      {
        data: [
          [1, 2],
          [3, 4],
        ],
        shape: [4],
      },
      { shape: [4] },
    ],
    ['no elements', { data: [], shape: [0, 3] }, { shape: [0, 3] }],
    ['rows of no elements', [[], []], { shape: [2, 0] }],
    ['words for what JSON lacks', ['NaN', 'Infinity', '-Infinity'], { data: ['NaN', 'Infinity', '-Infinity'] }],
    ['int8', { data: [-128, 127], dtype: 'int8' }, { data: [-128, 127], dtype: 'int8' }],
    [
      'float16 as its values',
      { data: [0.5, -65504, '-Infinity'], dtype: 'float16' },
      { data: [0.5, -65504, '-Infinity'], dtype: 'float16' },
    ],
    [
      'base64',
      { data: Buffer.from(new Float32Array([1, -2]).buffer).toString('base64'), encoding: 'base64', shape: [2, 1] },
      { data: [1, -2], shape: [2, 1] },
    ],
    [
      'base64 of three bytes',
      { data: Buffer.from([1, 2, 3]).toString('base64'), dtype: 'uint8' },
      { data: [1, 2, 3], shape: [3] },
    ],
  ])('%s', async (_, input, expected) => {
    const { status, json } = await post(port, { type: 'x', inputs: { input } });
    expect(status).toBe(200);
    expect(json.outputs.input).toMatchObject(expected);
  });

  test('outputs as base64 where the options ask for it', async () => {
    const { json } = await post(port, { ...kSmall, options: { encoding: 'base64' } });
    const { data, encoding } = json.outputs.input;
    expect(encoding).toBe('base64');
    expect([...new Float32Array(new Uint8Array(Buffer.from(data, 'base64')).buffer)]).toEqual([3, 4]);
  });

  test('a large answer comes in pieces and whole', async () => {
    const data = Array.from({ length: 100_000 }, (_, i) => i / 4);
    const { status, json, headers } = await post(port, { type: 'x', inputs: { input: data } });
    expect(status).toBe(200);
    expect(headers['transfer-encoding']).toBe('chunked');
    expect(json.outputs.input.data).toEqual(data);
    expect(json.workerId).toBe(1);
  });

  test('a body in one-byte chunks is put together', async () => {
    const text = JSON.stringify(kSmall);
    const chunks = [...text].map((letter) => `1\r\n${letter}\r\n`).join('');
    const { status } = await raw(
      port,
      'POST /v1/workloads HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n' +
        `transfer-encoding: chunked\r\nconnection: close\r\n\r\n${chunks}0\r\n\r\n`,
      { keepOpen: true },
    );
    expect(status).toBe(200);
  });
});

test('a body in very many one-byte chunks is given up, and its connection', async () => {
  const { status, text } = await raw(
    port,
    `POST /v1/workloads HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n` +
      `transfer-encoding: chunked\r\n\r\n${'1\r\n \r\n'.repeat(50_000)}`,
    { keepOpen: true },
  );
  expect(status).toBe(400);
  expect(text).toMatch(/connection: close/i);
  expect(text).toMatch(/chunks of a few bytes/);
});

describe('what is refused with 400, naming what is wrong', () => {
  const input = (value) => ({ type: 'x', inputs: { input: value } });
  const deep = (open, close, depth) => open.repeat(depth) + close.repeat(depth);
  test.each([
    ['malformed JSON', '{"type":', /is not JSON/],
    ['an empty body', '', /empty/],
    ['an array', [], /must be an object/],
    ['no type', {}, /type is undefined/],
    [
      'an unknown key',
      { ...kSmall, input: {} },
      /unknown key of the workload 'normalize' 'input' \(did you mean 'inputs'\?\)/,
    ],
    ['nodes outside a graph', { ...kSmall, nodes: [] }, /unknown key .*'nodes'/],
    [
      'an unknown option',
      { ...kSmall, options: { prority: 1 } },
      /unknown option 'prority' \(did you mean 'priority'\?\)/,
    ],
    ['into', { ...kSmall, options: { into: {} } }, /unknown option 'into'/],
    ['an unknown key of a tensor', input({ data: [1], shap: [1] }), /unknown key of input 'input' 'shap'/],
    ['a number as text', input([1, '2']), /element 1, is '2'/],
    ['null among numbers', input([1, null]), /element 1, is null/],
    ['a number beyond float32', input([1e39]), /element 0, is 1e\+39/],
    ['a number beyond float16', input({ data: [65520], dtype: 'float16' }), /element 0, is 65520/],
    ['a number beyond int8', input({ data: [128], dtype: 'int8' }), /whole numbers from -128 to 127/],
    ['a broken number in int32', input({ data: [1.5], dtype: 'int32' }), /1\.5/],
    ['ragged rows', input([[1, 2], [3]]), /ragged/],
    ['rows of different depth', input([[1], 2]), /ragged/],
    ['rows that become deeper', input([1, [2]]), /ragged/],
    ['nine axes', input([[[[[[[[[1]]]]]]]]]), /more than 8 axes/],
    ['a shape that does not fit', input({ data: [1, 2], shape: [3] }), /takes 3 elements, but its data has 2/],
    ['a huge shape', input({ data: [1], shape: [2 ** 31, 2 ** 31] }), /elements/],
    [
      'a shape of 2^63 elements that wraps to 0',
      input({ data: [], shape: [4294967296, 4294967296] }),
      /more elements than can be counted/,
    ],
    ['a negative extent', input({ data: [1], shape: [-1] }), /axis 0 is -1/],
    ['a shape of text', input({ data: [1], shape: '1' }), /shape is an array/],
    ['an unknown dtype', input({ data: [1], dtype: 'float64' }), /dtype 'float64'/],
    ['an unknown encoding', input({ data: 'AAAA', encoding: 'hex' }), /encoding 'hex'/],
    ['base64 with other letters', input({ data: 'AA*A' }), /not base64/],
    ['base64 of a wrong length', input({ data: 'AAAAA' }), /not base64/],
    ['base64 of half a number', input({ data: 'AAAA' }), /no whole number of float32/],
    ['an offset in JSON', input({ offset: 0, shape: [1] }), /only a binary request/],
    ['an input that is no tensor', input(7), /must be an array of numbers/],
    ['inputs as an array', { type: 'x', inputs: [] }, /inputs is \[\]/],
    ['__proto__ as a key', '{"type":"x","__proto__":{"id":"a"}}', /'__proto__'/],
    ['__proto__ as an input', '{"type":"x","inputs":{"__proto__":[1]}}', /'__proto__'/],
    ['__proto__ in the params', '{"type":"x","params":{"__proto__":{}}}', /'__proto__'/],
    [
      'constructor deep in a node',
      '{"type":"graph","inputs":{},"outputs":["y"],"nodes":[{"type":"add","params":{"constructor":{"prototype":1}}}]}',
      /'constructor'/,
    ],
    ['__proto__ written with escapes', '{"type":"x","params":{"__\\u0070roto__":{}}}', /'__proto__'/],
    ['deep arrays', deep('[', ']', 100_000), /nested deeper than 32/],
    ['deep objects', '{"a":'.repeat(50_000), /nested deeper than 32/],
    ['deep params', { type: 'x', params: JSON.parse(deep('[', ']', 28)) }, /params is/],
    [
      'a million keys',
      `{${Array.from({ length: 110_000 }, (_, i) => `"${i.toString(36)}":1`).join(',')}}`,
      /110000 keys/,
    ],
    ['a control character in the id', { ...kSmall, id: 'a\nb' }, /id/],
    ['a long id', { ...kSmall, id: 'a'.repeat(200) }, /1 to 128 characters/],
    ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0xfe, 0x22]), /not UTF-8/],
    ['a long affinity', { ...kSmall, options: { affinity: 'a'.repeat(200) } }, /affinity/],
    ['a very long unknown key', { [`k${'x'.repeat(100_000)}`]: 1, type: 'x' }, /unknown key/],
  ])('%s', async (_, body, message) => {
    const { status, json } = await post(port, body);
    expect(status).toBe(400);
    expect(json.error.code).toBe('ERR_INVALID_ARGUMENT');
    expect(json.error.message).toMatch(message);
    expect(json.error.message.length).toBeLessThan(600);
    expect(manager.calls).toHaveLength(0);
    expect({}.id).toBeUndefined();
  });
});

describe('workloads as bytes', () => {
  const post8 = (body, headers = {}) => post(port, body, { 'content-type': 'application/octet-stream', ...headers });
  const two = [new Float32Array([1, 2, 3]), new Int8Array([4, 5])];
  const header = {
    type: 'x',
    inputs: { a: { shape: [3], dtype: 'float32', offset: 0 }, b: { shape: [2], dtype: 'int8', offset: 16 } },
  };

  test('tensors are read in place and answered in the same format', async () => {
    const { status, bytes, headers } = await post8(frame(header, two));
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('application/octet-stream');
    const answer = readFrame(bytes);
    expect(answer.version).toBe(1);
    expect(answer.header).toMatchObject({
      outputs: { a: { shape: [3], dtype: 'float32', offset: 0 }, b: { shape: [2], dtype: 'int8', offset: 16 } },
      workerId: 1,
    });
    expect(answer.header.secret).toBeUndefined();
    expect([
      ...new Float32Array(answer.data.buffer.slice(answer.data.byteOffset, answer.data.byteOffset + 12)),
    ]).toEqual([1, 2, 3]);
    expect([...new Int8Array(answer.data.buffer, answer.data.byteOffset + 16, 2)]).toEqual([4, 5]);
  });

  test('without the last padding, with two inputs at one place, and with an inline tensor', async () => {
    expect((await post8(frame(header, two).subarray(0, -6))).status).toBe(200);
    const shared = { type: 'x', inputs: { a: { shape: [3], offset: 0 }, b: { shape: [3], offset: 0 }, c: [1] } };
    expect((await post8(frame(shared, [two[0]]))).status).toBe(200);
  });

  test('Accept decides about the answer', async () => {
    expect((await post8(frame(header, two), { accept: 'application/json' })).json.outputs.b.data).toEqual([4, 5]);
    expect((await post(port, kSmall, { accept: 'application/octet-stream' })).bytes.toString('latin1', 0, 4)).toBe(
      'SWYD',
    );
  });

  test.each([
    ['nothing but a beginning', Buffer.from('SWYD'), /begins with 12/],
    ['another magic', frame(header, two, { magic: 'XXXX' }), /'SWYD'/],
    ['another version', frame(header, two, { version: 2 }), /version 2/],
    ['a header longer than the body', frame(header, two, { length: 60000 }), /only \d+ bytes follow/],
    ['a header of 4 GB', frame(header, two, { length: 0xffffffff }), /at most 1048576/],
    ['a header cut short', frame(header, two, { length: 20 }), /is not JSON/],
    [
      'a header of bad UTF-8',
      Buffer.concat([frame('aa', []).subarray(0, 13), Buffer.from([0xff, 0xff, 0x22])]),
      /not UTF-8/,
    ],
    ['tensors cut short', frame(header, two).subarray(0, -8), /takes 2 bytes from offset 16/],
    ['bytes that nobody claims', Buffer.concat([frame(header, two), Buffer.alloc(8)]), /its tensors take 18/],
    [
      'an offset that is not aligned',
      frame({ type: 'x', inputs: { a: { shape: [1], offset: 4 } } }, two),
      /multiple of 8/,
    ],
    [
      'an offset beyond the end',
      frame({ type: 'x', inputs: { a: { shape: [1], offset: 2 ** 40 } } }, two),
      /bytes behind the header/,
    ],
    ['a negative offset', frame({ type: 'x', inputs: { a: { shape: [1], offset: -8 } } }, two), /multiple of 8/],
    [
      'a shape that overflows',
      frame({ type: 'x', inputs: { a: { shape: [2 ** 30, 2 ** 30, 16], offset: 0 } } }, two),
      /more elements/,
    ],
    [
      'a shape larger than memory',
      frame({ type: 'x', inputs: { a: { shape: [2 ** 50], offset: 0 } } }, two),
      /bytes behind the header/,
    ],
    ['no shape', frame({ type: 'x', inputs: { a: { offset: 0 } } }, two), /shape/],
    [
      'data and an offset',
      frame({ type: 'x', inputs: { a: { shape: [1], offset: 0, data: [1] } } }, two),
      /unknown key of input 'a' 'data'/,
    ],
    [
      '__proto__ in the header',
      frame(JSON.parse('{"type":"x","inputs":{"__proto__":{"offset":0,"shape":[1]}}}'), two),
      /'__proto__'/,
    ],
  ])('%s is refused', async (_, body, message) => {
    const { status, json } = await post8(body);
    expect(status).toBe(400);
    expect(json.error.message).toMatch(message);
    expect(manager.calls).toHaveLength(0);
  });
});

describe('errors of jobs', () => {
  test.each([
    ['ERR_INVALID_ARGUMENT', 400],
    ['ERR_UNKNOWN_WORKLOAD', 400],
    ['ERR_COMPILE', 400],
    ['ERR_UNSUPPORTED', 501],
    ['ERR_TIMEOUT', 504],
    ['ERR_CANCELED', 499],
    ['ERR_OUT_OF_MEMORY', 507],
    ['ERR_CLOSED', 503],
    ['ERR_WORKER_LOST', 503],
    ['ERR_DEVICE_LOST', 503],
  ])('%s is %i', async (code, expected) => {
    manager.failures.bad = failed(code, 'what was wrong');
    const { status, json, headers } = await post(port, { type: 'bad', id: 'j' });
    expect(status).toBe(expected);
    expect(json.error).toMatchObject({ code, message: 'what was wrong', workloadId: 'j' });
    expect(headers['retry-after']).toBe(expected === 503 ? '1' : undefined);
  });

  test('a full queue says when to come again', async () => {
    manager.failures.bad = failed('ERR_QUEUE_FULL', 'the queue is full', { retryAfter: 1250 });
    const { status, json, headers } = await post(port, { type: 'bad' });
    expect(status).toBe(429);
    expect(headers['retry-after']).toBe('2');
    expect(json.error.retryAfter).toBe(1250);
  });

  test('an internal error shows nothing of the inside; the log has it, without folders', async () => {
    manager.failures.bad = new TypeError('cannot read /home/someone/app/secret.js');
    const { status, text } = await post(port, { type: 'bad', id: 'j' });
    expect(status).toBe(500);
    expect(text).not.toMatch(/secret|home/);
    expect(server.lines.at(-1).fields).toMatchObject({
      workloadId: 'j',
      code: 'ERR_INTERNAL',
      reason: 'cannot read secret.js',
    });
  });

  test('a folder in an error message does not leave', async () => {
    manager.failures.bad = failed('ERR_UNSUPPORTED', 'the addon is missing: /opt/app/build/x.node');
    expect((await post(port, { type: 'bad' })).json.error.message).toBe('the addon is missing: x.node');
  });
});

describe('the protocol', () => {
  test.each([
    ['GET', '/v1/workloads', 405, 'POST'],
    ['PUT', '/v1/workloads', 405, 'POST'],
    ['OPTIONS', '/v1/workloads', 405, 'POST'],
    ['DELETE', '/metrics', 405, 'GET, HEAD'],
    ['POST', '/', 405, 'GET, HEAD'],
    ['GET', '/nothing', 404, undefined],
    ['GET', '/v1/workloads/x', 404, undefined],
    ['GET', '/%zz', 400, undefined],
  ])('%s %s is %i', async (method, path, status, allow) => {
    const answer = await request(port, path, { method, headers: { 'content-length': 0 } });
    expect(answer.status).toBe(status);
    expect(answer.headers.allow).toBe(allow);
    expect(answer.json.error.code).toMatch(/^ERR_/);
  });

  test.each([
    [{ 'content-type': 'text/plain' }],
    [{ 'content-type': 'application/x-www-form-urlencoded' }],
    [{ 'content-type': '' }],
    [{ 'content-type': 'application/json', 'content-encoding': 'gzip' }],
    [{ 'content-type': 'application/json; charset=utf-16' }],
  ])('a body with %j is 415', async (headers) => {
    const { status, json } = await request(port, '/v1/workloads', {
      method: 'POST',
      headers,
      body: JSON.stringify(kSmall),
    });
    expect(status).toBe(415);
    expect(json.error.code).toBe('ERR_UNSUPPORTED_MEDIA_TYPE');
  });

  test('a body of more than the limit is 413, declared or not, and the server goes on', async () => {
    const large = Buffer.alloc(kMB + 1, 0x20);
    expect((await post(port, large)).status).toBe(413);
    const chunked = await request(port, '/v1/workloads', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
      body: large,
    });
    expect(chunked).toMatchObject({ status: 413, json: { error: { code: 'ERR_BODY_TOO_LARGE' } } });
    expect(
      (
        await raw(
          port,
          'POST /v1/workloads HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n' +
            'content-length: 99999999999999\r\n\r\n{',
          { keepOpen: true },
        )
      ).status,
    ).toBe(413);
    expect((await post(port, kSmall)).status).toBe(200);
  });

  test('a body shorter than its Content-Length gets no job', async () => {
    const { text } = await raw(
      port,
      'POST /v1/workloads HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n' +
        'content-length: 500\r\n\r\n{"type":"x"}',
    );
    expect(text).not.toMatch(/ 200 /);
    expect(manager.calls).toHaveLength(0);
  });

  test('a body longer than its Content-Length is cut there', async () => {
    const { text } = await raw(
      port,
      `POST /v1/workloads HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n` +
        `content-length: 5\r\n\r\n${JSON.stringify(kSmall)}`,
      { keepOpen: true },
    );
    expect(text).toMatch(/^HTTP\/1\.1 400/);
    expect(manager.calls).toHaveLength(0);
  });

  test.each([
    ['a negative Content-Length', 'content-length: -5\r\n'],
    ['two Content-Lengths', 'content-length: 5\r\ncontent-length: 6\r\n'],
    ['Content-Length beside chunks', 'content-length: 5\r\ntransfer-encoding: chunked\r\n'],
    ['a space before the colon', 'content-length : 5\r\n'],
  ])('%s is 400', async (_, lines) => {
    expect(
      (
        await raw(
          port,
          `POST /v1/workloads HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${lines}\r\n12345`,
          { keepOpen: true },
        )
      ).status,
    ).toBe(400);
  });

  test('bytes that are no HTTP are 400, with our body', async () => {
    const { status, text } = await raw(port, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 tls\r\n\r\n', {
      keepOpen: true,
    });
    expect(status).toBe(400);
    expect(text).toMatch(/"code":"ERR_INVALID_ARGUMENT"/);
  });

  test('headers that are too large or too many are 431', async () => {
    expect(
      (await raw(port, `GET / HTTP/1.1\r\nhost: x\r\nx: ${'a'.repeat(20000)}\r\n\r\n`, { keepOpen: true })).status,
    ).toBe(431);
    expect(
      (
        await request(port, '/', {
          headers: Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`x-${i}`, '1'])),
        })
      ).status,
    ).toBe(431);
  });

  test('a query that means nothing is refused', async () => {
    expect((await request(port, '/health/live?x=1')).json.error.message).toMatch(/unknown query parameter 'x'/);
    expect((await request(port, '/health/gpu?require=tpu')).status).toBe(400);
    expect((await request(port, '/health/gpu?require=cpu&require=cuda')).status).toBe(400);
  });

  test('a client that leaves cancels its job', async () => {
    const socket = net.connect(port, '127.0.0.1');
    socket.write(
      `POST /v1/workloads HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n` +
        `content-length: 15\r\n\r\n{"type":"hold"}`,
    );
    await until(() => manager.calls.length === 1, 'the job is taken');
    socket.destroy();
    await until(() => manager.aborted === 1, 'the job is canceled');
  });

  test('a client that stays does not', async () => {
    const agent = new http.Agent({ keepAlive: true });
    for (let i = 0; i < 3; ++i)
      expect(
        (
          await request(port, '/v1/workloads', {
            method: 'POST',
            agent,
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify(kSmall),
          })
        ).status,
      ).toBe(200);
    agent.destroy();
    await wait(50);
    expect(manager.aborted).toBe(0);
  });
});

describe('the other endpoints', () => {
  test('GET / lists the endpoints and a request that works', async () => {
    const { text, headers } = await request(port, '/');
    expect(headers['content-type']).toMatch(/text\/plain/);
    for (const path of ['/v1/workloads', '/health/live', '/health/ready', '/health/gpu', '/health/cluster', '/metrics'])
      expect(text).toContain(path);
    const { json } = await request(port, '/', { headers: { accept: 'application/json' } });
    expect(json.name).toBe('switchyard');
    expect((await post(port, json.example.body)).status).toBe(200);
    expect(json.example.curl).toContain(`http://127.0.0.1:${port}/v1/workloads`);
  });

  test('a Host that could do harm in a shell is not repeated', async () => {
    expect(
      (await raw(port, 'GET / HTTP/1.1\r\nhost: $(reboot)\r\nconnection: close\r\n\r\n', { keepOpen: true })).text,
    ).not.toContain('reboot');
  });

  test('/health/gpu wants a context whose known answer came, of the kind asked for', async () => {
    expect(await request(port, '/health/gpu')).toMatchObject({
      status: 200,
      json: { status: 'ok', contextId: '1-cpu-0', ageMs: 120 },
    });
    expect((await request(port, '/health/gpu?require=cpu')).status).toBe(200);
    expect((await request(port, '/health/gpu?require=cuda')).status).toBe(503); // lost
    expect((await request(port, '/health/gpu?require=vulkan')).status).toBe(503); // not there yet
  });

  test('/health/cluster, /v1/contexts and /metrics', async () => {
    expect(await request(port, '/health/cluster')).toMatchObject({
      status: 200,
      json: { status: 'ok', workers: [{ id: 1, loopAgeMs: 1, deviceAgeMs: null }], queue: { limit: 10 } },
    });
    manager.status = 'down';
    expect((await request(port, '/health/cluster')).status).toBe(503);
    expect(await request(port, '/health/ready')).toMatchObject({ status: 503, json: { status: 'down' } });
    manager.status = 'ok';
    expect((await request(port, '/v1/contexts')).json.contexts).toHaveLength(3);
    expect(await request(port, '/metrics')).toMatchObject({
      status: 200,
      headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
      text: expect.stringMatching(/switchyard_pending 0/),
    });
  });

  test('a primary that does not answer is a 503, soon', async () => {
    const { health } = manager;
    manager.health = () => new Promise(() => {});
    expect((await request(port, '/health/ready')).status).toBe(503);
    expect((await request(port, '/health/live')).status).toBe(200);
    manager.health = health;
  });
});
