// What was made of a model for this machine, kept between runs: its packed weights, and what was measured of it. Files
// in a shelf of the cache folder, each under a digest of all that it depends on, replaced whole, with a checksum.
// They are read, not mapped: a mapped file that somebody cuts short would take the process down.
'use strict';
const { createHash } = require('node:crypto');
const { setImmediate } = require('node:timers/promises');
const { native } = require('../addon');
const { nextId, track, tensor, kDTypes, kArrays } = require('../call');
const { cacheFolder } = require('../program');

/** @typedef {import('../index').Tensor} Tensor */
/** @typedef {import('./precision').Packed} Packed */
/** @typedef {{ bytes: ArrayBuffer|null, problem?: string }} Read */
/** @typedef {{ isKept: boolean, problem?: string }} Written */
/** @typedef {{ name: string, dtype: import('../index').DType, shape: number[], at: number }} Place */

const kShelf = 'text';
const kMagic = 'swydtxt1'; // another layout, another way of rounding: another digit
const kMostBytes = 4 * 2 ** 30;
const kAlignment = 64;
const kPiece = 2 ** 20; // copied in a turn of the loop

/** @param {number} bytes */
const aligned = (bytes) => Math.ceil(bytes / kAlignment) * kAlignment;

/** @param {{ shaderCacheDir?: string }} settings */
function shelfOf(settings) {
  return { folder: cacheFolder(settings), name: kShelf, magic: kMagic, mostBytes: kMostBytes };
}

/** @param {unknown} key all that decides what is kept under it, as JSON */
function fileOf(key) {
  return createHash('sha256').update(JSON.stringify(key)).digest('hex');
}

class PackedCache {
  #shelf;
  #tell;

  /**
   * @param {{ shaderCacheDir?: string }} settings
   * @param {(problem: string) => void} tell of what keeps it from working, which is never fatal
   */
  constructor(settings, tell) {
    this.#shelf = shelfOf(settings);
    this.#tell = tell;
  }

  /**
   * @param {unknown} key
   * @returns {Promise<ArrayBuffer|null>}
   */
  async read(key) {
    if (this.#shelf.folder === '') return null;
    const number = nextId();
    native.readCached(number, this.#shelf, fileOf(key));
    const { bytes, problem } = await track(number, undefined, undefined, (/** @type {Read} */ value) => value);
    if (problem !== undefined) this.#tell(problem);
    return bytes;
  }

  /**
   * @param {unknown} key
   * @param {Uint8Array} bytes
   * @returns {Promise<boolean>} whether it is kept
   */
  async write(key, bytes) {
    if (this.#shelf.folder === '') return false;
    const number = nextId();
    native.writeCached(number, this.#shelf, fileOf(key), bytes);
    const { isKept, problem } = await track(number, undefined, bytes, (/** @type {Written} */ value) => value);
    if (problem !== undefined) this.#tell(problem);
    return isKept;
  }

  /**
   * @param {unknown} key
   * @returns {Promise<unknown>} what writeJson() was given; undefined where nothing is kept
   */
  async readJson(key) {
    const bytes = await this.read(key);
    return bytes === null ? undefined : JSON.parse(Buffer.from(bytes).toString('utf8'));
  }

  /**
   * @param {unknown} key
   * @param {unknown} value
   */
  writeJson(key, value) {
    return this.write(key, Buffer.from(JSON.stringify(value)));
  }

  /**
   * The packed weights that are kept; where there are none `make` makes them, and they are kept.
   * @param {unknown} key
   * @param {() => Promise<Packed>} make
   * @returns {Promise<Packed>}
   */
  async packed(key, make) {
    const bytes = await this.read(key);
    if (bytes !== null) return decodePacked(bytes);
    const packed = await make();
    await this.write(key, await encodePacked(packed));
    return packed;
  }
}

/**
 * A length, that many bytes of JSON, the tensors at multiples of 64 bytes behind it.
 * @param {Packed} packed
 * @returns {Promise<Uint8Array>}
 */
async function encodePacked({ precision, tensors, forms }) {
  let at = 0;
  const places = [...tensors].map(([name, { dtype, shape, data }]) => {
    const place = { name, dtype, shape: [...shape], at };
    at = aligned(at + data.byteLength);
    return place;
  });
  const header = Buffer.from(JSON.stringify({ precision, forms: [...forms], places }));
  const begin = aligned(4 + header.length);
  const bytes = new Uint8Array(begin + at);
  new DataView(bytes.buffer).setUint32(0, header.length, true);
  bytes.set(header, 4);
  for (const { name, at: offset } of places) {
    const { data } = /** @type {Tensor} */ (tensors.get(name));
    for (let from = 0; from < data.byteLength; from += kPiece) {
      const piece = Math.min(kPiece, data.byteLength - from);
      bytes.set(new Uint8Array(data.buffer, data.byteOffset + from, piece), begin + offset + from);
      if (data.byteLength > kPiece) await setImmediate(); // others come between
    }
  }
  return bytes;
}

/**
 * @param {ArrayBuffer} buffer whose checksum was right: it is what encodePacked() has made
 * @returns {Packed}
 */
function decodePacked(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const { precision, forms, places } = JSON.parse(Buffer.from(buffer, 4, length).toString('utf8'));
  const begin = aligned(4 + length);
  const tensors = new Map(
    places.map((/** @type {Place} */ { name, dtype, shape, at }) => {
      const elements = shape.reduce((product, extent) => product * extent, 1);
      const data = new kArrays[kDTypes.indexOf(dtype)](buffer, begin + at, elements);
      return [name, tensor(data, shape, dtype)];
    }),
  );
  return { precision, forms: new Map(forms), tensors };
}

module.exports = { PackedCache };
