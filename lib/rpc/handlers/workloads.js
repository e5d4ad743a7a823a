// executeWorkload, listWorkloads.
'use strict';
const { native } = require('../../addon');
const { releaseOutputs } = require('../../call');
const { invalid, show, refuseUnknownKeys } = require('../../core');
const { HttpError, fieldsOf, isObject, openReferences, readJob, runInTurn } = require('../../exchange');

/** @typedef {import('../methods').Handler} Handler */
/** @typedef {import('../../index').Tensor} Tensor */

let lastJob = 0;

/** @type {Handler} */
async function executeWorkload(parts, params, call) {
  const { manager } = parts;
  const read = (/** @type {unknown} */ entry) => /** @type {Tensor} */ (entry); // the dispatcher has read them
  const kernel = await kernelOf(manager, params, call);
  const { encoding, references, ...job } = readJob(params, read, kernel);
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
    call.isCounted = true;
    call.caller.used?.(result.timings?.compute ?? 0);
    letGo();
    return { outputs: result.outputs, ...fieldsOf(result) };
  } catch (error) {
    // A job that was given up may still be reading that memory.
    if (error.released) error.released.then(letGo, letGo);
    else letGo();
    throw error;
  } finally {
    if (call.onProgress) manager.off('progress', listener);
  }
}

const kSources = ['glsl', 'cuda'];
const kKernelFields = new Set(['name', 'bindings', 'cudaOptions', 'cudaFeatures', 'sharedBytes', ...kSources]);

/**
 * The kernel whose source a client has sent, compiled: for whom a scope of its own says that it may.
 * @param {import('../parts').Manager} manager
 * @param {import('../methods').Params} params
 * @param {import('../call').Call} call
 * @returns {Promise<object|undefined>} undefined: it has sent none
 */
async function kernelOf(manager, { type, kernel }, { caller }) {
  if (type !== 'kernel') return undefined;
  if (!caller.allows('kernels'))
    throw new HttpError(403, 'ERR_FORBIDDEN', "kernels are code: they need a token with the scope 'kernels'");
  if (!isObject(kernel)) throw invalid(`kernel is ${show(kernel)}, but must be an object { name, glsl }`, 'kernel');
  refuseUnknownKeys(kernel, kKernelFields, 'field of a kernel', 'kernel.');
  // A file would be one of this machine's.
  for (const name of kSources)
    if (kernel[name] !== undefined && typeof kernel[name] !== 'string')
      throw invalid(`kernel.${name} is ${show(kernel[name])}, but must be the source's text`, `kernel.${name}`);
  return manager.compileKernel(/** @type {import('../../index').KernelOptions} */ (/** @type {unknown} */ (kernel)));
}

/** @type {Handler} */
async function listWorkloads() {
  const workloads = native.workloads().map(({ type, inputs, params, outputs }) => ({ type, inputs, params, outputs }));
  return { workloads };
}

module.exports = { executeWorkload, listWorkloads };
