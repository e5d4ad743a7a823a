// Pictures as files: RGBA8 tensors to PNG.
'use strict';
const { GPUError, invalid, show } = require('../core');

/** @typedef {import('../index').Tensor} Tensor */

const kMaxSide = 65535;

/**
 * The part of the package sharp that is used.
 * @typedef {(data: Uint8Array, options: { raw: { width: number, height: number, channels: number } }) =>
 *   { png: (options: { compressionLevel: number }) => { toBuffer: () => Promise<Buffer> } }} Sharp
 */

/** @returns {Sharp} loaded with the first picture: many processes never make one */
function loadSharp() {
  try {
    return /** @type {Sharp} */ (/** @type {(name: string) => unknown} */ (require)('sharp'));
  } catch (error) {
    throw new GPUError(
      'ERR_UNSUPPORTED',
      `PNG files are written by the package 'sharp', which can't be loaded here: ` +
        `${String(error.message).split('\n')[0]}. Install it with \`npm install sharp\``,
      { cause: error },
    );
  }
}

/**
 * @param {unknown} image
 * @returns {{ data: Uint8Array, width: number, height: number, channels: number }}
 */
function checkImage(image) {
  const { data, shape } = /** @type {{ data?: unknown, shape?: unknown }} */ (image ?? {});
  if (!(
    ArrayBuffer.isView(data) &&
    (Object.prototype.toString.call(data) === '[object Uint8Array]' ||
      Object.prototype.toString.call(data) === '[object Uint8ClampedArray]')
  ))
    throw invalid(
      `encodePNG: the image is ${show(image)}, but must be a tensor of uint8 with the shape [height, width, 4]`,
    );
  const [height, width, channels = 1] = Array.isArray(shape) ? shape : [];
  if (!Array.isArray(shape) || (shape.length !== 2 && shape.length !== 3) || ![1, 3, 4].includes(channels))
    throw invalid(
      `encodePNG: the image has shape ${show(shape)}, but must be [height, width, 4], or [height, width] with 1 or 3 ` +
        'channels',
    );
  for (const [name, side] of [
    ['height', height],
    ['width', width],
  ])
    if (!(Number.isInteger(side) && side >= 1 && side <= kMaxSide))
      throw invalid(`encodePNG: the image's ${name} is ${show(side)}, but must be from 1 to ${kMaxSide}`);
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (bytes.length !== width * height * channels)
    throw invalid(
      `encodePNG: the image has ${bytes.length} bytes, but its shape ${show(shape)} takes ${width * height * channels}`,
    );
  return { data: bytes, width, height, channels };
}

/**
 * An image as a PNG file, by the package sharp.
 * @param {Tensor} image uint8 [height, width, 4], or 3, 1 or no channels
 * @returns {Promise<Buffer>}
 * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT: it is no image; ERR_UNSUPPORTED: sharp is not installed
 * @example await fs.promises.writeFile('attention.png', await encodePNG(outputs.image));
 */
async function encodePNG(image) {
  const { data, width, height, channels } = checkImage(image);
  return loadSharp()(data, { raw: { width, height, channels } }).png({ compressionLevel: 6 }).toBuffer();
}

module.exports = { encodePNG };
