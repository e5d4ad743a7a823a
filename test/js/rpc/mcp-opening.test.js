// What is answered before the SDK is loaded: nothing but what the SDK itself answers to the same messages, and the
// conversation goes on with it as if it had.
'use strict';
const { PassThrough } = require('node:stream');
const { Opening, goOn, kModern, kRevisions, open } = require('../../../lib/rpc/mcp/opening');
const { makeServer } = require('../../../lib/rpc/mcp/server');
const { Dispatcher, kLocal } = require('../../../lib/rpc');

const kMeta = 'io.modelcontextprotocol/';
const kReader = { client: 'reader', allows: (scope) => scope === 'read' };
const info = { name: 'a', version: '1', title: 'A' };
const message = (method, params, id) => ({ jsonrpc: '2.0', id, method, params });
const initialize = (protocolVersion, id = 1) =>
  message('initialize', { protocolVersion, capabilities: {}, clientInfo: info }, id);
const kInitialized = { jsonrpc: '2.0', method: 'notifications/initialized' };
const envelope = {
  _meta: { [`${kMeta}protocolVersion`]: kModern, [`${kMeta}clientInfo`]: info, [`${kMeta}clientCapabilities`]: {} },
};
const parts = (caller) => ({
  dispatcher: new Dispatcher(() => ({})),
  caller,
  logger: { isLevelEnabled: () => false, debug() {}, error() {} },
});

/** What the SDK says to some messages, in the order in which it says it. */
async function bySdk(messages, caller, count) {
  const { serveStdio, StdioServerTransport } = require('@modelcontextprotocol/server/stdio');
  const [input, output] = [new PassThrough(), new PassThrough()];
  const handle = serveStdio(() => makeServer(parts(caller)), { transport: new StdioServerTransport(input, output) });
  const answers = readAll(output);
  for (const each of messages) input.write(`${JSON.stringify(each)}\n`);
  while (answers.length < count) await new Promise((resolve) => output.once('data', () => setImmediate(resolve)));
  await handle.close();
  return answers;
}

function readAll(output) {
  const answers = [];
  output.on('data', (chunk) => {
    for (const line of String(chunk).trimEnd().split('\n')) answers.push(JSON.parse(line));
  });
  return answers;
}

function byUs(messages, caller) {
  const opening = new Opening(caller);
  return messages.flatMap((each) => {
    const answer = opening.answerTo(each);
    expect(answer).toBeDefined();
    return answer.result ? [JSON.parse(JSON.stringify({ jsonrpc: '2.0', id: each.id, result: answer.result }))] : [];
  });
}

const byId = (answers) => [...answers].sort((a, b) => String(a.id).localeCompare(String(b.id)));

describe.each([
  ['everything', kLocal],
  ['reading', kReader],
])('for who may do %s', (_, caller) => {
  test.each([...kRevisions])('revision %s: it answers as the SDK does', async (revision) => {
    const messages = [
      initialize(revision),
      kInitialized,
      message('tools/list', {}, 2),
      message('ping', undefined, 'p'),
      message('tools/list', undefined, 3),
    ];
    expect(byId(byUs(messages, caller))).toEqual(byId(await bySdk(messages, caller, 4)));
  });

  test('what usual clients can changes nothing', async () => {
    const capabilities = { roots: { listChanged: true }, sampling: {}, elicitation: { form: {} } };
    const { params } = initialize('2025-11-25');
    const messages = [message('initialize', { ...params, capabilities }, 1), message('tools/list', {}, 2)];
    expect(byId(byUs(messages, caller))).toEqual(byId(await bySdk(messages, caller, 2)));
    const { _meta } = envelope;
    const newer = [message('tools/list', { _meta: { ..._meta, [`${kMeta}clientCapabilities`]: capabilities } }, 1)];
    expect(byUs(newer, caller)).toEqual(await bySdk(newer, caller, 1));
  });

  test('the revision without initialize: it answers as the SDK does', async () => {
    const messages = [message('server/discover', envelope, 1), message('tools/list', envelope, 2)];
    expect(byId(byUs(messages, caller))).toEqual(byId(await bySdk(messages, caller, 2)));
  });
});

test('the revisions are those that the SDK has', async () => {
  const [unknown] = await bySdk([initialize('1999-01-01')], kLocal, 1);
  expect(unknown.result.protocolVersion).toBe([...kRevisions][0]);
  const [refused] = await bySdk(
    [message('tools/list', { _meta: { ...envelope._meta, [`${kMeta}protocolVersion`]: '2099-01-01' } }, 1)],
    kLocal,
    1,
  );
  expect(refused.error.data.supported).toEqual([kModern]);
});

test.each([
  ['another revision', [initialize('1999-01-01')]],
  [
    'a client that can more',
    [message('initialize', { ...initialize('2025-06-18').params, capabilities: { roots: { more: 1 } } }, 1)],
  ],
  [
    'a client without a version',
    [message('initialize', { ...initialize('2025-06-18').params, clientInfo: { name: 'a' } }, 1)],
  ],
  ['a second initialize', [initialize('2025-06-18'), initialize('2025-06-18', 2)]],
  ['a list before anything', [message('tools/list', {}, 1)]],
  ['a list with a cursor', [initialize('2025-06-18'), message('tools/list', { cursor: 'x' }, 2)]],
  ['a call', [initialize('2025-06-18'), message('tools/call', { name: 'health' }, 2)]],
  ['no id', [initialize('2025-06-18'), message('tools/list', {})]],
  ['an id that is null', [initialize('2025-06-18', null)]],
  ['another version of JSON-RPC', [{ ...initialize('2025-06-18'), jsonrpc: '1.0' }]],
  ['a field beside', [{ ...initialize('2025-06-18'), more: 1 }]],
  ['an envelope after initialize', [initialize('2025-06-18'), message('tools/list', envelope, 2)]],
  ['half an envelope', [message('tools/list', { _meta: { [`${kMeta}protocolVersion`]: kModern } }, 1)]],
  ['an answer', [{ jsonrpc: '2.0', id: 1, result: {} }]],
])('%s is left to the SDK', (_, messages) => {
  const opening = new Opening(kLocal);
  const last = messages.pop();
  for (const each of messages) expect(opening.answerTo(each)).toBeDefined();
  expect(opening.answerTo(last)).toBeUndefined();
});

test('the SDK hears how it began, says nothing twice, and goes on, however the bytes are cut', async () => {
  const messages = [
    initialize('2025-06-18', 'one'),
    kInitialized,
    message('tools/list', {}, 2),
    message('tools/call', { name: 'nothing', arguments: {} }, 3),
    message('ping', {}, 4),
  ];
  const bytes = Buffer.from(`${messages.map((each) => JSON.stringify(each)).join('\n')}\n`);
  for (const step of [1, 7, 64, bytes.length]) {
    const [input, output] = [new PassThrough(), new PassThrough()];
    const answers = readAll(output);
    let lists = 0;
    const opened = open(input, output, kLocal, () => ++lists);
    for (let at = 0; at < bytes.length; at += step) input.write(bytes.subarray(at, at + step));
    const rest = await opened;
    expect(lists).toBe(1);
    const { serveStdio, StdioServerTransport } = require('@modelcontextprotocol/server/stdio');
    const { heard, said } = goOn(rest, input, output);
    const handle = serveStdio(() => makeServer(parts(kLocal)), { transport: new StdioServerTransport(heard, said) });
    while (answers.length < 4) await new Promise((resolve) => output.once('data', () => setImmediate(resolve)));
    expect(answers.map(({ id }) => id).slice(0, 2)).toEqual(['one', 2]);
    expect(byId(answers.slice(2))).toMatchObject([
      { id: 3, error: { code: -32602, message: expect.stringMatching(/there is no tool/) } },
      { id: 4, result: {} },
    ]);
    await handle.close();
  }
});

test('an input that ends leaves nothing to the SDK', async () => {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const opened = open(input, output, kLocal, () => {});
  input.write(`${JSON.stringify(initialize('2025-06-18'))}\n`);
  input.end();
  expect(await opened).toBeUndefined();
});

test('a line that is longer than what a client says first is the SDK’s', async () => {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const opened = open(input, output, kLocal, () => {});
  input.write(Buffer.alloc(70_000, ' '));
  expect((await opened).bytes).toHaveLength(70_000);
});
