// A model's weights in a precision: as the file has them, or packed and kept on disk; and which precision it is where
// that is left open.
'use strict';
const os = require('node:os');
const { readSettings } = require('../config');
const { choiceFor, timed } = require('./auto-precision');
const { PackedCache } = require('./packed-cache');
const { layoutOf, pack } = require('./precision');
const { kSentences } = require('./sentences');

/** @typedef {import('./precision').Precision} Precision */
/** @typedef {import('./precision').Form} Form */
/** @typedef {import('./stored').TensorSource} TensorSource */
/** @typedef {import('./weights').Weights} Weights */
/** @typedef {import('./weights').Loading} Loading */
/** @typedef {TensorSource & Pick<Weights, 'into'>} Source `into`: where tensors can be copied out of files */
/**
 * @typedef {object} Packing
 * @property {Source} source
 * @property {string} digest
 * @property {import('./stored').Runner} runner on which it is packed
 */

const kLayout = 1; // of what is kept: another way of packing, another number

/**
 * What keeps a cache from working costs time, and no result.
 * @param {string} problem
 */
function tell(problem) {
  process.emitWarning(`what was made of a model is not kept: ${problem}`, 'SwitchyardWarning');
}

/**
 * @param {Packing} packing
 * @param {Precision} precision
 * @returns {Weights & { forms: ReadonlyMap<string, Form> }}
 */
function weightsIn({ source, digest, runner }, precision) {
  const { parts, forms } = layoutOf(source.given, precision);
  const isAsStored = forms.size === 0 && parts.every(({ dtype }, i) => dtype === source.given[i].dtype);
  if (isAsStored)
    return {
      parts,
      forms,
      into: source.into,
      async all({ onBytes }) {
        const { tensors } = await pack(source, precision, runner);
        onBytes?.(1, 1);
        return tensors;
      },
    };
  return {
    parts,
    forms,
    async all({ onBytes }) {
      const cache = new PackedCache(readSettings(), tell);
      const key = { what: 'weights', layout: kLayout, digest, precision };
      const { tensors } = await cache.packed(key, () => pack(source, precision, runner));
      onBytes?.(1, 1);
      return tensors;
    },
  };
}

/**
 * The fastest precision that is near enough to float32, measured here or kept from an earlier load.
 * @param {string} digest
 * @param {string} devices what it runs on
 * @param {(precision: Precision, sentences: readonly string[]) => Promise<{ run: () => Promise<import('../index').Tensor>,
 *   end: () => void|Promise<void> }>} prepare puts the weights where jobs find them
 */
async function choosePrecision(digest, devices, prepare) {
  const cache = new PackedCache(readSettings(), tell);
  const cpus = os.cpus();
  const of = { digest, devices, processors: `${cpus.length} ${cpus[0]?.model}` };
  return choiceFor(cache, of, async (precision) => {
    const { run, end } = await prepare(precision, kSentences);
    try {
      const { result, ms } = await timed(run);
      return { rows: /** @type {Float32Array} */ (result.data), dimensions: result.shape[1], ms };
    } finally {
      await end();
    }
  });
}

module.exports = { weightsIn, choosePrecision };
