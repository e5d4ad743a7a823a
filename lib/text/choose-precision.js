// A precision for a model whose user leaves it open: its sentences are run in each, where the model is to run.
'use strict';
const { choiceFor, keptChoice, timed } = require('./auto-precision');
const { contentOf } = require('./content');
const { kPrecisions, layoutOf } = require('./precision');
const { kSentences } = require('./sentences');
const { nameOf } = require('./weights');

const kUnmeasured = 'nothing was measured of this model on this device yet';

/** @typedef {import('./auto-precision').Choice} Choice */
/** @typedef {import('./precision').Precision} Precision */
/** @typedef {import('./load').Known} Known */
/** @typedef {import('./model-tokenizer').ModelTokenizer} ModelTokenizer */
/**
 * @typedef {object} Subject
 * @property {import('./owners').Owner} owner what it runs on
 * @property {Known} known
 * @property {(known: Known) => Promise<ModelTokenizer>} tokenizerOf
 * @property {import('./packed-cache').PackedCache} cache
 * @property {AbortSignal} [signal]
 */

/**
 * @param {Subject} subject
 * @param {Precision} precision
 * @param {import('./plan').Batch} batch
 */
async function measure({ owner, known, signal }, precision, batch) {
  const content = contentOf(known.sourceOf(owner), precision, (_, make) => make(), owner);
  const fitted = known.plan.reading(content.forms);
  const { nodes, outputs, inputs } = fitted.graph({});
  const placed = await owner.place(nameOf(known.digest, precision), content, { signal });
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
 * The sentences, as the model gets them.
 * @param {Subject} subject
 * @returns {Promise<import('./plan').Batch>}
 */
async function batchOf({ known, tokenizerOf }) {
  const { kind, maxLength } = known.description;
  // A pair is a sentence and the next one.
  const next = kSentences.map((_, i) => kSentences[(i + 1) % kSentences.length]);
  const tokenizer = await tokenizerOf(known);
  try {
    return await tokenizer.encode([...kSentences], { pairs: kind === 'cross-encoder' ? next : undefined, maxLength });
  } finally {
    tokenizer.close();
  }
}

/**
 * @param {Subject} subject
 * @returns {Promise<Choice>}
 * @throws {import('../core').GPUError} (rejects with) what measuring fails with
 */
async function choosePrecision(subject) {
  const { owner, known, cache, signal } = subject;
  const { given } = known.sourceOf(owner);
  const precisions = /** @type {Precision[]} */ (Object.keys(kPrecisions));
  const layouts = precisions.map((precision) => layoutOf(given, precision).parts);
  const of = { digest: known.digest, layouts, devices: await owner.devices() };
  const kept = await keptChoice(cache, of);
  if (kept) return kept;
  if (!owner.measures) return { precision: 'float32', why: kUnmeasured, figures: [] };
  /** @type {Promise<import('./plan').Batch>|undefined} */
  let batch;
  const choose = () =>
    choiceFor(cache, of, async (precision) => measure(subject, precision, await (batch ??= batchOf(subject))));
  return owner.once({ what: 'precision', ...of }, choose, { lasts: ({ isPartial }) => !isPartial, signal });
}

module.exports = { choosePrecision };
