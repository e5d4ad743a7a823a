// V8 of Node 21 to 23 changes the length of a transferred buffer in place: transfer(n) frees memory that a job holds.
// There, and nowhere else, what has another length is copied, as newer versions do.
'use strict';

/** @typedef {(this: ArrayBuffer, length?: number) => ArrayBuffer} Transfer */

/**
 * @param {Transfer} transfer
 * @returns {Transfer}
 */
function copying(transfer) {
  return function (length) {
    const bytes = length === undefined ? this.byteLength : Math.trunc(Number(length)) || 0;
    // What throws, throws as it did.
    if (bytes === this.byteLength || /** @type {{ resizable?: boolean }} */ (this).resizable || !(bytes >= 0))
      return transfer.call(this, bytes);
    const copy = new ArrayBuffer(bytes);
    const moved = transfer.call(this);
    new Uint8Array(copy).set(new Uint8Array(moved, 0, Math.min(bytes, moved.byteLength)));
    return copy;
  };
}

/**
 * @param {(buffer: ArrayBuffer, transfer: () => void) => boolean} resizesHeld whether memory that is held is changed
 */
function keepHeldMemory(resizesHeld) {
  const prototype = /** @type {Record<string, Transfer|undefined>} */ (/** @type {unknown} */ (ArrayBuffer.prototype));
  const { transfer } = prototype;
  const buffer = new ArrayBuffer(64);
  if (!transfer || !resizesHeld(buffer, () => transfer.call(buffer, 8))) return;
  for (const name of ['transfer', 'transferToFixedLength']) {
    const value = copying(/** @type {Transfer} */ (prototype[name]));
    Object.defineProperty(value, 'name', { value: name });
    Object.defineProperty(prototype, name, { value, writable: true, configurable: true });
  }
}

module.exports = { keepHeldMemory };
