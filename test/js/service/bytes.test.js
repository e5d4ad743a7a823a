// Workloads as bytes over HTTP: tensors read in place, and frames that are not what they should be.
'use strict';
const { useServer, post, frame, readFrame, kSmall, kMB } = require('../../support/http-service');

const server = useServer({ bodyLimit: kMB });

describe('workloads as bytes', () => {
  const post8 = (body, headers = {}) =>
    post(server.port, body, { 'content-type': 'application/octet-stream', ...headers });
  const two = [new Float32Array([1, 2, 3]), new Int8Array([4, 5])];
  const header = {
    type: 'x',
    inputs: { a: { shape: [3], dtype: 'float32', offset: 0 }, b: { shape: [2], dtype: 'int8', offset: 16 } },
  };

  test('tensors are read in place and answered in the same format', async () => {
    const { status, bytes, headers } = await post8(frame(header, two));
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('application/octet-stream');
    const answer = readFrame(bytes);
    expect(answer.version).toBe(1);
    expect(answer.header).toMatchObject({
      outputs: { a: { shape: [3], dtype: 'float32', offset: 0 }, b: { shape: [2], dtype: 'int8', offset: 16 } },
      workerId: 1,
    });
    expect(answer.header.secret).toBeUndefined();
    expect([
      ...new Float32Array(answer.data.buffer.slice(answer.data.byteOffset, answer.data.byteOffset + 12)),
    ]).toEqual([1, 2, 3]);
    expect([...new Int8Array(answer.data.buffer, answer.data.byteOffset + 16, 2)]).toEqual([4, 5]);
  });

  test('without the last padding, with two inputs at one place, and with an inline tensor', async () => {
    expect((await post8(frame(header, two).subarray(0, -6))).status).toBe(200);
    const shared = { type: 'x', inputs: { a: { shape: [3], offset: 0 }, b: { shape: [3], offset: 0 }, c: [1] } };
    expect((await post8(frame(shared, [two[0]]))).status).toBe(200);
  });

  test('Accept decides about the answer', async () => {
    expect((await post8(frame(header, two), { accept: 'application/json' })).json.outputs.b.data).toEqual([4, 5]);
    expect(
      (await post(server.port, kSmall, { accept: 'application/octet-stream' })).bytes.toString('latin1', 0, 4),
    ).toBe('SWYD');
  });

  test.each([
    ['nothing but a beginning', Buffer.from('SWYD'), /begins with 12/],
    ['another magic', frame(header, two, { magic: 'XXXX' }), /'SWYD'/],
    ['another version', frame(header, two, { version: 2 }), /version 2/],
    ['a header longer than the body', frame(header, two, { length: 60000 }), /only \d+ bytes follow/],
    ['a header of 4 GB', frame(header, two, { length: 0xffffffff }), /at most 1048576/],
    ['a header cut short', frame(header, two, { length: 20 }), /is not JSON/],
    [
      'a header of bad UTF-8',
      Buffer.concat([frame('aa', []).subarray(0, 13), Buffer.from([0xff, 0xff, 0x22])]),
      /not UTF-8/,
    ],
    ['tensors cut short', frame(header, two).subarray(0, -8), /takes 2 bytes from offset 16/],
    ['bytes that nobody claims', Buffer.concat([frame(header, two), Buffer.alloc(8)]), /its tensors take 18/],
    [
      'an offset that is not aligned',
      frame({ type: 'x', inputs: { a: { shape: [1], offset: 4 } } }, two),
      /multiple of 8/,
    ],
    [
      'an offset beyond the end',
      frame({ type: 'x', inputs: { a: { shape: [1], offset: 2 ** 40 } } }, two),
      /bytes behind the header/,
    ],
    ['a negative offset', frame({ type: 'x', inputs: { a: { shape: [1], offset: -8 } } }, two), /multiple of 8/],
    [
      'a shape that overflows',
      frame({ type: 'x', inputs: { a: { shape: [2 ** 30, 2 ** 30, 16], offset: 0 } } }, two),
      /more elements/,
    ],
    [
      'a shape larger than memory',
      frame({ type: 'x', inputs: { a: { shape: [2 ** 50], offset: 0 } } }, two),
      /bytes behind the header/,
    ],
    ['no shape', frame({ type: 'x', inputs: { a: { offset: 0 } } }, two), /shape/],
    [
      'data and an offset',
      frame({ type: 'x', inputs: { a: { shape: [1], offset: 0, data: [1] } } }, two),
      /unknown key of input 'a' 'data'/,
    ],
    [
      '__proto__ in the header',
      frame(JSON.parse('{"type":"x","inputs":{"__proto__":{"offset":0,"shape":[1]}}}'), two),
      /'__proto__'/,
    ],
  ])('%s is refused', async (_, body, message) => {
    const { status, json } = await post8(body);
    expect(status).toBe(400);
    expect(json.error.message).toMatch(message);
    expect(server.manager.calls).toHaveLength(0);
  });
});
