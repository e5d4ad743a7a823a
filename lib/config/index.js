// Settings: what there are, where they are read from, and what is right for each.
'use strict';
const { readConfig, checkSameConfig, readServiceConfig, managerOptions } = require('./config');
const { readSettings, readLogSettings, readTierSettings, readCommandSettings } = require('./process-settings');
const { allowedDevices, missingDevices } = require('./devices');
const { sizeOf } = require('./kinds');
const { kOptionsVariable, optionsText, handedOptions } = require('./handed-options');
const { kAlertMetrics } = require('./operation-kinds');
const { kSettings, settingsOf, defaultText } = require('./settings');

module.exports = {
  readConfig,
  checkSameConfig,
  readServiceConfig,
  managerOptions,
  readSettings,
  readTierSettings,
  readLogSettings,
  readCommandSettings,
  allowedDevices,
  missingDevices,
  sizeOf,
  kAlertMetrics,
  kOptionsVariable,
  optionsText,
  handedOptions,
  kSettings,
  settingsOf,
  defaultText,
};
