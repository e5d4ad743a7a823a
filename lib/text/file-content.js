// The weights of a model in its safetensors files, as they lie there: read in pieces into the memory that they have.
'use strict';
const { kArrays, kDTypes, tensor } = require('../call');
const { readTensors } = require('./weight-files');

/** @typedef {import('./weight-files').Found} Found */
/** @typedef {import('./content').Part & { found: Found }} Part `found`: where it is read from */
/** @typedef {import('./content').Content} Content */

const kPieceBytes = 32 << 20; // read at once: after each it is told how far it is

/** @param {Found} found */
function partOf(found) {
  const { spec, stored, dtype } = found;
  return { name: spec.name, dtype, shape: spec.shape, bytes: stored.bytes, found };
}

/**
 * In pieces, file by file.
 * @param {readonly Part[]} parts
 * @returns {{ file: Found['file'], places: number[], bytes: number }[]} `places` among the parts
 */
function piecesOf(parts) {
  /** @type {{ file: Found['file'], places: number[], bytes: number }[]} */
  const pieces = [];
  for (const [place, { found, bytes }] of parts.entries()) {
    const last = pieces.at(-1);
    if (last && last.file === found.file && last.bytes + bytes <= kPieceBytes) {
      last.places.push(place);
      last.bytes += bytes;
    } else pieces.push({ file: found.file, places: [place], bytes });
  }
  return pieces;
}

/**
 * @param {Part} part
 * @param {ArrayBuffer} buffer
 */
function arrayOf({ dtype }, buffer) {
  return new kArrays[kDTypes.indexOf(dtype)](buffer);
}

/**
 * @param {readonly Found[]} found
 * @returns {Content}
 */
function fileContent(found) {
  const parts = found.map(partOf);
  const total = parts.reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    parts,
    forms: new Map(),
    async read(targetOf, take, { signal, onBytes }) {
      let loaded = 0;
      for (const { file, places, bytes } of piecesOf(parts)) {
        const names = places.map((place) => parts[place].found.stored.name);
        const buffers = await readTensors(file, names, places.map(targetOf), signal);
        for (const [i, buffer] of buffers.entries()) {
          const place = places[i];
          if (buffer) await take(place, arrayOf(parts[place], buffer));
        }
        onBytes?.((loaded += bytes), total);
      }
    },
  };
}

/**
 * @param {readonly Found[]} found
 * @returns {import('./stored').TensorSource}
 */
function fileSource(found) {
  const parts = new Map(found.map((each) => [each.spec.name, partOf(each)]));
  return {
    given: found.map(({ spec: { name, shape, kind, careful }, dtype }) => ({ name, shape, kind, careful, dtype })),
    async take(name) {
      const part = /** @type {Part} */ (parts.get(name));
      const [buffer] = await readTensors(part.found.file, [part.found.stored.name], [undefined]);
      return tensor(arrayOf(part, /** @type {ArrayBuffer} */ (buffer)), part.shape, part.dtype);
    },
  };
}

module.exports = { fileContent, fileSource };
