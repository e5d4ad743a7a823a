// What every room stands on, without the addon: errors, the clock, logs.
'use strict';
const { kBackends, kDriverBackends, kContextTypes, isSoftware } = require('./backends');
const { nowMs } = require('./clock');
const { GPUError, invalid, show, suggestion, refuseUnknownKeys, asGpuError, detailsOf } = require('./errors');
const { soon } = require('./soon');
const { createLogger, kLevels, withoutPaths, describeError } = require('./log');

module.exports = {
  kBackends,
  kDriverBackends,
  kContextTypes,
  isSoftware,
  nowMs,
  soon,
  GPUError,
  invalid,
  show,
  suggestion,
  refuseUnknownKeys,
  asGpuError,
  detailsOf,
  createLogger,
  kLevels,
  withoutPaths,
  describeError,
};
