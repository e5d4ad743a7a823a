// Frames between the owner of a store and other processes: they come through in whatever pieces, and what is none ends
// the connection before memory is taken for it.
'use strict';
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { encodeFrame, FrameReader, FrameError } = require('../../../../lib/memory/cluster/frames');
const { Server } = require('../../../../lib/memory/cluster/server');
const { Link } = require('../../../../lib/memory/cluster/link');

function framesOf(bytes, step) {
  const frames = [];
  const reader = new FrameReader(({ head, parts }) => frames.push({ head, parts: parts.map((part) => [...part]) }));
  for (let at = 0; at < bytes.length; at += step) reader.push(bytes.subarray(at, at + step));
  return frames;
}

const samples = [
  { head: { id: 1, name: 'get', key: 'äöü' }, parts: [] },
  { head: { id: 2 }, parts: [new Uint8Array([1, 2, 3])] },
  { head: { id: 3 }, parts: [new Uint8Array(0), new Uint8Array(8).fill(7), new Float32Array([1, 2, 3])] },
  { head: {}, parts: [new Uint8Array(100_000).map((_, i) => i)] },
];
const plain = ({ head, parts }) => ({
  head: parts.length ? { ...head, parts: parts.map(({ byteLength }) => byteLength) } : head,
  parts: parts.map(({ buffer, byteOffset, byteLength }) => [...new Uint8Array(buffer, byteOffset, byteLength)]),
});
const all = Buffer.concat(samples.flatMap(({ head, parts }) => encodeFrame(head, parts)));

test.each([1, 3, 7, 16, 17, 1000, 65536, 1 << 20])('they come through in pieces of %i bytes', (bytes) => {
  expect(framesOf(all, bytes)).toEqual(samples.map(plain));
});

test('parts begin at multiples of 8, so that they are rows of float32', () => {
  const reader = new FrameReader(({ parts }) => {
    for (const { byteOffset } of parts) expect(byteOffset % 8).toBe(0);
  });
  reader.push(all);
  expect.assertions(5);
});

function header(head, body, mark = 0x31465753) {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32LE(mark, 0);
  bytes.writeUInt32LE(head, 4);
  bytes.writeDoubleLE(body, 8);
  return bytes;
}
const framed = (text, body = Buffer.alloc(0)) =>
  Buffer.concat([header(Buffer.byteLength(text), body.length), Buffer.from(text), body]);

const liars = [
  ['another mark', header(2, 0, 1), /another mark/],
  ['a head of 4 GB', header(2 ** 32 - 1, 0), /its head has 4294967295 bytes/],
  ['a body of a terabyte', header(2, 2 ** 40), /its body has 1099511627776 bytes/],
  ['a body of less than nothing', header(2, -8), /its body has -8 bytes/],
  ['a body of no number', header(2, NaN), /its body has NaN bytes/],
  ['a body that ends anywhere', header(2, 7), /its body has 7 bytes/],
  ['no JSON', framed('{"id":'), /no JSON/],
  ['no object', framed('[1]'), /no object/],
  ['parts that are no list', framed('{"parts":8}', Buffer.alloc(8)), /no list of parts/],
  ['parts beyond the body', framed('{"parts":[16]}', Buffer.alloc(8)), /longer than its body/],
  ['parts of less than nothing', framed('{"parts":[-1]}', Buffer.alloc(8)), /longer than its body/],
  ['fewer parts than the body', framed('{"parts":[8]}', Buffer.alloc(16)), /shorter than its body/],
];

test.each(liars)('%s is no frame', (_, bytes, message) => {
  const before = process.memoryUsage().arrayBuffers;
  expect(() => new FrameReader(() => {}).push(bytes)).toThrow(message);
  expect(() => new FrameReader(() => {}).push(bytes)).toThrow(FrameError);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20);
});

test.each([1, 5, 16, 1000, 1 << 20])(
  'one that there is no memory for is passed over, in pieces of %i bytes',
  (step) => {
    const frames = [];
    const allocate = (bytes) => {
      if (bytes > 1000) throw new RangeError('Array buffer allocation failed');
      return new ArrayBuffer(bytes);
    };
    const reader = new FrameReader((frame, bytes) => frames.push({ ...frame, bytes }), undefined, allocate);
    for (let at = 0; at < all.length; at += step) reader.push(all.subarray(at, at + step));
    const [last] = encodeFrame({ id: 9 }, []);
    reader.push(last);
    expect(frames.map(({ head }) => head.id)).toEqual([1, 2, 3, undefined, 9]);
    const lost = frames.filter((frame) => frame.lost);
    expect(lost).toEqual([frames[3]]);
    expect(lost[0]).toMatchObject({ parts: [], lost: { code: 'ERR_OUT_OF_MEMORY' } });
    expect(lost[0].lost.message).toMatch(/100000 bytes/);
  },
);

test('a call that is too long says what to do', () => {
  const part = { buffer: new ArrayBuffer(0), byteOffset: 0, byteLength: 2 ** 30 + 8 };
  expect(() => encodeFrame({ id: 1 }, [part])).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringMatching(/give it in parts/) }),
  );
});

describe('a server', () => {
  const logged = [];
  const log = { error: ({ reason }) => logged.push(reason) };
  let folder, server, address, left, held;
  beforeEach(async () => {
    logged.length = 0;
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'sw-srv-'));
    const mine = (left = []); // of another test's connections some end later
    const served = {
      call: async ({ name, value }, parts) => {
        if (name === 'fail') throw Object.assign(new Error('no'), { code: 'ERR_CLOSED' });
        if (name === 'large') return { value: null, parts: [new Uint8Array(1 << 20)] };
        if (name === 'held') return held;
        return { value, parts };
      },
      cancel() {},
      leave: (who) => mine.push(who),
    };
    server = new Server(served, log);
    address = await server.listen(folder, 1);
  });
  afterEach(async () => {
    await server.close();
    fs.rmSync(folder, { recursive: true });
  });

  function connect() {
    const answers = [];
    const socket = net.connect(address);
    let onEnd;
    const ended = new Promise((resolve) => (onEnd = resolve));
    const link = new Link(socket, { onFrame: ({ head, parts }) => answers.push({ ...head, parts }), onEnd });
    const until = async (count) => {
      while (answers.length < count) await new Promise((resolve) => setTimeout(resolve, 2));
      return answers;
    };
    return { link, socket, until, ended };
  }

  test.each(liars)('cuts off who sends %s, and serves the others', async (_, bytes, message) => {
    const [good, bad] = [connect(), connect()];
    bad.socket.write(bytes);
    await bad.ended;
    expect(logged).toEqual([expect.stringMatching(message)]);
    good.link.send({ id: 1, value: 'still there' });
    expect(await good.until(1)).toMatchObject([{ id: 1, value: 'still there' }]);
    expect(left).toHaveLength(1);
    good.link.destroy();
  });

  test('an error comes with its code', async () => {
    const { link, until } = connect();
    link.send({ id: 1, name: 'fail' });
    expect(await until(1)).toMatchObject([{ id: 1, error: { code: 'ERR_CLOSED', message: 'no' } }]);
    link.destroy();
  });

  test('who does not read his answers is not read any more, until he does', async () => {
    const { link, socket, until } = connect();
    link.pause();
    for (let i = 0; i < 300; ++i) link.send({ id: i, name: 'large' });
    await new Promise((resolve) => setTimeout(resolve, 300));
    const other = connect();
    other.link.send({ id: 1, value: 2 });
    await other.until(1);
    link.resume();
    const answers = await until(300);
    expect(answers.map(({ id }) => id)).toEqual(Array.from({ length: 300 }, (_, i) => i));
    socket.destroy();
    other.link.destroy();
  }, 30_000);

  test('who was not read for its many calls is read again though it took its answers late', async () => {
    let release;
    held = new Promise((resolve) => (release = resolve));
    const { link, socket, until } = connect();
    link.pause();
    for (let i = 0; i < 1100; ++i) link.send({ id: i, name: 'held' });
    await new Promise((resolve) => setTimeout(resolve, 300)); // 1024 are taken
    release({ value: null, parts: [new Uint8Array(275_000)] }); // of all of them, more than may wait
    await new Promise((resolve) => setTimeout(resolve, 300));
    link.resume();
    expect(await until(1100)).toHaveLength(1100);
    socket.destroy();
  }, 30_000);

  test('one that hands over says so, and is not found any more', async () => {
    const { until, ended } = connect();
    await until(0);
    const other = connect();
    other.link.send({ id: 1, value: 2 });
    await other.until(1);
    server.pause();
    expect(await until(1)).toMatchObject([{ moves: true }]);
    expect(fs.existsSync(address)).toBe(false);
    const late = net.connect(address);
    expect(await new Promise((resolve) => late.once('error', resolve))).toMatchObject({ code: 'ENOENT' });
    await server.close();
    await ended;
  });
});
