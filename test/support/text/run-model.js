// A model that was read from a folder, run as a graph on a context, in any precision: what the plan of a TextModel
// does, written down plainly.
'use strict';
const { tensor } = require('../../..');
const { sourceOf } = require('../../../lib/text/stored');
const { pack, fitStep } = require('../../../lib/text/precision');

/** Lists of ids, at most `maxLength` of each, one behind the other. */
function batchOf(idLists, maxLength) {
  const lists = idLists.map((ids) => ids.slice(0, maxLength));
  const offsets = [0];
  for (const list of lists) offsets.push(offsets.at(-1) + list.length);
  return {
    ids: tensor(Int32Array.from(lists.flat())),
    positions: tensor(Int32Array.from(lists.flatMap((list) => [...list.keys()]))),
    offsets: tensor(Int32Array.from(offsets)),
  };
}

/** `stored`: what a reader gives. */
function prepare(stored, context) {
  const { description, tensors } = stored;
  const { family, sizes, tail, maxLength } = description;
  const table = [...family.tensors(sizes), ...tail.tensors];
  const steps = [
    ...family.steps(sizes),
    ...tail.steps,
    { type: 'normalize', inputs: { input: 'rows' }, output: 'embeddings', params: {} },
  ];
  return { steps, source: sourceOf(table, tensors, context), maxLength };
}

function packAs(prepared, precision, context) {
  return pack(prepared.source, precision, context);
}

function graphOf({ steps, maxLength }, packed, idLists) {
  const nodes = steps.map((step) => {
    const { type, inputs, output, params } = fitStep(step, packed.forms);
    return { type, inputs, params, outputs: { output } };
  });
  const batch = batchOf(idLists, maxLength);
  return { type: 'graph', inputs: { ...Object.fromEntries(packed.tensors), ...batch }, nodes, outputs: ['embeddings'] };
}

/** The rows of the texts, and how long the job took. */
async function embed(prepared, packed, idLists, context) {
  const { outputs, timings } = await context.run(graphOf(prepared, packed, idLists));
  const { data, shape } = outputs.embeddings;
  const rows = idLists.map((_, i) => data.subarray(i * shape[1], (i + 1) * shape[1]));
  return { rows, data, dimensions: shape[1], ms: timings.total };
}

module.exports = { prepare, packAs, embed, graphOf };
