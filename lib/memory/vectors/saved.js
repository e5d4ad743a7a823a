// An index as one file: segments, their rows as they lie, and at the end a page that says what is where. Written beside
// the file of that name, made durable, and renamed: there is always the old one or the new one.
//
//   "SWYDINDX", then of each segment its rows, and what src/vectors/packed.h says; each begins at a multiple of 4096
//   the description: JSON { format, dimensions, metric, dtype, segments: [{ rows, rowsAt, at, bytes, checksum,
//   rowsChecksum }] }
//   the last 64 bytes: "SWYDINDX"; u32 format; u32 0x01020304 (the byte order); u64 where the description begins; u64
//   its bytes; 16 digits: its checksum; 16 digits: that of the 48 bytes before
'use strict';
const fs = require('node:fs/promises');
const os = require('node:os');
const path = require('node:path');
const { randomBytes } = require('node:crypto');
const { native } = require('../../addon');
const { GPUError, invalid } = require('../../core');
const { offLoop } = require('./off-loop');

/** @typedef {import('../../addon/vector-calls').NativeVectorTable} Table */
/** @typedef {import('../../addon/vector-calls').PackedSegment} Packed */
/**
 * @typedef {{ rows: number, rowsAt: number, at: number, bytes: number, checksum: string, rowsChecksum: string }} Entry
 */
/**
 * @typedef {{ format: number, dimensions: number, metric: string, dtype: string, segments: Entry[] }} Description
 */

const kMagic = Buffer.from('SWYDINDX');
const kFormat = 1;
const kOrder = 0x01020304;
const kPage = 4096;
const kEnd = 64;
const kPiece = 8 << 20; // written or read at once

const damaged = (/** @type {string} */ what) => new GPUError('ERR_DAMAGED', what);
/** @param {Uint8Array} bytes */
const checksum = (bytes) => /** @type {Promise<string>} */ (offLoop((id) => native.checksumOf(id, bytes)));

/** Writes one thing behind the other. */
class PagedFile {
  #file;
  at = 0;

  /** @param {fs.FileHandle} file */
  constructor(file) {
    this.#file = file;
  }

  /** @param {Uint8Array} bytes */
  async write(bytes) {
    const from = this.at;
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await this.#file.write(bytes, done, Math.min(kPiece, bytes.length - done), this.at);
      done += bytesWritten;
      this.at += bytesWritten;
    }
    return from;
  }

  async align() {
    const rest = this.at % kPage;
    if (rest) await this.write(Buffer.alloc(kPage - rest));
  }
}

/**
 * An index at one moment.
 * @typedef {{ handle: import('../../addon/vector-calls').VectorSnapshot,
 *   segments: { rows: number, data: Float32Array }[] }} Snapshot
 */

/**
 * @param {PagedFile} file
 * @param {Table} table
 * @param {Snapshot} snapshot
 * @param {Omit<Description, 'segments'|'format'>} what
 */
async function writeAll(file, table, snapshot, what) {
  await file.write(kMagic);
  /** @type {Entry[]} */
  const segments = [];
  for (const [place, { rows, data }] of snapshot.segments.entries()) {
    if (rows === 0) continue;
    /** @type {Packed} */
    const packed = await offLoop((id) => table.packSegment(id, snapshot.handle, place));
    await file.align();
    const rowsAt = await file.write(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    await file.align();
    const bytes = new Uint8Array(packed.bytes);
    const at = await file.write(bytes);
    const { checksum: sum, rowsChecksum } = packed;
    segments.push({ rows, rowsAt, at, bytes: bytes.length, checksum: sum, rowsChecksum });
  }
  const description = Buffer.from(JSON.stringify({ format: kFormat, ...what, segments }));
  const at = await file.write(description);
  const end = Buffer.alloc(kEnd);
  kMagic.copy(end);
  end.writeUInt32LE(kFormat, 8);
  end.writeUInt32LE(kOrder, 12);
  end.writeBigUInt64LE(BigInt(at), 16);
  end.writeBigUInt64LE(BigInt(description.length), 24);
  end.write(await checksum(description), 32);
  end.write(await checksum(end.subarray(0, 48)), 48);
  await file.write(end);
}

/**
 * @param {unknown} error
 * @param {string} doing
 */
function fileError(error, doing) {
  const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
  if (error instanceof GPUError) return error;
  const ours = code === 'ENOENT' ? 'ERR_NOT_FOUND' : code === 'ENOSPC' ? 'ERR_OUT_OF_MEMORY' : 'ERR_INVALID_ARGUMENT';
  return new GPUError(ours, `${doing}: ${message}`, { cause: error });
}

/**
 * @param {string} target
 * @param {Table} table
 * @param {Snapshot} snapshot
 * @param {Omit<Description, 'segments'|'format'>} what
 */
async function saveIndex(target, table, snapshot, what) {
  const partial = `${target}.${randomBytes(6).toString('hex')}.partial`;
  try {
    const file = await fs.open(partial, 'wx');
    try {
      await writeAll(new PagedFile(file), table, snapshot, what);
      await file.sync();
    } finally {
      await file.close();
    }
    await fs.rename(partial, target);
    const folder = await fs.open(path.dirname(target), 'r');
    await folder.sync().finally(() => folder.close());
  } catch (error) {
    await fs.rm(partial, { force: true });
    throw fileError(error, 'the index was not saved');
  }
}

/**
 * @param {fs.FileHandle} file
 * @param {number} at
 * @param {number} bytes
 * @returns {Promise<Uint8Array>} in memory of its own
 */
async function readAt(file, at, bytes) {
  const buffer = Buffer.allocUnsafeSlow(bytes);
  for (let done = 0; done < bytes;) {
    const { bytesRead } = await file.read(buffer, done, Math.min(kPiece, bytes - done), at + done);
    if (bytesRead === 0) throw damaged('the file ends too early');
    done += bytesRead;
  }
  return buffer;
}

/**
 * @param {fs.FileHandle} file
 * @returns {Promise<Description>}
 */
async function readDescription(file) {
  const { size } = await file.stat();
  if (size < kEnd + kMagic.length) throw invalid('the file is no saved index: it is too short', 'path');
  const end = Buffer.from(await readAt(file, size - kEnd, kEnd));
  const begin = Buffer.from(await readAt(file, 0, kMagic.length));
  if (!begin.equals(kMagic)) throw invalid('the file is no saved index', 'path');
  if (!end.subarray(0, 8).equals(kMagic)) throw damaged('the file is cut off, or damaged at its end');
  if (end.readUInt32LE(12) !== kOrder && end.readUInt32BE(12) === kOrder)
    throw new GPUError('ERR_UNSUPPORTED', 'the index was saved by a machine of another byte order');
  if ((await checksum(end.subarray(0, 48))) !== end.toString('latin1', 48))
    throw damaged('the file is damaged at its end');
  const format = end.readUInt32LE(8);
  if (format > kFormat)
    throw new GPUError(
      'ERR_UNSUPPORTED',
      `the index has format ${format}, of a newer version; this one reads up to ${kFormat}`,
    );
  const at = Number(end.readBigUInt64LE(16));
  const bytes = Number(end.readBigUInt64LE(24));
  if (at + bytes > size - kEnd) throw damaged('the description in the file lies beyond its end');
  const text = await readAt(file, at, bytes);
  if ((await checksum(text)) !== end.toString('latin1', 32, 48))
    throw damaged('the description in the file is damaged');
  const description = JSON.parse(Buffer.from(text).toString());
  if (!areInside(description?.segments, Number(description?.dimensions), at))
    throw damaged('the description in the file speaks of segments that it does not have');
  return description;
}

/**
 * Whether segments lie one behind the other, before memory is asked for: checksums keep off chance, not malice.
 * @param {unknown} segments
 * @param {number} dimensions
 * @param {number} end of what they lie in
 */
function areInside(segments, dimensions, end) {
  if (!Array.isArray(segments)) return false;
  let from = kMagic.length;
  return segments.every((/** @type {Partial<Entry>|null} */ entry) => {
    const { rows = 0, rowsAt = 0, at = 0, bytes = 0 } = /** @type {Partial<Entry>} */ (entry ?? {});
    if (![rows, rowsAt, at, bytes].every((each) => Number.isSafeInteger(each) && each > 0)) return false;
    const isBehind = rowsAt >= from && at >= rowsAt + rows * dimensions * 4;
    from = at + bytes;
    return isBehind && from <= end;
  });
}

/**
 * @param {fs.FileHandle} file
 * @param {Entry} entry
 * @param {number} dimensions
 */
async function readSegment(file, { rows, rowsAt, at, bytes, checksum: sum, rowsChecksum }, dimensions) {
  const data = await readAt(file, rowsAt, rows * dimensions * 4);
  if ((await checksum(data)) !== rowsChecksum) throw damaged(`rows at byte ${rowsAt} are damaged`);
  const rest = await readAt(file, at, bytes);
  if ((await checksum(rest)) !== sum) throw damaged(`ids and metadata at byte ${at} are damaged`);
  return { rows: new Float32Array(data.buffer, data.byteOffset, rows * dimensions), rest };
}

/**
 * @template Index
 * @param {string} source
 * @param {(index: Index, rows: Float32Array, rest: Uint8Array) => Promise<void>} adopt a segment behind the others
 * @param {(description: Description) => Index} make
 * @returns {Promise<Index>}
 */
async function loadIndex(source, adopt, make) {
  if (os.endianness() !== 'LE') throw new GPUError('ERR_UNSUPPORTED', 'indexes are loaded on little-endian machines');
  try {
    const file = await fs.open(source, 'r');
    try {
      const description = await readDescription(file);
      const index = make(description);
      for (const entry of description.segments) {
        const { rows, rest } = await readSegment(file, entry, description.dimensions);
        await adopt(index, rows, rest);
      }
      return index;
    } finally {
      await file.close();
    }
  } catch (error) {
    throw fileError(error, 'the index was not loaded');
  }
}

module.exports = { saveIndex, loadIndex };
