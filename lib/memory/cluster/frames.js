// What goes over a socket between the owner of a store and another process: frames of a JSON head and raw parts behind
// it. Sizes are checked before memory is taken for them.
//
//   u32 mark; u32 bytes of the head; f64 bytes of the body; the head, JSON in UTF-8; the body: parts, each from a
//   multiple of 8 bytes on, whose lengths the head has as `parts`
'use strict';
const { GPUError } = require('../../core');

/** @typedef {Record<string, unknown>} Head */
/** @typedef {{ head: Head, parts: Uint8Array[], lost?: GPUError }} Frame `lost`: there was no memory for its parts */

const kMark = 0x31465753;
const kHeadBytes = 16;
const kMostHead = 256 << 20;
const kMostBody = 2 ** 30;
const kMostParts = 1 << 16;
const kAlignment = 8;
const kCopiedBytes = 64 << 10; // a frame up to this long is one piece: a write each costs more than the copy

const aligned = (/** @type {number} */ bytes) => Math.ceil(bytes / kAlignment) * kAlignment;
const kZeros = Buffer.alloc(kAlignment);

/** What has come is no frame: the connection ends. */
class FrameError extends Error {}

/**
 * @param {number} bytes
 * @param {number} most
 * @param {string} what
 */
function checkSize(bytes, most, what) {
  if (bytes > most)
    throw new GPUError(
      'ERR_INVALID_ARGUMENT',
      `the call has ${bytes} bytes of ${what}, but one to another process can have at most ${most}: give it in parts`,
    );
}

/**
 * @param {Head} head
 * @param {readonly ArrayBufferView[]} parts which must not change until they are sent
 * @returns {Uint8Array[]} pieces, one behind the other
 * @throws {GPUError} ERR_INVALID_ARGUMENT: it is too long
 */
function encodeFrame(head, parts) {
  const lengths = parts.map(({ byteLength }) => byteLength);
  const text = Buffer.from(JSON.stringify(parts.length ? { ...head, parts: lengths } : head));
  const body = lengths.reduce((sum, bytes) => sum + aligned(bytes), 0);
  checkSize(text.length, kMostHead, 'ids, metadata and texts');
  checkSize(body, kMostBody, 'vectors or values');
  const start = Buffer.allocUnsafe(kHeadBytes);
  start.writeUInt32LE(kMark, 0);
  start.writeUInt32LE(text.length, 4);
  start.writeDoubleLE(body, 8);
  /** @type {Uint8Array[]} */
  const pieces = [start, text];
  for (const { buffer, byteOffset, byteLength } of parts) {
    if (byteLength) pieces.push(new Uint8Array(buffer, byteOffset, byteLength));
    if (byteLength % kAlignment) pieces.push(kZeros.subarray(byteLength % kAlignment));
  }
  return kHeadBytes + text.length + body <= kCopiedBytes ? [Buffer.concat(pieces)] : pieces;
}

/**
 * @param {Buffer} text
 * @returns {Head}
 */
function decodeHead(text) {
  /** @type {Head} */
  let head;
  try {
    head = JSON.parse(text.toString());
  } catch (error) {
    throw new FrameError(`its head is no JSON: ${error.message}`);
  }
  if (head === null || typeof head !== 'object' || Array.isArray(head)) throw new FrameError('its head is no object');
  return head;
}

/**
 * @param {Buffer} text
 * @param {Buffer} body
 * @returns {Frame}
 */
function decode(text, body) {
  const head = decodeHead(text);
  const { parts: lengths = [] } = head;
  if (!Array.isArray(lengths) || lengths.length > kMostParts) throw new FrameError('it has no list of parts');
  let at = 0;
  const parts = lengths.map((bytes) => {
    if (!Number.isSafeInteger(bytes) || bytes < 0 || bytes > body.length - at)
      throw new FrameError('its parts are longer than its body');
    const part = new Uint8Array(body.buffer, body.byteOffset + at, bytes);
    at += aligned(bytes);
    return part;
  });
  if (at !== body.length) throw new FrameError('its parts are shorter than its body');
  return { head, parts };
}

/** Makes frames of what comes, in whatever pieces. */
class FrameReader {
  #onFrame;
  #mostBody;
  #allocate;
  #start = Buffer.alloc(kHeadBytes);
  /** @type {Buffer[]} what is being filled: the start, then the head and the body */
  #into = [this.#start];
  #filled = 0; // how many of them are full
  #at = 0; // of the one that is filled
  #isStart = true;
  #skipped = 0; // bytes of a body that are still to come, and that there is no memory for
  /** @type {GPUError|undefined} */
  #lost;

  /**
   * @param {(frame: Frame, bytes: number) => void} onFrame
   * @param {number} [mostBody]
   * @param {(bytes: number) => ArrayBuffer} [allocate] throws RangeError
   */
  constructor(onFrame, mostBody = kMostBody, allocate = (bytes) => new ArrayBuffer(bytes)) {
    this.#onFrame = onFrame;
    this.#mostBody = mostBody;
    this.#allocate = allocate;
  }

  /**
   * @param {Buffer} chunk
   * @throws {FrameError}
   */
  push(chunk) {
    for (let from = 0; from < chunk.length || (this.#isFull() && !this.#skipped);) {
      if (this.#isFull()) {
        const skipped = Math.min(this.#skipped, chunk.length - from);
        from += skipped;
        this.#skipped -= skipped;
        if (!this.#skipped) this.#next();
        continue;
      }
      const into = this.#into[this.#filled];
      const copied = chunk.copy(into, this.#at, from);
      from += copied;
      this.#at += copied;
      if (this.#at === into.length) {
        this.#filled += 1;
        this.#at = 0;
      }
    }
  }

  /** Empty ones are full from the beginning. */
  #isFull() {
    while (this.#filled < this.#into.length && this.#into[this.#filled].length === 0) this.#filled += 1;
    return this.#filled === this.#into.length;
  }

  #next() {
    const [text, body] = this.#into;
    this.#filled = this.#at = 0;
    if (this.#isStart) {
      this.#into = this.#begin();
      this.#isStart = false;
      return;
    }
    this.#into = [this.#start];
    this.#isStart = true;
    const lost = this.#lost;
    this.#lost = undefined;
    const frame = lost ? { head: decodeHead(text), parts: [], lost } : decode(text, body);
    this.#onFrame(frame, kHeadBytes + text.length + body.length);
  }

  #begin() {
    const mark = this.#start.readUInt32LE(0),
      head = this.#start.readUInt32LE(4),
      body = this.#start.readDoubleLE(8);
    if (mark !== kMark) throw new FrameError('it begins with another mark');
    if (head > kMostHead) throw new FrameError(`its head has ${head} bytes, but can have at most ${kMostHead}`);
    if (!Number.isSafeInteger(body) || body < 0 || body > this.#mostBody || body % kAlignment)
      throw new FrameError(`its body has ${body} bytes, but can have at most ${this.#mostBody}, in steps of 8`);
    return [Buffer.allocUnsafe(head), this.#makeBody(body)];
  }

  /** @param {number} bytes */
  #makeBody(bytes) {
    try {
      return Buffer.from(this.#allocate(bytes)); // of its own: rows of float32 begin where it does
    } catch {
      this.#skipped = bytes;
      this.#lost = new GPUError(
        'ERR_OUT_OF_MEMORY',
        `there is no memory for the ${bytes} bytes of a call, or its answer`,
      );
      return Buffer.alloc(0);
    }
  }
}

module.exports = { encodeFrame, FrameReader, FrameError };
