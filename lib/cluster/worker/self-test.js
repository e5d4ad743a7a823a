// A product whose result is known, to see whether a context computes right.
'use strict';
const { GPUError } = require('../../core');

/** @typedef {import('../../context').GPUContext} GPUContext */

const kSelfTestTimeoutMs = 20000;

// Small whole numbers: every device and every order of summation gives the same.
const kSide = 16;
const knownInput = Float32Array.from({ length: kSide * kSide }, (_, i) => ((i * 7 + 3) % 11) - 5);
const knownOutput = new Float32Array(kSide * kSide);
for (let i = 0; i < kSide; ++i)
  for (let j = 0; j < kSide; ++j)
    for (let k = 0; k < kSide; ++k) knownOutput[i * kSide + j] += knownInput[i * kSide + k] * knownInput[k * kSide + j];

/**
 * Throws when the context computes another one.
 * @param {GPUContext} gpu
 */
async function selfTest(gpu) {
  const a = { data: knownInput, shape: [kSide, kSide], dtype: /** @type {const} */ ('float32') };
  const { outputs } = await gpu.run({ type: 'matmul', inputs: { a, b: a } }, { timeout: kSelfTestTimeoutMs });
  const data = /** @type {Float32Array} */ (outputs.output.data);
  for (let i = 0; i < data.length; ++i)
    if (data[i] !== knownOutput[i])
      throw new GPUError(
        'ERR_INTERNAL',
        `the context ${gpu.id} on ${gpu.device.id} computes wrong: element ${i} is ${data[i]}, ` +
          `but must be ${knownOutput[i]}`,
      );
}

module.exports = { selfTest };
