// Sealed segments of an index as files of its store: the rows, and behind them what else a segment has.
'use strict';
const { GPUError } = require('../../core');
const { offLoop } = require('./off-loop');

/** @typedef {import('./journal').Collection} Collection */
/**
 * `bytes`: what lies behind the rows; `at`: where, of such as are used where they lie.
 * @typedef {{ file: string, rows: number, bytes: number, at?: number }} Entry
 */

const kAlignment = 64; // of what lies behind the rows

/** @param {ArrayBufferView} view */
const bytesOf = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

/**
 * A file as memory, whose content nobody has checked.
 * @param {Collection} collection
 * @param {Entry} entry
 * @param {number} dimensions
 * @throws {GPUError} (rejects with) ERR_DAMAGED: it has another size
 */
async function mapSegment(collection, { file, rows: count, bytes, at: place }, dimensions) {
  const at = place ?? count * dimensions * 4;
  const { buffer, source } = await collection.mapFile(file);
  const isSize = [count, bytes, at].every((each) => Number.isSafeInteger(each) && each >= 0);
  if (!isSize || count === 0 || at < count * dimensions * 4 || at + bytes !== buffer.byteLength)
    throw new GPUError(
      'ERR_DAMAGED',
      `the file '${file}' of the index has ${buffer.byteLength} bytes, which are no ${count} rows of ${dimensions} ` +
        `numbers and ${bytes} bytes behind them`,
    );
  return {
    rows: new Float32Array(buffer, 0, count * dimensions),
    rest: new Uint8Array(buffer, at, bytes),
    bytes: new Uint8Array(buffer),
    at,
    source,
  };
}

/**
 * @param {Collection} collection
 * @param {string} file its name, which no other one has
 * @param {number} rows
 * @param {Float32Array} vectors of them
 * @param {(id: number) => void} pack what else it has
 * @returns {Promise<Entry>}
 */
async function writeSegment(collection, file, rows, vectors, pack) {
  const packed = /** @type {ArrayBuffer} */ (await offLoop(pack));
  const data = bytesOf(vectors);
  const at = Math.ceil(data.length / kAlignment) * kAlignment;
  await collection.writeFile(file, [data, new Uint8Array(at - data.length), new Uint8Array(packed)]);
  return { file, rows, bytes: packed.byteLength, at };
}

/**
 * A segment that was written, in a table, behind the others.
 * @param {Collection} collection
 * @param {import('../../addon/vector-calls').NativeVectorTable} table
 * @param {Entry} entry
 * @param {number} dimensions
 * @param {Uint8Array|undefined} alive
 * @returns {Promise<{ name: number, rows: Float32Array, isChecked: boolean }>}
 */
async function adoptSegment(collection, table, entry, dimensions, alive) {
  const { rows, rest, bytes, at, source } = await mapSegment(collection, entry, dimensions);
  const isWhole = entry.at === undefined || source === undefined;
  if (isWhole) await collection.check(entry.file, 0, bytes.length);
  const name = /** @type {number} */ (
    await offLoop((id) =>
      entry.at === undefined
        ? table.adopt(id, rows, rest, alive)
        : table.adoptMapped(id, bytes, entry.rows, at, source, alive),
    )
  );
  return { name, rows, isChecked: isWhole };
}

/**
 * A file's bytes, which are those that were written.
 * @param {Collection} collection
 * @param {string} name
 */
async function readFile(collection, name) {
  const { buffer } = await collection.mapFile(name);
  await collection.check(name, 0, buffer.byteLength);
  return buffer;
}

module.exports = { adoptSegment, bytesOf, mapSegment, readFile, writeSegment };
