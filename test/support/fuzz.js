// Messages that nobody would send on purpose, for whichever door: texts, frames, messages of agents; and what an answer
// to one has to be.
'use strict';
const http = require('node:http');
const fc = require('fast-check');
const { message } = require('./rpc-service');
const { frame, kSmall } = require('./http-service');
const { kMethods } = require('../../lib/rpc');
const { rounds } = require('./rounds');

/** How many to each door: `npm run fuzz:doors` sends 100,000. */
const kRuns = Number(process.env.SWITCHYARD_FUZZ_MESSAGES ?? rounds(150, 10_000));

const kNames = [...kMethods.map(({ name }) => name), '$/cancelRequest', 'rpc.discover', '__proto__', 'toString', ''];
const kWords = [
  'type',
  'inputs',
  'params',
  'options',
  'texts',
  'index',
  'vectors',
  'key',
  'value',
  'ids',
  '_meta',
  'job',
];
const kOdd = [
  -1,
  2 ** 53,
  1e308,
  -0,
  0.1,
  '',
  'normalize',
  '\ud800',
  null,
  true,
  [],
  {},
  [[]],
  { offset: 0, shape: [1] },
];
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(...kOdd),
    fc.string({ maxLength: 12 }),
    fc.double(),
    fc.array(tie('any'), { maxLength: 5 }),
    fc.dictionary(
      fc.oneof(fc.constantFrom(...kWords, '__proto__', 'constructor'), fc.string({ maxLength: 6 })),
      tie('any'),
      {
        maxKeys: 5,
      },
    ),
  ),
})).any;
const rpc = fc.record(
  {
    jsonrpc: fc.oneof({ weight: 9, arbitrary: fc.constant('2.0') }, { weight: 1, arbitrary: value }),
    id: fc.oneof(fc.integer(), fc.string({ maxLength: 8 }), value),
    method: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...kNames) }, { weight: 1, arbitrary: value }),
    params: fc.oneof(
      { weight: 3, arbitrary: fc.dictionary(fc.constantFrom(...kWords), value, { maxKeys: 4 }) },
      { weight: 1, arbitrary: value },
    ),
  },
  { requiredKeys: [] },
);
const text = fc.oneof(
  { weight: 4, arbitrary: rpc.map((each) => JSON.stringify(each)) },
  { weight: 2, arbitrary: fc.array(fc.oneof(rpc, value), { maxLength: 6 }).map((each) => JSON.stringify(each)) },
  { weight: 1, arbitrary: value.map((each) => JSON.stringify(each) ?? '') },
  { weight: 1, arbitrary: fc.string() },
  // One that was right, with a character in the place of another.
  {
    weight: 2,
    arbitrary: fc.tuple(fc.nat(200), fc.constantFrom(...'{}[]",:0\\\u0000')).map(([at, character]) => {
      const right = JSON.stringify(message('executeWorkload', kSmall));
      return `${right.slice(0, at % right.length)}${character}${right.slice((at % right.length) + 1)}`;
    }),
  },
);
const bytes = fc.oneof(
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 64 }).map((each) => Buffer.from(each)) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        rpc,
        fc.array(fc.integer({ min: -8, max: 64 }), { maxLength: 2 }),
        fc.option(fc.nat(2 ** 32 - 1), { nil: undefined }),
      )
      .map(([each, data, length]) => frame(each, [Float32Array.from(data)], { length })),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.nat(400), fc.nat(255)).map(([at, byte]) => {
      const inputs = { input: { shape: [2, 1], offset: 0 } };
      const right = frame(message('executeWorkload', { type: 'x', inputs }), [Float32Array.of(3, 4)]);
      right[at % right.length] = byte;
      return right;
    }),
  },
);

const kAgentMethods = [
  'initialize',
  'ping',
  'server/discover',
  'tools/list',
  'tools/call',
  'subscriptions/listen',
  'resources/read',
  'notifications/initialized',
  'notifications/cancelled',
  'notifications/progress',
];
const kVersions = ['2024-11-05', '2025-11-25', '2026-07-28', '1999-01-01'];
const meta = fc.dictionary(
  fc.constantFrom(
    'progressToken',
    'encoding',
    'io.modelcontextprotocol/protocolVersion',
    'io.modelcontextprotocol/clientInfo',
    'io.modelcontextprotocol/clientCapabilities',
  ),
  fc.oneof(value, fc.constantFrom(...kVersions)),
  { maxKeys: 3 },
);
/** What an agent's client may send, about. */
const agent = fc.record(
  {
    jsonrpc: fc.oneof({ weight: 9, arbitrary: fc.constant('2.0') }, { weight: 1, arbitrary: value }),
    id: fc.oneof({ weight: 6, arbitrary: fc.integer() }, { weight: 1, arbitrary: value }),
    method: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...kAgentMethods) }, { weight: 1, arbitrary: value }),
    params: fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record(
          {
            name: fc.constantFrom(...kNames),
            arguments: fc.oneof(fc.dictionary(fc.constantFrom(...kWords), value, { maxKeys: 3 }), value),
            protocolVersion: fc.oneof(fc.constantFrom(...kVersions), value),
            capabilities: fc.oneof(fc.constant({}), value),
            clientInfo: fc.oneof(fc.constant({ name: 'a', version: '1' }), value),
            requestId: value,
            _meta: fc.oneof(meta, value),
          },
          { requiredKeys: [] },
        ),
      },
      { weight: 1, arbitrary: value },
    ),
  },
  { requiredKeys: [] },
);
const agentText = fc.oneof(
  { weight: 6, arbitrary: agent.map((each) => JSON.stringify(each)) },
  { weight: 1, arbitrary: fc.array(agent, { maxLength: 4 }).map((each) => JSON.stringify(each)) },
  { weight: 1, arbitrary: text },
);

const kSecret = /node_modules|\/lib\/|at [A-Z]\w+\.|\/dev\/shm/;

/** Plain conditions: there are a hundred thousand of them. */
function must(holds, what, answer) {
  if (!holds) throw new Error(`${what}: ${JSON.stringify(answer)}`);
}

/**
 * What JSON-RPC has for an answer.
 * @param {object|object[]} answer
 * @param {boolean} [ours] whether errors say what ours say: those of the Model Context Protocol have no data
 */
function checkAnswer(answer, ours = true) {
  const all = Array.isArray(answer) ? answer : [answer];
  must(all.length > 0, 'there is no answer', answer);
  for (const { jsonrpc, id, error, result } of all) {
    must(jsonrpc === '2.0', 'another version', answer);
    const isId = id === null || typeof id === 'string' || typeof id === 'number';
    must(isId || (!ours && id === undefined), 'an id', answer);
    must((error === undefined) !== (result === undefined), 'neither an error nor a result', answer);
    if (!error) continue;
    must(typeof error.code === 'number' && typeof error.message === 'string', 'an error that is none', answer);
    // Of the pretended manager there are calls that it does not have; nothing else is our own fault.
    must(!ours || /^ERR_/.test(error.data?.code), 'an error without a code', answer);
    must(!kSecret.test(JSON.stringify(error)), 'something that is nobody’s business', answer);
  }
}

/** Several messages a run: what shows that all of them were looked at is one more message for all. */
const kTogether = 20;
const together = (arbitrary) => fc.array(arbitrary, { minLength: kTogether, maxLength: kTogether });

/**
 * So many messages of a kind, some at a time.
 * @param {fc.Arbitrary<unknown>} arbitrary
 * @param {(messages: unknown[]) => Promise<void>} say
 */
function sayAll(arbitrary, say) {
  const property = fc.asyncProperty(together(arbitrary), async (messages) => {
    await say(messages);
  });
  return fc.assert(property, { numRuns: Math.ceil(kRuns / kTogether) });
}

/**
 * Says some messages on a connection, which is opened where it is not, and reads what comes until what is asked for
 * behind them is answered. Where the connection was closed before, each is said once more by itself.
 * @param {{ socket?: object, open: () => Promise<object>, marks: number }} connection
 * @param {(string|Buffer)[]} messages
 * @param {(got: unknown) => void} check
 */
async function sayOn(connection, messages, check) {
  if (!connection.socket || connection.socket.closed) connection.socket = await connection.open();
  const { socket } = connection;
  const mark = `mark ${++connection.marks}`;
  for (const each of messages) socket.send(each);
  socket.send(message('listDevices', {}, mark));
  for (let got = await socket.next(); got?.id !== mark; got = await socket.next()) {
    if (got === undefined) {
      if (messages.length > 1) for (const each of messages) await sayOn(connection, [each], check);
      return;
    }
    check(got);
  }
}

const agentOfAll = new http.Agent({ keepAlive: true, maxSockets: 8 });

/**
 * A POST whose answer may be a stream that goes on: then its head is enough.
 * @returns {Promise<{ status: number, said: Buffer, type: string|undefined }>}
 */
function post(port, at, body, headers) {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path: at, method: 'POST', headers, agent: agentOfAll };
    const outgoing = http.request(options, (response) => {
      const { statusCode: status, headers: got } = response;
      const type = got['content-type'];
      if (/event-stream/.test(type ?? '')) {
        response.once('error', () => {});
        outgoing.destroy();
        resolve({ status, said: Buffer.alloc(0), type });
        return;
      }
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => resolve({ status, said: Buffer.concat(chunks), type }));
    });
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}

module.exports = { post, kSecret, value, text, bytes, agentText, checkAnswer, sayAll, sayOn };
