// What is published is memory that every process can see and whose contents don't change any more: a shared tensor is
// taken as it is, anything else is copied.
'use strict';
const { createSharedTensor, holdAgain, isShared } = require('./shared-tensor');
const { handleOf } = require('./device-tensor');
const { tensor, typedArrayTag } = require('./tensor');
const { invalid } = require('../core');

/** @typedef {import('./shared-tensor').SharedTensor} SharedTensor */

/**
 * A sealed tensor with the given one's contents, which whoever asks for it has to release: it stays, whatever becomes
 * of the given one meanwhile.
 * @param {unknown} given a SharedTensor, { data, shape, dtype }, or an array
 * @returns {SharedTensor}
 * @throws {import('../core').GPUError} ERR_INVALID_ARGUMENT; ERR_CLOSED: it was released; ERR_OUT_OF_MEMORY;
 *   ERR_UNSUPPORTED: Electron allows no such memory
 */
function sealedFor(given) {
  if (isShared(given)) return holdAgain(/** @type {SharedTensor} */ (given)).seal();
  if (handleOf(given))
    throw invalid(
      'a DeviceTensor lies on one device, and cannot be published: publish what its read() gives',
      'tensor',
    );
  const isPlain = typedArrayTag.call(given) !== undefined || Array.isArray(given) || given === null;
  const fields = /** @type {{ data?: unknown, shape?: number[], dtype?: import('../index').DType }} */ (given);
  const isTensor = !isPlain && typeof given === 'object' && fields.data !== undefined;
  const { data, shape, dtype } = isTensor ? tensor(fields.data, fields.shape, fields.dtype) : tensor(given);
  const copy = createSharedTensor(shape, dtype, false);
  bytesOf(copy.data).set(bytesOf(data));
  return copy.seal();
}

/** @param {import('../index').TensorData} data */
function bytesOf({ buffer, byteOffset, byteLength }) {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

module.exports = { sealedFor, bytesOf };
