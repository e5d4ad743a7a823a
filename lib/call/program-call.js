// A job of a program as the addon reads it: a block of numbers that says what to do, and the tensors it is done with.
'use strict';
const { layouts } = require('../addon');
const { scratch, layout } = require('./pending');
const { encodeTensor } = require('./encode');
const { kMaxInputs } = require('./call-block');
const { kernelCall } = require('./kernel-call');
const { shaderCall } = require('./shader-call');

/** @typedef {import('./call-block').ProgramCall} ProgramCall */
/** @typedef {import('./encode').Memory} Memory */

const { numbers: slotSize } = layouts.slot;
const { tensors: maxTensors } = layouts.limits;
const { absent: kAbsent } = layouts.slotKind;
const { program: kProgramCall } = layouts.callKind;
const { callWorkload, callInputs } = layout;

/**
 * @param {import('./encode').Fields} workload of a kernel or a shader
 * @returns {ProgramCall}
 * @throws {import('../core/errors').GPUError} ERR_INVALID_ARGUMENT; ERR_CLOSED: the program's owner is closed
 */
function describeProgramCall(workload) {
  return workload.type === 'kernel' ? kernelCall(workload) : shaderCall(workload);
}

/**
 * Writes the call's tensors to the scratch array and gives their memory in the same order: the block first, and nothing
 * in places that the call does not use.
 * @param {ProgramCall} call
 * @returns {Memory[]}
 */
function encodeProgramCall(call) {
  const { block, inputs, owner } = call;
  scratch[callWorkload] = kProgramCall;
  /** @type {Memory[]} */
  const arrays = new Array(maxTensors).fill(undefined);
  arrays[0] = encodeTensor(scratch, callInputs, block, owner, 'the', 'call');
  for (let i = 0; i < kMaxInputs; ++i) {
    const at = callInputs + (1 + i) * slotSize;
    scratch[at] = kAbsent;
    if (i < inputs.length)
      arrays[1 + i] = encodeTensor(scratch, at, inputs[i].value, owner, inputs[i].kind, inputs[i].name);
  }
  return arrays;
}

module.exports = { describeProgramCall, encodeProgramCall };
