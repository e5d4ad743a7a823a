// What is put into the memory that a model's graphs read: its tensors in one precision, from its files or from what was
// kept of them.
'use strict';
const { setImmediate } = require('node:timers/promises');
const { throwIfAborted } = require('./call-options');
const { layoutOf, pack } = require('./precision');

/** @typedef {import('../index').TensorData} TensorData */
/** @typedef {import('./precision').Packed} Packed */
/** @typedef {import('./precision').Precision} Precision */
/** @typedef {import('./stored').TensorSource} TensorSource */
/** @typedef {import('./precision').Part & { bytes: number }} Part */
/**
 * @typedef {object} Content
 * @property {Part[]} parts
 * @property {Map<string, import('./precision').Form>} forms how steps read them
 * @property {(targetOf: (place: number) => TensorData|undefined, take: (place: number, data: TensorData) =>
 *   void|Promise<void>, loading: Loading) => Promise<void>} read every part into the memory it has (`targetOf`), or has
 *   it taken
 */
/** @typedef {{ signal?: AbortSignal, onBytes?: (loaded: number, total: number) => void }} Loading */

const kPiece = 1 << 20; // copied in a turn of the loop

/** @type {Readonly<Record<import('../index').DType, number>>} */
const kBytes = { float32: 4, float16: 2, bfloat16: 2, int32: 4, uint32: 4, int8: 1, uint8: 1 };

/**
 * @param {TensorData} from
 * @param {TensorData} to
 */
async function copy(from, to) {
  const bytes = new Uint8Array(from.buffer, from.byteOffset, from.byteLength);
  const target = new Uint8Array(to.buffer, to.byteOffset, to.byteLength);
  for (let at = 0; at < bytes.length; at += kPiece) {
    target.set(bytes.subarray(at, at + kPiece), at);
    if (bytes.length > kPiece) await setImmediate(); // others come between
  }
}

/**
 * @param {TensorSource} source
 * @param {Precision} precision
 * @param {(layout: Part[], make: () => Promise<Packed>) => Promise<Packed>} kept what `make` makes, or has made before
 *   of that layout
 * @param {import('./stored').Runner} context on which it is packed
 * @returns {Content}
 */
function contentOf(source, precision, kept, context) {
  const { parts, forms } = layoutOf(source.given, precision);
  const sized = parts.map((part) => ({
    ...part,
    bytes: part.shape.reduce((product, extent) => product * extent, kBytes[part.dtype]),
  }));
  const total = sized.reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    parts: sized,
    forms,
    async read(targetOf, take, { signal, onBytes }) {
      let loaded = 0;
      const { tensors } = await kept(sized, () => pack(source, precision, context));
      for (const [place, { name, bytes }] of sized.entries()) {
        throwIfAborted(signal, 'the loading');
        const { data } = /** @type {import('../index').Tensor} */ (tensors.get(name));
        const target = targetOf(place);
        if (target) await copy(data, target);
        else await take(place, data);
        onBytes?.((loaded += bytes), total);
      }
    },
  };
}

module.exports = { contentOf };
