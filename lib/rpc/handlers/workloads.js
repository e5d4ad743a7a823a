// executeWorkload, listWorkloads.
'use strict';
const { native } = require('../../addon');
const { releaseOutputs } = require('../../call');
const { GPUError, invalid, nowMs, show, refuseUnknownKeys } = require('../../core');
const { accountOf } = require('../account');
const { HttpError, fieldsOf, isObject, openReferences, readJob, runInTurn } = require('../../exchange');
const { hubOf } = require('./hub');
const { waitFor } = require('./jobs');

/** @typedef {import('../methods').Handler} Handler */
/** @typedef {import('../call').Progress} Progress */
/** @typedef {import('../../index').Tensor} Tensor */

/** @type {Handler} */
async function executeWorkload(parts, params, call) {
  const { manager } = parts;
  const read = (/** @type {unknown} */ entry) => /** @type {Tensor} */ (entry); // the dispatcher has read them
  const kernel = await kernelOf(parts, params, call);
  const { encoding, references, ...asked } = readJob(params, read, kernel);
  if (encoding) call.meta.encoding = encoding;
  const { client, used } = call.caller;
  const onProgress = call.onProgress && ((/** @type {Progress} */ progress) => call.progress(progress));
  const { id, inner, end } = hubOf(manager).begin(asked.workload.id, client, onProgress);
  const workload = { ...asked.workload, id: inner };
  /** @type {Awaited<ReturnType<typeof openReferences>>} */
  let held = [];
  const letGo = () => {
    for (const tensor of held) tensor.release();
  };
  call.isCounted = true; // the turn does that
  asked.options.account = accountOf(call.caller);
  try {
    held = await openReferences(manager, workload, references);
    const { result, pass } = await runInTurn(parts, { ...asked, workload }, { client, used }, call.signal);
    call.hasRoom = true;
    call.afterwards(() => {
      releaseOutputs(result.outputs);
      pass?.leave();
    });
    letGo();
    return { outputs: result.outputs, ...fieldsOf(result), workloadId: id };
  } catch (error) {
    // A job that was given up may still be reading that memory.
    if (error.released) error.released.then(letGo, letGo);
    else letGo();
    throw error;
  } finally {
    end();
  }
}

/** @type {Map<string, number>} how many kernels each client has compiled now */
const compiling = new Map();
const kMostCompiling = 4; // of a client

/**
 * Compiles in the client's turn, which counts as time of a device, however it ends.
 * @param {import('../parts').Parts} parts
 * @param {import('../../index').KernelOptions} kernel
 * @param {import('../call').Call} call
 */
async function compile({ manager, config }, kernel, { caller, signal }) {
  const { client } = caller;
  const count = compiling.get(client) ?? 0;
  if (count >= kMostCompiling)
    throw Object.assign(
      new GPUError('ERR_QUEUE_FULL', `this client has ${count} kernels compiled at a time, which is the most`),
      { retryAfter: 1000 },
    );
  compiling.set(client, count + 1);
  const began = nowMs();
  // What is given up goes on in the compiler, and counts until it has ended.
  const compiled = manager.compileKernel(kernel).finally(() => {
    const left = (compiling.get(client) ?? 1) - 1;
    if (left > 0) compiling.set(client, left);
    else compiling.delete(client);
    caller.used?.(nowMs() - began);
  });
  return waitFor(() => compiled, { signal, timeout: config.timeout }, 'compiling the kernel');
}

const kSources = ['glsl', 'cuda'];
const kKernelFields = new Set(['name', 'bindings', 'cudaOptions', 'cudaFeatures', 'sharedBytes', ...kSources]);

/**
 * The kernel whose source a client has sent, compiled: for whom a scope of its own says that it may.
 * @param {import('../parts').Parts} parts
 * @param {import('../methods').Params} params
 * @param {import('../call').Call} call
 * @returns {Promise<object|undefined>} undefined: it has sent none
 */
async function kernelOf(parts, { type, kernel }, call) {
  if (type !== 'kernel') return undefined;
  if (!call.caller.allows('kernels'))
    throw new HttpError(403, 'ERR_FORBIDDEN', "kernels are code: they need a token with the scope 'kernels'");
  if (!isObject(kernel)) throw invalid(`kernel is ${show(kernel)}, but must be an object { name, glsl }`, 'kernel');
  refuseUnknownKeys(kernel, kKernelFields, 'field of a kernel', 'kernel.');
  // A file would be one of this machine's.
  for (const name of kSources)
    if (kernel[name] !== undefined && typeof kernel[name] !== 'string')
      throw invalid(`kernel.${name} is ${show(kernel[name])}, but must be the source's text`, `kernel.${name}`);
  return compile(parts, /** @type {import('../../index').KernelOptions} */ (/** @type {unknown} */ (kernel)), call);
}

/** @type {Handler} */
async function listWorkloads() {
  const workloads = native
    .workloads()
    .map(({ type, inputs, params, texts, outputs }) => ({ type, inputs, params, texts, outputs }));
  return { workloads };
}

module.exports = { executeWorkload, listWorkloads };
