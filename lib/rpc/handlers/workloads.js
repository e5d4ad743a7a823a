// executeWorkload, listWorkloads.
'use strict';
const { native } = require('../../addon');
const { releaseOutputs } = require('../../call');
const { fieldsOf, openReferences, readJob, runInTurn } = require('../../exchange');

/** @typedef {import('../methods').Handler} Handler */
/** @typedef {import('../../index').Tensor} Tensor */

let lastJob = 0;

/** @type {Handler} */
async function executeWorkload(parts, params, call) {
  const { manager } = parts;
  const read = (/** @type {unknown} */ entry) => /** @type {Tensor} */ (entry); // the dispatcher has read them
  const { encoding, references, ...job } = readJob(params, read);
  if (encoding) call.meta.encoding = encoding;
  const { workload } = job;
  const id = (workload.id ??= `rpc-${process.pid}-${++lastJob}`);
  const held = await openReferences(manager, workload, references);
  const letGo = () => {
    for (const tensor of held) tensor.release();
  };
  const listener = (/** @type {import('../../index').ManagerEvents['progress'][0]} */ event) => {
    if (event.workloadId === id) call.progress({ done: event.done, total: event.total });
  };
  if (call.onProgress) manager.on('progress', listener);
  try {
    const { result, pass } = await runInTurn(parts, job, call.caller.client, call.signal);
    call.hasRoom = true;
    call.afterwards(() => {
      releaseOutputs(result.outputs);
      pass?.leave();
    });
    call.caller.used?.(result.timings?.compute ?? 0);
    letGo();
    return { outputs: result.outputs, ...fieldsOf(result) };
  } catch (error) {
    // A job that was given up may still be reading that memory.
    if (error.released) error.released.then(letGo, letGo);
    else letGo();
    throw error;
  } finally {
    manager.off('progress', listener);
  }
}

/** @type {Handler} */
async function listWorkloads() {
  const workloads = native.workloads().map(({ type, inputs, params, outputs }) => ({ type, inputs, params, outputs }));
  return { workloads };
}

module.exports = { executeWorkload, listWorkloads };
