// What a call is: tensors, its one description, what makes two equal, the wait for its end, and its result.
'use strict';
const { describe } = require('./describe');
const { DeviceTensor, handleOf } = require('./device-tensor');
const { keyOf, digestOf, digestOfPart } = require('./digest');
const { specs, kernelIndex, renderIndex, countedNames, encodeInto, callInto, encodeTensor } = require('./encode');
const { setPrecision, leavePrecision } = require('./encode');
const { estimate, costMs, lastCostMs, releaseMemory, releaseOutputs } = require('./estimate');
const { kHalves } = require('./halves');
const { JointCall, JointJob, ownError } = require('./joint-call');
const { layout, nextId, track, scratch, settle, isAwaited, unwatch, giveUp, checkWaiting } = require('./pending');
const { settleNow } = require('./pending');
const { kBase, Kernel, Shader, Program } = require('./program');
const { takeOutputs, timingsOf, resultOf, inCluster } = require('./result');
const { publicType } = require('./scene');
const { sealedFor, bytesOf } = require('./published');
const { product, rowsOf, inputsOfPart, mergeBest } = require('./split');
const {
  createSharedTensor,
  sharedArray,
  openSharedTensor,
  holdShared,
  holdAgain,
  isShared,
  SharedTensor,
} = require('./shared-tensor');
const { kDTypes, kArrays, kRanges, tensor, typedArrayTag, kMaxRank, checkShape } = require('./tensor');
const { kMaxNameBytes, kOwnNames, isTensorName, checkTensorName, checkFreeName } = require('./tensor-name');

module.exports = {
  describe,
  DeviceTensor,
  handleOf,
  keyOf,
  digestOf,
  digestOfPart,
  specs,
  setPrecision,
  leavePrecision,
  kernelIndex,
  renderIndex,
  countedNames,
  encodeInto,
  callInto,
  encodeTensor,
  estimate,
  releaseMemory,
  releaseOutputs,
  costMs,
  lastCostMs,
  kHalves,
  JointCall,
  JointJob,
  ownError,
  layout,
  nextId,
  track,
  scratch,
  settle,
  isAwaited,
  unwatch,
  giveUp,
  checkWaiting,
  settleNow,
  kBase,
  Kernel,
  Shader,
  Program,
  takeOutputs,
  timingsOf,
  resultOf,
  inCluster,
  publicType,
  createSharedTensor,
  sharedArray,
  openSharedTensor,
  holdShared,
  holdAgain,
  sealedFor,
  bytesOf,
  product,
  rowsOf,
  inputsOfPart,
  mergeBest,
  isShared,
  SharedTensor,
  kDTypes,
  kArrays,
  kRanges,
  tensor,
  typedArrayTag,
  kMaxRank,
  checkShape,
  kMaxNameBytes,
  isTensorName,
  checkTensorName,
  checkFreeName,
  kOwnNames,
};
