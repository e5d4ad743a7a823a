// The service and HTTP itself: methods, types of content, lengths, limits, clients that leave.
'use strict';
const http = require('node:http');
const net = require('node:net');
const { useServer, request, post, raw, wait, until, kSmall, kMB } = require('../../support/http-service');

const server = useServer({ bodyLimit: kMB });

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
    const answer = await request(server.port, path, { method, headers: { 'content-length': 0 } });
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
    const { status, json } = await request(server.port, '/v1/workloads', {
      method: 'POST',
      headers,
      body: JSON.stringify(kSmall),
    });
    expect(status).toBe(415);
    expect(json.error.code).toBe('ERR_UNSUPPORTED_MEDIA_TYPE');
  });

  test('bodies for paths that there are not take nothing from the bodies that a worker may hold', async () => {
    const body = JSON.stringify({ ...kSmall, id: 'x', padding: ' '.repeat(0.9 * kMB) });
    const headers = { 'content-type': 'application/json' };
    for (let i = 0; i < 6; ++i)
      expect((await request(server.port, '/nothing', { method: 'POST', headers, body })).status).toBe(404);
    expect((await post(server.port, body)).status).toBe(400); // read, and refused for its key
  });

  test('a body of more than the limit is 413, declared or not, and the server goes on', async () => {
    const large = Buffer.alloc(kMB + 1, 0x20);
    expect((await post(server.port, large)).status).toBe(413);
    const chunked = await request(server.port, '/v1/workloads', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
      body: large,
    });
    expect(chunked).toMatchObject({ status: 413, json: { error: { code: 'ERR_BODY_TOO_LARGE' } } });
    expect(
      (
        await raw(
          server.port,
          'POST /v1/workloads HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n' +
            'content-length: 99999999999999\r\n\r\n{',
          { keepOpen: true },
        )
      ).status,
    ).toBe(413);
    expect((await post(server.port, kSmall)).status).toBe(200);
  });

  test.each([
    ['keeps', true],
    ['closes', false],
  ])('a client that %s its connection and sends on gets its 413, every time', async (_, keepAlive) => {
    const agent = new http.Agent({ keepAlive });
    const piece = Buffer.alloc(kMB, 0x20);
    const upload = () =>
      new Promise((resolve) => {
        const headers = { 'content-type': 'application/json', 'content-length': 24 * kMB };
        const options = { host: '127.0.0.1', port: server.port, path: '/v1/workloads', method: 'POST', agent, headers };
        const outgoing = http.request(options, (response) => {
          response.resume();
          response.once('end', () => resolve(response.statusCode));
        });
        outgoing.once('error', ({ code }) => resolve(code));
        let sent = 0;
        const send = () => {
          while (++sent <= 24) if (!outgoing.write(piece)) return void outgoing.once('drain', send);
          outgoing.end();
        };
        send();
      });
    const answers = await Promise.all(Array.from({ length: 40 }, upload));
    agent.destroy();
    expect(answers).toEqual(new Array(40).fill(413));
  });

  test('an upload that is broken off is no error of the server', async () => {
    const before = server.lines.length;
    for (const head of ['content-length: 500000', 'transfer-encoding: chunked']) {
      const socket = net.connect(server.port, '127.0.0.1');
      socket.write(
        `POST /v1/workloads HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${head}\r\n\r\n5\r\n{"typ`,
      );
      await wait(50);
      socket.resetAndDestroy();
    }
    await wait(100);
    expect(server.lines.slice(before)).toEqual([]);
    expect(server.manager.calls).toHaveLength(0);
  });

  test.each([
    ['id', { ...kSmall, id: '\ud800' }],
    ['type', { ...kSmall, type: 'a\udfff' }],
    ['affinity', { ...kSmall, options: { affinity: '\ud800x' } }],
    ["an input's name", { type: 'normalize', inputs: { '\udc00': [[1]] } }],
  ])('half of a character as %s is 400', async (_, workload) => {
    const { status, json } = await post(server.port, workload);
    expect({ status, code: json.error.code }).toEqual({ status: 400, code: 'ERR_INVALID_ARGUMENT' });
    expect(json.error.message).toMatch(/has a lone surrogate/);
    expect((await post(server.port, { ...kSmall, id: '\u{1f600}' })).status).toBe(200);
  });

  test('a body shorter than its Content-Length gets no job', async () => {
    const { text } = await raw(
      server.port,
      'POST /v1/workloads HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n' +
        'content-length: 500\r\n\r\n{"type":"x"}',
    );
    expect(text).not.toMatch(/ 200 /);
    expect(server.manager.calls).toHaveLength(0);
  });

  test('a body longer than its Content-Length is cut there', async () => {
    const { text } = await raw(
      server.port,
      `POST /v1/workloads HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n` +
        `content-length: 5\r\n\r\n${JSON.stringify(kSmall)}`,
      { keepOpen: true },
    );
    expect(text).toMatch(/^HTTP\/1\.1 400/);
    expect(server.manager.calls).toHaveLength(0);
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
          server.port,
          `POST /v1/workloads HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${lines}\r\n12345`,
          { keepOpen: true },
        )
      ).status,
    ).toBe(400);
  });

  test('bytes that are no HTTP are 400, with our body', async () => {
    const { status, text } = await raw(server.port, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 tls\r\n\r\n', {
      keepOpen: true,
    });
    expect(status).toBe(400);
    expect(text).toMatch(/"code":"ERR_INVALID_ARGUMENT"/);
  });

  test('headers that are too large or too many are 431', async () => {
    expect(
      (await raw(server.port, `GET / HTTP/1.1\r\nhost: x\r\nx: ${'a'.repeat(20000)}\r\n\r\n`, { keepOpen: true }))
        .status,
    ).toBe(431);
    expect(
      (
        await request(server.port, '/', {
          headers: Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`x-${i}`, '1'])),
        })
      ).status,
    ).toBe(431);
  });

  test('a query that means nothing is refused', async () => {
    expect((await request(server.port, '/health/live?x=1')).json.error.message).toMatch(/unknown query parameter 'x'/);
    expect((await request(server.port, '/health/gpu?require=tpu')).status).toBe(400);
    expect((await request(server.port, '/health/gpu?require=cpu&require=cuda')).status).toBe(400);
  });

  test('a client that leaves cancels its job', async () => {
    const socket = net.connect(server.port, '127.0.0.1');
    socket.write(
      `POST /v1/workloads HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n` +
        `content-length: 15\r\n\r\n{"type":"hold"}`,
    );
    await until(() => server.manager.calls.length === 1, 'the job is taken');
    socket.destroy();
    await until(() => server.manager.aborted === 1, 'the job is canceled');
  });

  test('a client that stays does not', async () => {
    const agent = new http.Agent({ keepAlive: true });
    for (let i = 0; i < 3; ++i)
      expect(
        (
          await request(server.port, '/v1/workloads', {
            method: 'POST',
            agent,
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify(kSmall),
          })
        ).status,
      ).toBe(200);
    agent.destroy();
    await wait(50);
    expect(server.manager.aborted).toBe(0);
  });
});
