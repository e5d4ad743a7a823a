// What a call is: tensors, its description in numbers, what makes two equal, and the wait for its end.
'use strict';
const { DeviceTensor, handleOf } = require('./device-tensor');
const { digestOf } = require('./digest');
const {
  specs,
  kernelIndex,
  renderIndex,
  countedNames,
  kDirect,
  specOf,
  encodeCall,
  encodeInto,
  callInto,
  workloadIndex,
  encodeTensor,
} = require('./encode');
const { toFloat16Bits, fromFloat16Bits } = require('./float16');
const { encodeGraph } = require('./graph');
const { layout, nextId, track, scratch, settle, isAwaited, checkWaiting, settleNow, mayRunNow } = require('./pending');
const { isProgramJob, needOf, contextTypeFor, describeProgramCall, encodeProgramCall } = require('./program-call');
const { kBase, Kernel, Shader, Program } = require('./program');
const { asRun, publicType } = require('./scene');
const { createSharedTensor, openSharedTensor, SharedTensor } = require('./shared-tensor');
const { kDTypes, kArrays, tensor, typedArrayTag, kMaxRank, checkShape } = require('./tensor');

module.exports = {
  DeviceTensor,
  handleOf,
  digestOf,
  specs,
  kernelIndex,
  renderIndex,
  countedNames,
  kDirect,
  specOf,
  encodeCall,
  encodeInto,
  callInto,
  workloadIndex,
  encodeTensor,
  toFloat16Bits,
  fromFloat16Bits,
  encodeGraph,
  layout,
  nextId,
  track,
  scratch,
  settle,
  isAwaited,
  checkWaiting,
  settleNow,
  mayRunNow,
  isProgramJob,
  needOf,
  contextTypeFor,
  describeProgramCall,
  encodeProgramCall,
  kBase,
  Kernel,
  Shader,
  Program,
  asRun,
  publicType,
  createSharedTensor,
  openSharedTensor,
  SharedTensor,
  kDTypes,
  kArrays,
  tensor,
  typedArrayTag,
  kMaxRank,
  checkShape,
};
