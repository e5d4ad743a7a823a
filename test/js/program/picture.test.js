// Pictures as PNG files, read back by a decoder of our own.
'use strict';
const zlib = require('node:zlib');
const { gpu, random } = require('../../support/random-data');
const { failure } = require('../../support/assertions');

/** The pixels of a PNG file of 8 bits a channel, not interlaced: the format's own filters, undone one by one. */
function decodePNG(file) {
  expect(file.subarray(0, 8)).toEqual(Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]));
  let width, height, channels;
  const parts = [];
  for (let at = 8; at < file.length;) {
    const length = file.readUInt32BE(at),
      type = file.toString('latin1', at + 4, at + 8),
      data = file.subarray(at + 8, at + 8 + length);
    if (type === 'IHDR') {
      [width, height] = [data.readUInt32BE(0), data.readUInt32BE(4)];
      channels = { 0: 1, 2: 3, 6: 4 }[data[9]];
      expect([data[8], data[12]]).toEqual([8, 0]);
    } else if (type === 'IDAT') parts.push(data);
    at += 12 + length;
  }
  const lines = zlib.inflateSync(Buffer.concat(parts)),
    stride = width * channels;
  const pixels = new Uint8Array(height * stride);
  const paeth = (a, b, c) => {
    const p = a + b - c,
      distances = [a, b, c].map((each) => Math.abs(p - each));
    return [a, b, c][distances.indexOf(Math.min(...distances))];
  };
  for (let y = 0; y < height; ++y) {
    const filter = lines[y * (stride + 1)];
    for (let x = 0; x < stride; ++x) {
      const at = y * stride + x;
      const left = x >= channels ? pixels[at - channels] : 0,
        up = y ? pixels[at - stride] : 0,
        corner = y && x >= channels ? pixels[at - stride - channels] : 0;
      pixels[at] =
        lines[y * (stride + 1) + 1 + x] + [0, left, up, Math.floor((left + up) / 2), paeth(left, up, corner)][filter];
    }
  }
  return { width, height, channels, pixels };
}

test.each([
  [4, [5, 7, 4]],
  [3, [6, 2, 3]],
  [1, [3, 9]],
  [4, [1, 1, 4]],
])('%i channels come back as they were', async (channels, shape) => {
  const data = Uint8Array.from({ length: shape[0] * shape[1] * channels }, () => Math.floor(random() * 256));
  const { width, height, pixels, channels: found } = decodePNG(await gpu.encodePNG(gpu.tensor(data, shape)));
  expect([height, width]).toEqual(shape.slice(0, 2));
  // One grey channel may be written as three.
  const reference =
    found === channels ? data : Uint8Array.from({ length: pixels.length }, (_, i) => data[Math.floor(i / found)]);
  expect(pixels).toEqual(reference);
});

test.each([
  [undefined, /image is undefined/],
  [{ data: new Float32Array(4), shape: [1, 1, 4] }, /must be a tensor of uint8/],
  [{ data: new Uint8Array(4) }, /shape undefined/],
  [{ data: new Uint8Array(8), shape: [2, 2, 2] }, /shape \[2, 2, 2\], but must be/],
  [{ data: new Uint8Array(0), shape: [0, 4, 4] }, /height is 0/],
  [{ data: new Uint8Array(3), shape: [1, 1, 4] }, /has 3 bytes, but its shape \[1, 1, 4\] takes 4/],
])('%p is no picture', async (image, message) => {
  expect(await failure(gpu.encodePNG(image))).toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: expect.stringMatching(message),
  });
});

test('without sharp it is said what is missing', async () => {
  jest.resetModules();
  jest.doMock(
    'sharp',
    () => {
      throw new Error('Cannot find module');
    },
    { virtual: true },
  );
  const { encodePNG } = require('../../../lib/program/picture');
  expect(await failure(encodePNG({ data: new Uint8Array(4), shape: [1, 1, 4] }))).toMatchObject({
    code: 'ERR_UNSUPPORTED',
    message: expect.stringMatching(/npm install sharp/),
  });
  jest.dontMock('sharp');
});
