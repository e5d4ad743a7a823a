// Workloads as JSON over HTTP, by a manager that only pretends: what is answered, and what is refused.
'use strict';
const { useServer, post, raw, kSmall, kMB } = require('../../support/http-service');

const server = useServer({ bodyLimit: kMB });

describe('workloads as JSON', () => {
  test('a result has its outputs as numbers and the fields of GPUResult, nothing else', async () => {
    const { status, json, headers } = await post(server.port, { ...kSmall, id: 'mine' });
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
    expect(server.manager.calls[0].workload.inputs.input.data).toBeInstanceOf(Float32Array);
  });

  test('options, params and an id of our own reach the manager', async () => {
    const options = { priority: 3, timeout: 500, contextType: 'cpu', affinity: 'a', cache: true, retries: 1 };
    await post(server.port, { ...kSmall, params: { epsilon: 1 }, options });
    expect(server.manager.calls[0]).toEqual({
      workload: {
        type: 'normalize',
        params: { epsilon: 1 },
        inputs: expect.anything(),
        id: expect.stringMatching(/^job-[0-9a-f]{8}-\d+$/),
      },
      options: { ...options, account: { caller: '127.0.0.1' }, signal: expect.anything() },
    });
  });

  test('split reaches the manager, and where the parts ran the client', async () => {
    const { json } = await post(server.port, { ...kSmall, split: true });
    expect(server.manager.calls[0].workload.split).toBe(true);
    expect(json.parts).toEqual([{ contextId: '1-cpu-0', attempts: 1 }]);
    const { status } = await post(server.port, { ...kSmall, options: { split: true } });
    expect(status).toBe(400);
  });

  test('a graph keeps its nodes and outputs', async () => {
    const graph = {
      type: 'graph',
      inputs: { x: [1, 2] },
      nodes: [{ type: 'softmax', inputs: { input: 'x' }, outputs: { output: 'y' } }],
      outputs: ['y'],
    };
    expect((await post(server.port, graph)).status).toBe(200);
    expect(server.manager.calls[0].workload).toMatchObject({ nodes: graph.nodes, outputs: ['y'] });
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
      'bfloat16 as its values',
      { data: [0.5, -1e38, 'NaN'], dtype: 'bfloat16' },
      { data: [0.5, -9.969209968386869e37, 'NaN'], dtype: 'bfloat16' },
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
    const { status, json } = await post(server.port, { type: 'x', inputs: { input } });
    expect(status).toBe(200);
    expect(json.outputs.input).toMatchObject(expected);
  });

  test('outputs as base64 where the options ask for it', async () => {
    const { json } = await post(server.port, { ...kSmall, options: { encoding: 'base64' } });
    const { data, encoding } = json.outputs.input;
    expect(encoding).toBe('base64');
    expect([...new Float32Array(new Uint8Array(Buffer.from(data, 'base64')).buffer)]).toEqual([3, 4]);
  });

  test('a large answer comes in pieces and whole', async () => {
    const data = Array.from({ length: 100_000 }, (_, i) => i / 4);
    const { status, json, headers } = await post(server.port, { type: 'x', inputs: { input: data } });
    expect(status).toBe(200);
    expect(headers['transfer-encoding']).toBe('chunked');
    expect(json.outputs.input.data).toEqual(data);
    expect(json.workerId).toBe(1);
  });

  test('a large answer in base64 comes in pieces and whole', async () => {
    const data = Array.from({ length: 100_001 }, (_, i) => i / 4);
    const { json, headers } = await post(server.port, {
      type: 'x',
      inputs: { input: data },
      options: { encoding: 'base64' },
    });
    expect(headers['transfer-encoding']).toBe('chunked');
    const { data: text, ...rest } = json.outputs.input;
    expect([...new Float32Array(new Uint8Array(Buffer.from(text, 'base64')).buffer)]).toEqual(data);
    expect(rest).toEqual({ encoding: 'base64', shape: [100_001], dtype: 'float32' });
  });

  test('a body in one-byte chunks is put together', async () => {
    const text = JSON.stringify(kSmall);
    const chunks = [...text].map((letter) => `1\r\n${letter}\r\n`).join('');
    const { status } = await raw(
      server.port,
      'POST /v1/workloads HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n' +
        `transfer-encoding: chunked\r\nconnection: close\r\n\r\n${chunks}0\r\n\r\n`,
      { keepOpen: true },
    );
    expect(status).toBe(200);
  });
});

test('a body in very many one-byte chunks is given up, and its connection', async () => {
  const { status, text } = await raw(
    server.port,
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
    ['a number beyond bfloat16', input({ data: [3.4e38], dtype: 'bfloat16' }), /element 0, is 3\.4e\+38/],
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
    const { status, json } = await post(server.port, body);
    expect(status).toBe(400);
    expect(json.error.code).toBe('ERR_INVALID_ARGUMENT');
    expect(json.error.message).toMatch(message);
    expect(json.error.message.length).toBeLessThan(600);
    expect(server.manager.calls).toHaveLength(0);
    expect({}.id).toBeUndefined();
  });
});
