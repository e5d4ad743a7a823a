// Named tensors over HTTP, with a manager that runs jobs: PUT, GET, DELETE /v1/tensors/<name>, and inputs that are
// references.
'use strict';
const net = require('node:net');
const gpu = require('../../..');
const { native } = require('../../../lib/addon');
const { startServer, request, post, raw, frame, readFrame, until, kMB } = require('../../support/http-service');

const kType = 'application/octet-stream';
const kLimit = 16 * kMB;
let manager, server;
beforeAll(async () => {
  manager = gpu.createGPUClusterManager({ contextTypes: ['cpu'], logLevel: 'silent' });
  server = await startServer({ bodyLimit: kMB, tensorLimit: kLimit }, manager);
  await manager.ready;
});
afterAll(async () => {
  await server.app.close();
  await manager.close();
});

const pathOf = (name) => `/v1/tensors/${encodeURIComponent(name)}`;
const put = (name, body, headers = {}, port = server.port) =>
  request(port, pathOf(name), { method: 'PUT', body, headers: { 'content-type': kType, ...headers } });
const get = (name) => request(server.port, pathOf(name));
const remove = (name) => request(server.port, pathOf(name), { method: 'DELETE' });
const framed = (data, shape = [data.length], dtype = 'float32') => frame({ tensor: { shape, dtype } }, [data]);
const error = (status, code) => ({ status, json: { error: { code } } });
const invalid = error(400, 'ERR_INVALID_ARGUMENT');
const held = () => native.sharedUse().usedBytes;

async function valueOf(name) {
  const tensor = await manager.lookup(name);
  const values = Array.from(tensor.data);
  tensor.release();
  return values;
}

/** Sends a request's head and some of its body, and ends the connection. */
function cutOff(body, sent) {
  return new Promise((resolve) => {
    const socket = net.connect(server.port, '127.0.0.1', () => {
      socket.write(`PUT /v1/tensors/cut HTTP/1.1\r\nhost: x\r\ncontent-type: ${kType}\r\n`);
      socket.write(`content-length: ${body.length}\r\n\r\n`);
      socket.write(body.subarray(0, sent), () => setTimeout(() => socket.destroy(), 20));
    });
    socket.on('error', () => {});
    socket.on('close', resolve);
  });
}

describe('PUT, GET, DELETE', () => {
  test('what was put is got, swapped and deleted', async () => {
    const body = framed(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]);
    expect(await put('a', body)).toMatchObject({ status: 200, json: { name: 'a', version: 1 } });
    const got = await get('a');
    expect(got).toMatchObject({ status: 200, headers: { 'content-type': kType } });
    expect(readFrame(got.bytes).header).toEqual({ tensor: { shape: [2, 3], dtype: 'float32', offset: 0 } });
    expect(new Float32Array(Uint8Array.from(readFrame(got.bytes).data).buffer)).toEqual(
      Float32Array.of(1, 2, 3, 4, 5, 6),
    );
    expect(await put('a', got.bytes)).toMatchObject({ status: 200, json: { version: 2 } });
    const head = await request(server.port, pathOf('a'), { method: 'HEAD' });
    expect([head.status, head.headers['content-length'], head.bytes.length]).toEqual([
      200,
      String(got.bytes.length),
      0,
    ]);
    expect(await put('a', framed(Int8Array.of(7, 8, 9), [3], 'int8'))).toMatchObject({ json: { version: 3 } });
    expect(await valueOf('a')).toEqual([7, 8, 9]);
    expect(await remove('a')).toMatchObject({ status: 204, text: '' });
    for (const answer of [await get('a'), await remove('a')]) expect(answer).toMatchObject(error(404, 'ERR_NOT_FOUND'));
  });

  test('a large one goes through in pieces, and nothing is held afterwards', async () => {
    const before = held();
    const data = Float32Array.from({ length: kMB / 4 - 64 }, (_, i) => i % 1000);
    const body = framed(data);
    expect(await put('large', body, { 'transfer-encoding': 'chunked' })).toMatchObject({ status: 200 });
    const { bytes } = await get('large');
    expect(Buffer.compare(bytes.subarray(-data.byteLength), Buffer.from(data.buffer))).toBe(0);
    expect(await remove('large')).toMatchObject({ status: 204 });
    await until(() => held() === before, 'its memory is free');
  });

  test('the head may come in crumbs', async () => {
    const body = framed(Float32Array.of(1, 2, 3));
    const pieces = Array.from({ length: body.length - 8 }, (_, i) => body.subarray(i, i + 1));
    pieces.push(body.subarray(body.length - 8));
    const chunked = pieces.map((piece) =>
      Buffer.concat([Buffer.from(`${piece.length}\r\n`), piece, Buffer.from('\r\n')]),
    );
    const head = `PUT /v1/tensors/crumbs HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: ${kType}\r\n`;
    const answer = await raw(
      server.port,
      Buffer.concat([Buffer.from(`${head}transfer-encoding: chunked\r\n\r\n`), ...chunked, Buffer.from('0\r\n\r\n')]),
      { keepOpen: true },
    );
    expect(answer.status).toBe(200);
    expect(await valueOf('crumbs')).toEqual([1, 2, 3]);
  });

  test('one without elements', async () => {
    for (const body of [
      framed(new Float32Array(0), [0, 5]),
      frame({ tensor: { shape: [0, 5] } }, []).subarray(0, 41),
    ]) {
      expect(await put('empty', body)).toMatchObject({ status: 200 });
      expect(readFrame((await get('empty')).bytes).header.tensor).toEqual({
        shape: [0, 5],
        dtype: 'float32',
        offset: 0,
      });
    }
  });

  test('any name that can be one', async () => {
    for (const name of ['x'.repeat(200), 'ü'.repeat(100), 'a/b?c#d', '%41', ' '])
      expect(await put(name, framed(Float32Array.of(1)))).toMatchObject({ status: 200, json: { name } });
    for (const name of ['x'.repeat(201), 'ü'.repeat(101), 'x'.repeat(12_000), 'a\0b', 'a\nb'])
      for (const answer of [await put(name, framed(Float32Array.of(1))), await get(name), await remove(name)])
        expect(answer).toMatchObject({ ...invalid, json: { error: { argument: 'name' } } });
    expect(await request(server.port, '/v1/tensors/')).toMatchObject(invalid);
    const own = 'switchyard:text:a:float32'; // what is under such a name is believed
    for (const answer of [await put(own, framed(Float32Array.of(1))), await remove(own)])
      expect(answer).toMatchObject({ ...invalid, json: { error: { argument: 'name' } } });
    expect(await get(own)).toMatchObject({ status: 404 });
  });

  test('other methods, queries and bodies', async () => {
    const answer = await request(server.port, pathOf('a'), { method: 'POST', headers: { 'content-length': 0 } });
    expect([answer.status, answer.headers.allow]).toEqual([405, 'PUT, GET, HEAD, DELETE']);
    expect(await request(server.port, `${pathOf('a')}?x=1`)).toMatchObject(invalid);
    const body = { method: 'DELETE', headers: { 'content-type': 'application/json' }, body: '{}' };
    expect(await request(server.port, pathOf('a'), body)).toMatchObject(invalid);
  });
});

describe('what PUT refuses', () => {
  const good = framed(Float32Array.of(1, 2));
  const wrong = {
    'no frame': Buffer.from('SWYX and more bytes than twelve'),
    'eleven bytes': good.subarray(0, 11),
    'another version': frame({ tensor: { shape: [1] } }, [Float32Array.of(1)], { version: 2 }),
    'half of a header': good.subarray(0, 20),
    'a header of a gigabyte': frame({ tensor: { shape: [1] } }, [], { length: 2 ** 30 }),
    'a header that is no JSON': frame('x', []).fill(0x7b, 12, 15),
    'a header that is no object': frame([1], []),
    'no tensor': frame({}, [Float32Array.of(1)]),
    inputs: frame({ inputs: { a: { shape: [1], offset: 0 } } }, [Float32Array.of(1)]),
    'a key too many': frame({ tensor: { shape: [1], data: [1] } }, [Float32Array.of(1)]),
    'no shape': frame({ tensor: { dtype: 'float32' } }, [Float32Array.of(1)]),
    'a wrong shape': frame({ tensor: { shape: [-1] } }, [Float32Array.of(1)]),
    'a wrong dtype': frame({ tensor: { shape: [1], dtype: 'float64' } }, [Float64Array.of(1)]),
    'an offset': frame({ tensor: { shape: [1], offset: 8 } }, [Float64Array.of(0), Float32Array.of(1)]),
    'fewer bytes': frame({ tensor: { shape: [4] } }, [Float32Array.of(1, 2)]),
    'more bytes': frame({ tensor: { shape: [1] } }, [Float32Array.of(1, 2, 3)]),
  };
  test.each(Object.keys(wrong))('%s', async (name) => {
    await put('refused', good);
    const before = held();
    for (const headers of [{}, { 'transfer-encoding': 'chunked' }])
      expect(await put('refused', wrong[name], headers)).toMatchObject(invalid);
    expect(await valueOf('refused')).toEqual([1, 2]);
    expect(held()).toBe(before);
  });

  test('another type of content, an encoding, and none', async () => {
    expect(await put('refused', '{}', { 'content-type': 'application/json' })).toMatchObject({
      ...error(415, 'ERR_UNSUPPORTED_MEDIA_TYPE'),
      headers: { accept: kType },
    });
    expect(await put('refused', good, { 'content-encoding': 'gzip' })).toMatchObject({ status: 415 });
    expect(await request(server.port, pathOf('refused'), { method: 'PUT' })).toMatchObject(invalid);
  });

  test('what is over the limit, declared, sent or said', async () => {
    const large = framed(new Float32Array(kMB / 4));
    const before = held();
    for (const headers of [{}, { 'transfer-encoding': 'chunked' }])
      expect(await put('refused', large, headers)).toMatchObject(error(413, 'ERR_BODY_TOO_LARGE'));
    const said = frame({ tensor: { shape: [2 ** 40] } }, [Float32Array.of(1)]);
    expect(await put('refused', said, { 'transfer-encoding': 'chunked' })).toMatchObject({ status: 413 });
    expect(held()).toBe(before);
  });

  test('what is over the limit of all together', async () => {
    const { bytes } = { bytes: framed(new Float32Array(kMB / 4 - 64)) };
    const names = Array.from({ length: 17 }, (_, i) => `many-${i}`);
    const answers = [];
    for (const name of names) answers.push(await put(name, bytes));
    const full = answers.findIndex(({ status }) => status !== 200);
    expect(full).toBeGreaterThan(10);
    expect(answers[full]).toMatchObject(error(507, 'ERR_OUT_OF_MEMORY'));
    expect(await get(names[full])).toMatchObject({ status: 404 });
    expect(await put(names[0], bytes)).toMatchObject({ status: 200 }); // in the place of another
    for (const name of names) await remove(name);
    expect(await put(names[full], bytes)).toMatchObject({ status: 200 });
    await remove(names[full]);
  });

  test('a server that is told to take none takes none', async () => {
    const other = await startServer({ tensorLimit: 0 }, manager);
    expect(await put('none', good, {}, other.port)).toMatchObject(error(507, 'ERR_OUT_OF_MEMORY'));
    await other.app.close();
  });
});

describe('a PUT that is cut off', () => {
  test.each([0, 5, 30, 100, 500_000])('after %i bytes changes nothing, and nothing is held', async (sent) => {
    await put('cut', framed(Float32Array.of(1)));
    const before = held();
    const body = framed(new Float32Array(kMB / 4 - 64));
    for (let i = 0; i < 6; ++i) await cutOff(body, sent); // more than the bodies of a worker may take
    await until(() => held() === before, 'its memory is free');
    expect(await valueOf('cut')).toEqual([1]);
    expect(await put('cut', framed(Float32Array.of(1)))).toMatchObject({ status: 200 });
    expect(await put('other', body)).toMatchObject({ status: 200 });
    await remove('other');
  });

  test('two at a time are done in the order in which they are whole', async () => {
    const body = framed(Float32Array.of(1, 2, 3, 4));
    const slow = new Promise((resolve) => {
      const socket = net.connect(server.port, '127.0.0.1');
      socket.write(`PUT /v1/tensors/both HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: ${kType}\r\n`);
      socket.write(`content-length: ${body.length}\r\n\r\n`);
      socket.write(body.subarray(0, body.length - 4));
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.on('close', () => resolve(text));
      setTimeout(() => socket.write(body.subarray(body.length - 4)), 200);
    });
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
    expect(await put('both', framed(Float32Array.of(9)))).toMatchObject({ json: { version: 1 } });
    expect(await slow).toContain('"version":2');
    expect(await valueOf('both')).toEqual([1, 2, 3, 4]);
  });
});

describe('a reference as an input', () => {
  const search = (inputs) => ({ type: 'similarity-search', inputs, params: { k: 1, metric: 'dot' } });
  const queries = { data: [1, 0], shape: [1, 2] };
  beforeAll(async () => {
    await put('base', framed(Float32Array.of(1, 0, 5, 0, 2, 0), [3, 2]));
  });

  test('in JSON and in bytes, beside others', async () => {
    const json = await post(server.port, search({ queries, base: { ref: 'base' } }));
    expect(json.json.outputs).toMatchObject({ indices: { data: [1] }, scores: { data: [5] } });
    const header = search({ queries: { shape: [1, 2], offset: 0 }, base: { ref: 'base' } });
    const binary = await post(server.port, frame(header, [Float32Array.of(1, 0)]), {
      'content-type': kType,
      accept: 'application/json',
    });
    expect(binary.json.outputs).toMatchObject({ indices: { data: [1] }, scores: { data: [5] } });
    const both = await post(server.port, { type: 'add', inputs: { a: { ref: 'base' }, b: { ref: 'base' } } });
    expect(both.json.outputs.output).toMatchObject({ data: [2, 0, 10, 0, 4, 0], shape: [3, 2] });
    const graph = {
      type: 'graph',
      inputs: { x: { ref: 'base' } },
      nodes: [{ type: 'reduce', inputs: { input: 'x' }, params: { kind: 'sum' }, outputs: { output: 'y' } }],
      outputs: ['y'],
    };
    expect((await post(server.port, graph)).json.outputs.y).toMatchObject({ data: [1, 5, 2] });
  });

  test('to what is not there, or not as the workload takes it, names the input', async () => {
    const missing = await post(server.port, search({ queries, base: { ref: 'nothing' } }));
    expect(missing).toMatchObject({ ...error(404, 'ERR_NOT_FOUND'), json: { error: { argument: 'inputs.base' } } });
    expect(missing.json.error.message).toContain("'nothing'");
    await put('whole', framed(Int32Array.of(1, 2), [1, 2], 'int32'));
    const dtype = await post(server.port, search({ queries: { ref: 'whole' }, base: { ref: 'base' } }));
    expect(dtype).toMatchObject({ ...invalid, json: { error: { argument: 'inputs.queries' } } });
    await put('wide', framed(new Float32Array(3), [1, 3]));
    const shape = await post(server.port, search({ queries: { ref: 'wide' }, base: { ref: 'base' } }));
    expect(shape).toMatchObject(invalid);
    expect(shape.json.error.message).toMatch(/\b3\b/);
  });

  test('that can be none', async () => {
    for (const ref of ['', 7, null, 'x'.repeat(201), ['base'], { ref: 'base' }])
      expect(await post(server.port, search({ queries, base: { ref } }))).toMatchObject({
        ...invalid,
        json: { error: { argument: 'inputs.base' } },
      });
    expect(await post(server.port, search({ queries, base: { ref: 'base', shape: [3, 2] } }))).toMatchObject(invalid);
  });

  test('is held until its job has ended, and no longer', async () => {
    const before = held();
    const job = { type: 'matmul', inputs: { a: { ref: 'busy' }, b: { ref: 'busy' } } };
    const square = (value) => framed(new Float32Array(256 * 256).fill(value), [256, 256]);
    await put('busy', square(1));
    const jobs = Array.from({ length: 20 }, () => post(server.port, job));
    for (let i = 0; i < 10; ++i) expect(await put('busy', square(2))).toMatchObject({ status: 200 });
    for (const { json } of await Promise.all(jobs)) expect([256, 1024]).toContain(json.outputs.output.data[0]);
    await remove('busy');
    expect(await post(server.port, job)).toMatchObject({ status: 404 });
    await until(() => held() === before, 'nothing more is held');
  });
});
