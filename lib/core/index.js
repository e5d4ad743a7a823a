// What every room stands on, without the addon: errors, the clock, logs.
'use strict';
const { kBackends, kDriverBackends, kContextTypes, isSoftware } = require('./backends');
const { nowMs } = require('./clock');
const {
  GPUError,
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
const { buildRemedy, loadRemedy } = require('./remedies');
const { soon } = require('./soon');
const { createLogger, kLevels, withoutPaths, describeError } = require('./log');

module.exports = {
  kBackends,
  kDriverBackends,
  kContextTypes,
  isSoftware,
  nowMs,
  soon,
  buildRemedy,
  loadRemedy,
  GPUError,
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
  kLevels,
  withoutPaths,
  describeError,
};
