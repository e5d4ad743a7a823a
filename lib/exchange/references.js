// Inputs of a request that are named tensors: { "ref": name }.
'use strict';
const { checkTensorName } = require('../call');
const { GPUError, refuseUnknownKeys } = require('../core');

/** @typedef {import('../index').SharedTensor} SharedTensor */
/** @typedef {import('./workload').RequestedWorkload} RequestedWorkload */
/** @typedef {Map<string, string>} References the names of tensors, by those of inputs */

const kKeys = new Set(['ref']);

/**
 * @param {Record<string, unknown>} entry an input that has a `ref`
 * @param {string} where
 * @returns {string} the tensor's name
 * @throws {GPUError} ERR_INVALID_ARGUMENT
 */
function readReference(entry, where) {
  refuseUnknownKeys(entry, kKeys, `key of ${where}, which is a reference`);
  return checkTensorName(entry.ref);
}

/**
 * Gives a workload the tensors that it names, each in its current version.
 * @param {{ lookup: (name: string) => Promise<SharedTensor> }} manager
 * @param {RequestedWorkload} workload
 * @param {References} references
 * @returns {Promise<SharedTensor[]>} to be released when the job has ended
 * @throws {GPUError} (rejects with) ERR_NOT_FOUND, and what else lookup() throws: then nothing is held
 */
async function openReferences(manager, workload, references) {
  const settled = await Promise.allSettled(
    Array.from(references, async ([input, name]) => {
      try {
        return (workload.inputs[input] = await manager.lookup(name));
      } catch (error) {
        if (error instanceof GPUError) error.argument ??= `inputs.${input}`;
        throw error;
      }
    }),
  );
  const held = settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const failed = settled.find((each) => each.status === 'rejected');
  if (!failed) return held;
  for (const tensor of held) tensor.release();
  throw failed.reason;
}

module.exports = { readReference, openReferences };
