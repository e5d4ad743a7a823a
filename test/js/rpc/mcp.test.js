// The Model Context Protocol over HTTP and over a WebSocket, spoken by the official clients of both generations.
'use strict';
const { emittingManager, kSmall } = require('../../support/http-service');
const { message, open, request, until, useDoors } = require('../../support/rpc-service');
const { firstGeneration, secondGeneration } = require('../../support/mcp/clients');
const { kMethods } = require('../../../lib/rpc');

const doors = useDoors({}, emittingManager);
const kTools = kMethods.filter(({ needsConnection }) => !needsConnection);

const kDoors = {
  'the first client over HTTP': () => firstGeneration({ url: `http://127.0.0.1:${doors.port}/mcp` }),
  'the first client over a WebSocket': () => firstGeneration({ socket: `ws://127.0.0.1:${doors.rpcPort}` }),
  'the second client over HTTP': () => secondGeneration({ url: `http://127.0.0.1:${doors.port}/mcp` }),
  'the second client in the way of the first': () =>
    secondGeneration({ url: `http://127.0.0.1:${doors.port}/mcp` }, 'legacy'),
};

// The older revisions cancel by a notification of its own, which over HTTP, without sessions, is nobody's.
const kCancels = new Set(['the first client over a WebSocket', 'the second client over HTTP']);

describe.each(Object.keys(kDoors))('%s', (door) => {
  let agent;
  beforeEach(async () => {
    agent = await kDoors[door]();
  });
  afterEach(() => agent.close());

  test('finds the methods of the table as tools, with their schemas', async () => {
    const tools = await agent.tools();
    expect(tools.map(({ name }) => name)).toEqual(kTools.map(({ name }) => name));
    for (const { name, title, description, params, result, scope } of kTools)
      expect(tools.find((each) => each.name === name)).toMatchObject({
        title,
        description,
        inputSchema: params,
        outputSchema: result,
        annotations: { readOnlyHint: scope === 'read' },
      });
  });

  test('gets a result as text and as an object', async () => {
    const { content, structuredContent, isError } = await agent.call('executeWorkload', kSmall);
    expect(isError ?? false).toBe(false);
    expect(structuredContent).toMatchObject({ outputs: { input: { data: [3, 4], dtype: 'float32' } } });
    expect(JSON.parse(content[0].text)).toEqual(structuredContent);
  });

  test.each([
    [
      'params that the schema refuses',
      'embed',
      { texts: ['a'], text: 1 },
      'ERR_INVALID_ARGUMENT',
      "unknown field 'text'",
    ],
    ['an unknown workload', 'executeWorkload', { type: 'unknown' }, 'ERR_UNKNOWN_WORKLOAD', 'unknown'],
  ])('reads %s as an error that says what helps', async (_, name, params, code, what) => {
    const { isError, content, _meta } = await agent.call(name, params);
    expect(isError).toBe(true);
    expect(content[0].text).toMatch(new RegExp(`^${code}: .*${what}[^]*\\nWhat helps: `));
    expect(_meta['switchyard/error']).toMatchObject({ code, remedy: expect.any(String) });
  });

  test('hears that there is no such tool', async () => {
    for (const name of ['nothing', 'subscribe', 'constructor'])
      await expect(agent.call(name, {})).rejects.toMatchObject({
        code: -32602,
        message: expect.stringContaining(`there is no tool "${name}"`),
      });
  });

  test('cancels: the job is aborted', async () => {
    if (!kCancels.has(door)) return;
    const controller = new AbortController();
    const called = agent.call('executeWorkload', { type: 'hold' }, { signal: controller.signal });
    called.catch(() => {});
    await until(() => doors.manager.calls.length === 1, 'the job runs');
    controller.abort('enough');
    await expect(called).rejects.toThrow();
    await until(() => doors.manager.aborted === 1, 'the job is aborted');
  });

  test('leaves: the job is aborted', async () => {
    const called = agent.call('executeWorkload', { type: 'hold' });
    called.catch(() => {});
    await until(() => doors.manager.calls.length === 1, 'the job runs');
    await agent.close();
    await until(() => doors.manager.aborted === 1, 'the job is aborted');
  });

  test('hears how far a call is', async () => {
    const heard = [];
    const called = agent.call(
      'executeWorkload',
      { type: 'hold', id: 'mine' },
      { onprogress: (progress) => heard.push(progress) },
    );
    await until(() => doors.manager.calls.length === 1, 'the job runs');
    for (const done of [1, 2]) doors.manager.emit('progress', { workloadId: 'mine', done, total: 2 });
    await until(() => heard.length === 2, 'it is heard');
    for (const finish of doors.manager.holding.splice(0)) finish();
    await called;
    expect(heard).toMatchObject([
      { progress: 1, total: 2 },
      { progress: 2, total: 2 },
    ]);
  });
});

describe('POST /mcp', () => {
  const post = (body, headers = {}) =>
    request(doors.port, '/mcp', {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
    });

  test('refuses what is no JSON in the words of the protocol', async () => {
    const { status, json } = await post('{');
    expect({ status, json }).toMatchObject({ status: 400, json: { id: null, error: { code: -32700 } } });
  });

  test('refuses a page of another origin, and another revision', async () => {
    expect((await post(message('ping'), { origin: 'https://example.com' })).status).toBe(403);
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': '2031-01-01',
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    const { status, json } = await post(message('tools/list', { _meta }), { 'mcp-protocol-version': '2031-01-01' });
    expect(status).toBe(400);
    expect(json.error).toMatchObject({ data: { supported: ['2026-07-28'], requested: '2031-01-01' } });
  });

  test('has no stream to open and no session to end', async () => {
    for (const method of ['GET', 'DELETE']) {
      const { status, headers } = await request(doors.port, '/mcp', { method });
      expect({ status, allow: headers.allow }).toEqual({ status: 405, allow: 'POST' });
    }
  });
});

test('a WebSocket carries the protocol and JSON-RPC side by side', async () => {
  const socket = await open(doors.rpcPort, { path: '/', protocols: ['mcp'] });
  const initialize = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'a', version: '1' } };
  expect(await socket.ask('initialize', initialize)).toMatchObject({ result: { protocolVersion: '2025-06-18' } });
  expect(await socket.ask('listDevices', {}, 2)).toMatchObject({ id: 2, result: { devices: expect.any(Array) } });
  expect(await socket.ask('tools/call', { name: 'listDevices', arguments: {} }, 3)).toMatchObject({
    id: 3,
    result: { structuredContent: { devices: expect.any(Array) } },
  });
  expect(await socket.ask('tools/none', {}, 4)).toMatchObject({ id: 4, error: { code: -32601 } });
  expect(await socket.ask('tools/list', 5, 5)).toMatchObject({ error: { code: -32600 } });
  socket.ws.close();
});
