// Messages that nobody would send on purpose, to each door: each is answered with what JSON-RPC has for it, or its
// connection is closed; the server goes on, and is never at fault itself.
'use strict';
const fc = require('fast-check');
const { bytes, checkAnswer, post, sayAll, sayOn, text } = require('../../support/fuzz');
const { useDoors, message, open, postRpc } = require('../../support/rpc-service');
const { kMB } = require('../../support/http-service');

jest.setTimeout(3_600_000);
const doors = useDoors({ bodyLimit: kMB });

/** An answer as text, or in a frame. */
function check(got) {
  if (!Buffer.isBuffer(got)) return checkAnswer(got);
  expect(got.toString('latin1', 0, 4)).toBe('SWYD');
  return checkAnswer(JSON.parse(got.toString('utf8', 12, 12 + got.readUInt32LE(8))));
}

const kSockets = { '/ws': () => doors.port, RPC_PORT: () => doors.rpcPort };
describe.each(Object.keys(kSockets))('a WebSocket at %s', (name) => {
  const connection = { open: () => open(kSockets[name]()), marks: 0 };
  afterAll(() => connection.socket?.ws.terminate());

  test.each([
    ['texts', text],
    ['frames', bytes],
  ])('%s', async (_, arbitrary) => {
    await sayAll(arbitrary, (messages) => sayOn(connection, messages, check));
    const socket = await open(kSockets[name]());
    expect(await socket.ask('listDevices')).toMatchObject({ result: expect.anything() });
    socket.ws.close();
  });
});

test('POST /rpc', async () => {
  const say = async (what) => {
    const type = Buffer.isBuffer(what) ? 'application/octet-stream' : 'application/json';
    const { status, said } = await post(doors.port, '/rpc', what, { 'content-type': type });
    if (status === 204) return expect(said).toHaveLength(0);
    if (status === 400) return expect(JSON.parse(said).error.code).toBe('ERR_INVALID_ARGUMENT'); // no body at all
    expect(status).toBe(200);
    return check(said.toString('latin1', 0, 4) === 'SWYD' ? said : JSON.parse(said));
  };
  await sayAll(fc.oneof(text, bytes), (messages) => Promise.all(messages.map(say)));
  expect((await postRpc(doors.port, message('listDevices'))).json.result).toBeDefined();
});
