// Inputs that are copied into shared memory again and again: worth a word to whoever could share them.
'use strict';
const { layouts } = require('../../addon');

const { copiedApart: kCopiedApart } = layouts.limits;
const kTellBytes = 64 << 20; // copied again before it is worth a word
/** Memory that was copied once. @type {WeakSet<ArrayBufferLike>} */
const copied = new WeakSet();
let bytesAgain = 0;

/** @param {import('../../call/describe').AnyCall} call that was described last; large inputs are copied for it */
function tellOfCopies(call) {
  if (bytesAgain >= kTellBytes) return;
  const now = []; // several inputs may be views of one memory
  for (const { memory } of call.identity().inputs) {
    const { buffer, byteLength = 0 } = /** @type {Partial<import('../../index').TensorData>} */ (memory ?? {});
    if (!buffer || byteLength < kCopiedApart) continue; // what is smaller is copied in any case
    if (copied.has(buffer)) bytesAgain += byteLength;
    now.push(buffer);
  }
  for (const buffer of now) copied.add(buffer);
  if (bytesAgain < kTellBytes) return;
  process.emitWarning(
    `${Math.round(bytesAgain / 2 ** 20)} MB of inputs were copied into shared memory though they had been before: ` +
      'what several jobs of a cluster use is copied once in a sharedTensor() of the manager',
    { type: 'SwitchyardWarning', code: 'SWITCHYARD_COPIES' },
  );
}

module.exports = { tellOfCopies };
