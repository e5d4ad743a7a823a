// Messages that nobody would send on purpose, to each door: each is answered with what JSON-RPC has for it, or its
// connection is closed; the server goes on, and is never at fault itself.
'use strict';
const fc = require('fast-check');
const { useDoors, message, open, postRpc } = require('../../support/rpc-service');
const { frame, kSmall, kMB } = require('../../support/http-service');
const { kMethods } = require('../../../lib/rpc');
const { rounds } = require('../../support/rounds');

jest.setTimeout(3_600_000);
const kRuns = Number(process.env.SWITCHYARD_FUZZ_MESSAGES ?? rounds(150, 10_000)); // npm run bench:service: 100,000
const doors = useDoors({ bodyLimit: kMB });

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

/** What JSON-RPC has for an answer. */
function checkAnswer(answer) {
  const all = Array.isArray(answer) ? answer : [answer];
  expect(all.length).toBeGreaterThan(0);
  for (const { jsonrpc, id, error, result } of all) {
    expect(jsonrpc).toBe('2.0');
    expect(id === null || ['string', 'number'].includes(typeof id)).toBe(true);
    expect((error === undefined) !== (result === undefined)).toBe(true);
    // Of the pretended manager there are calls that it does not have; nothing else is our own fault.
    if (error)
      expect(error).toMatchObject({
        code: expect.any(Number),
        message: expect.any(String),
        data: { code: expect.stringMatching(/^ERR_/) },
      });
    expect(JSON.stringify(error ?? '')).not.toMatch(/node_modules|\/lib\/|at [A-Z]\w+\.|\/dev\/shm/);
  }
}

/** Says something, and waits until it is answered or the connection is closed; what comes behind it shows that. */
async function say(connection, what) {
  if (!connection.socket || connection.socket.closed)
    connection.socket = await open(connection.port(), { path: '/ws' });
  const { socket } = connection;
  const mark = `mark ${++connection.marks}`;
  socket.send(what);
  socket.send(message('listDevices', {}, mark));
  for (;;) {
    const got = await socket.next();
    if (got === undefined) return; // closed
    if (Buffer.isBuffer(got)) {
      expect(got.toString('latin1', 0, 4)).toBe('SWYD');
      checkAnswer(JSON.parse(got.toString('utf8', 12, 12 + got.readUInt32LE(8))));
    } else if (got.id === mark) {
      break;
    } else {
      checkAnswer(got);
    }
  }
}

const kSockets = { '/ws': () => doors.port, RPC_PORT: () => doors.rpcPort };
describe.each(Object.keys(kSockets))('a WebSocket at %s', (name) => {
  const connection = { port: kSockets[name], marks: 0 };
  afterAll(() => connection.socket?.ws.terminate());

  test.each([
    ['texts', text],
    ['frames', bytes],
  ])('%s', async (_, arbitrary) => {
    await fc.assert(
      fc.asyncProperty(arbitrary, (what) => say(connection, what)),
      { numRuns: kRuns },
    );
    const socket = await open(connection.port());
    expect(await socket.ask('listDevices')).toMatchObject({ result: expect.anything() });
    socket.ws.close();
  });
});

test('POST /rpc', async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(text, bytes), async (what) => {
      const type = Buffer.isBuffer(what) ? 'application/octet-stream' : 'application/json';
      const { status, json, bytes: back } = await postRpc(doors.port, what, { 'content-type': type });
      if (status === 204) return expect(back).toHaveLength(0);
      if (status === 400) return expect(json.error.code).toBe('ERR_INVALID_ARGUMENT'); // no body at all
      expect(status).toBe(200);
      return checkAnswer(json ?? JSON.parse(back.toString('utf8', 12, 12 + back.readUInt32LE(8))));
    }),
    { numRuns: kRuns },
  );
  expect((await postRpc(doors.port, message('listDevices'))).json.result).toBeDefined();
});
