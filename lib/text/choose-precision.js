// A precision for a model whose user leaves it open: its sentences are run in each, where the model is to run.
'use strict';
const { choiceFor, timed } = require('./auto-precision');
const { contentOf } = require('./content');
const { kPrecisions, layoutOf } = require('./precision');
const { kSentences } = require('./sentences');

/** @typedef {import('./auto-precision').Choice} Choice */
/** @typedef {import('./precision').Precision} Precision */
/**
 * @typedef {object} Subject
 * @property {import('./owners').Owner} owner what it runs on
 * @property {import('./plan').Plan} plan
 * @property {import('./tokenizer').Tokenizer} tokenizer
 * @property {import('./stored').TensorSource} source
 * @property {string} digest
 * @property {boolean} scoresPairs of a cross-encoder
 * @property {number} maxLength
 * @property {import('./packed-cache').PackedCache} cache
 * @property {AbortSignal} [signal]
 */

/**
 * @param {Subject} subject
 * @param {Precision} precision
 * @param {import('./plan').Batch} batch
 */
async function measure({ owner, plan, source, digest, signal }, precision, batch) {
  const content = contentOf(source, precision, (_, make) => make(), owner);
  const fitted = plan.reading(content.forms);
  const { nodes, outputs, inputs } = fitted.graph({});
  const placed = await owner.place(`text:${digest}:${precision}`, content, { signal });
  try {
    const graph = { type: 'graph', inputs: { ...placed.inputs, ...inputs, ...fitted.inputs(batch) }, nodes, outputs };
    const { result, ms } = await timed(() => owner.run(graph, { signal }));
    const rows = result.outputs[outputs[0]];
    return { rows: /** @type {Float32Array} */ (rows.data), dimensions: rows.shape[1], ms };
  } finally {
    await placed.release();
  }
}

/**
 * @param {Subject} subject
 * @returns {Promise<Choice>}
 */
async function choosePrecision(subject) {
  const { cache, digest, owner, source, tokenizer, maxLength, scoresPairs } = subject;
  /** @type {Promise<import('./plan').Batch>|undefined} */
  let batch;
  const precisions = /** @type {Precision[]} */ (Object.keys(kPrecisions));
  const layouts = precisions.map((precision) => layoutOf(source.given, precision).parts);
  return choiceFor(cache, { digest, layouts, devices: await owner.devices() }, async (precision) => {
    // A pair is a sentence and the next one.
    const pairs = scoresPairs ? kSentences.map((_, i) => kSentences[(i + 1) % kSentences.length]) : undefined;
    batch ??= tokenizer.encode([...kSentences], { pairs, maxLength });
    return measure(subject, precision, await batch);
  });
}

module.exports = { choosePrecision };
