// What every room stands on, without the addon: errors, the clock, logs.
'use strict';
const { afterReading } = require('./after-reading');
const { kBackends, kDriverBackends, kContextTypes, isSoftware } = require('./backends');
const { nowMs, setClock, epochMs } = require('./clock');
const {
  GPUError,
  ResourceError,
  kErrorDetails,
  invalid,
  show,
  suggestion,
  refuseUnknownKeys,
  asGpuError,
  detailsOf,
  plainError,
  errorText,
} = require('./errors');
const { takeLogger, useLogger } = require('./given-logger');
const { Listened } = require('./listened');
const { useMaker, makeOn } = require('./makers');
const { useIndexMaker, createIndexOn } = require('./index-maker');
const { useModelLoader, loadModelOn } = require('./model-loader');
const { buildRemedy, loadRemedy } = require('./remedies');
const { soon } = require('./soon');
const { tell } = require('./tell');
const { createLogger, kLevels, withoutPaths, describeError } = require('./log');

module.exports = {
  afterReading,
  kBackends,
  kDriverBackends,
  kContextTypes,
  isSoftware,
  nowMs,
  setClock,
  epochMs,
  soon,
  Listened,
  useMaker,
  makeOn,
  useIndexMaker,
  createIndexOn,
  useModelLoader,
  loadModelOn,
  buildRemedy,
  loadRemedy,
  tell,
  GPUError,
  ResourceError,
  kErrorDetails,
  invalid,
  show,
  suggestion,
  refuseUnknownKeys,
  asGpuError,
  detailsOf,
  plainError,
  errorText,
  createLogger,
  takeLogger,
  useLogger,
  kLevels,
  withoutPaths,
  describeError,
};
