// Messages that nobody would send on purpose, to the doors of agents and of other services' clients: each is answered,
// or its connection is closed; nothing hangs, and the server goes on.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { createInterface } = require('node:readline');
const fc = require('fast-check');
const { agentText, bytes, checkAnswer, kSecret, post, sayAll, sayOn, text, value } = require('../../support/fuzz');
const { cliProgram } = require('../../support/paths');
const { useDoors, message, open, request } = require('../../support/rpc-service');
const { emittingManager, kMB } = require('../../support/http-service');

jest.setTimeout(3_600_000);
const doors = useDoors({ bodyLimit: kMB }, emittingManager);

const check = (answer) => checkAnswer(answer, false);

test('a WebSocket with the subprotocol mcp', async () => {
  const connection = { open: () => open(doors.rpcPort, { protocols: 'mcp' }), marks: 0 };
  await sayAll(agentText, (messages) => sayOn(connection, messages, check));
  connection.socket.ws.terminate();
  const after = await open(doors.rpcPort, { protocols: 'mcp' });
  expect(await after.ask('listDevices')).toMatchObject({ result: expect.anything() });
  after.ws.close();
});

const version = fc.constantFrom('2025-06-18', '2026-07-28', '1999-01-01', undefined);
test('POST /mcp', async () => {
  const say = async ([what, protocol]) => {
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
    const {
      status,
      said,
      type = '',
    } = await post(doors.port, '/mcp', what, {
      ...headers,
      ...(protocol ? { 'mcp-protocol-version': protocol } : {}),
    });
    expect(status).toBeLessThan(500);
    if (said.length && /json/.test(type) && JSON.parse(said).jsonrpc) check(JSON.parse(said));
    expect(String(said)).not.toMatch(kSecret);
  };
  await sayAll(fc.tuple(agentText, version), (messages) => Promise.all(messages.map(say)));
  expect((await request(doors.port, '/health/live')).status).toBe(200);
});

const json = fc.oneof(
  fc.dictionary(
    fc.constantFrom('input', 'model', 'encoding_format', 'dimensions', 'query', 'documents', 'top_n', 'type', 'inputs'),
    value,
    { maxKeys: 5 },
  ),
  value,
);
test.each(['/v1/embeddings', '/v1/rerank', '/v1/workloads'])('POST %s', async (at) => {
  const body = fc.oneof(
    { weight: 4, arbitrary: json.map((each) => JSON.stringify(each) ?? '') },
    { weight: 1, arbitrary: text },
    { weight: 1, arbitrary: bytes },
  );
  const say = async (what) => {
    const type = Buffer.isBuffer(what) ? 'application/octet-stream' : 'application/json';
    const { status, said } = await post(doors.port, at, what, { 'content-type': type });
    // Of the pretended manager there are calls that it does not have.
    expect([200, 400, 404, 413, 415, 422, 429, 500, 501]).toContain(status);
    if (status !== 200)
      expect(JSON.parse(said)).toMatchObject({
        error: { code: expect.stringMatching(/^ERR_/), message: expect.any(String) },
      });
    expect(String(said)).not.toMatch(kSecret);
  };
  await sayAll(body, (messages) => Promise.all(messages.map(say)));
  expect((await request(doors.port, '/health/live')).status).toBe(200);
});

test('switchyard mcp, on standard input', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-fuzz-'));
  const child = spawn(process.execPath, [cliProgram, 'mcp', '--no-load', '--memory-dir', folder], {
    env: { ...process.env, LOG_LEVEL: 'fatal', GPU_CONTEXT_TYPES: 'cpu' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal));
  });
  const waiting = new Map();
  createInterface({ input: child.stdout }).on('line', (line) => {
    const answer = JSON.parse(line);
    if (answer.method === undefined) check(answer);
    waiting.get(answer.id)?.(answer);
    waiting.delete(answer.id);
  });
  const say = (what) => child.stdin.write(`${typeof what === 'string' ? what : JSON.stringify(what)}\n`);
  const ask = (method, params, id) => {
    const answered = new Promise((resolve) => waiting.set(id, resolve));
    say(message(method, params, id));
    return Promise.race([answered, ended.then((code) => Promise.reject(new Error(`it has ended with ${code}`)))]);
  };
  const info = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'a', version: '1' } };
  await ask('initialize', info, 'first');
  say({ jsonrpc: '2.0', method: 'notifications/initialized' });
  let marks = 0;
  await sayAll(agentText, async (messages) => {
    for (const each of messages) say(each.replace(/[\n\r]/g, ' '));
    await ask('ping', {}, `mark ${++marks}`);
  });
  expect(await ask('tools/list', {}, 'last')).toMatchObject({ result: { tools: expect.any(Array) } });
  child.stdin.end();
  expect(await ended).toBe(0);
  fs.rmSync(folder, { recursive: true, force: true });
});
