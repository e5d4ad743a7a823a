// Calls with an idempotency key (exchange/keys.js), as methods have them: what makes two calls the same.
'use strict';
const { createHash } = require('node:crypto');
const { tensorsOf } = require('./tensors');

/**
 * @param {string} method
 * @param {unknown} params with their tensors
 */
function digestOf(method, params) {
  const hash = createHash('sha256');
  hash.update(JSON.stringify([method, params], (_, value) => (ArrayBuffer.isView(value) ? null : value)));
  for (const { data } of tensorsOf(params)) hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return hash.digest('hex');
}

/**
 * Runs a call, or gives what the same call has given or will give. One that fails is not kept: it may be sent again.
 * @param {import('../exchange').Gate} gate
 * @param {{ client: string, key: string, method: string, params: unknown }} call
 * @param {AbortSignal} signal
 * @param {() => Promise<object>} run
 * @returns {Promise<object>}
 * @throws {import('../core').GPUError|import('../exchange').HttpError} ERR_INVALID_ARGUMENT: the key is another call's;
 *   ERR_QUEUE_FULL: too many calls with keys run; ERR_CANCELED; what the call ends with
 */
function runOnce(gate, { client, key, method, params }, signal, run) {
  return gate.once({ client, key, digest: digestOf(method, params) }, signal, run);
}

module.exports = { runOnce };
