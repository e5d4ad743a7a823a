// Settings: what there are, where they are read from, and what is right for each.
'use strict';
const { readConfig, checkSameConfig, readServiceConfig, managerOptions } = require('./config');
const { readSettings, readLogSettings, readTierSettings } = require('./process-settings');
const { allowedDevices, missingDevices } = require('./devices');
const { sizeOf } = require('./kinds');
const { kOptionsVariable, optionsText, handedOptions } = require('./handed-options');
const { kSettings, settingsOf, defaultText } = require('./settings');

module.exports = {
  readConfig,
  checkSameConfig,
  readServiceConfig,
  managerOptions,
  readSettings,
  readTierSettings,
  readLogSettings,
  allowedDevices,
  missingDevices,
  sizeOf,
  kOptionsVariable,
  optionsText,
  handedOptions,
  kSettings,
  settingsOf,
  defaultText,
};
