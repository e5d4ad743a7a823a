// Settings: what there are, where they are read from, and what is right for each.
'use strict';
const { readConfig, readServiceConfig, managerOptions } = require('./config');
const { readSettings } = require('./process-settings');
const { kSettings, settingsOf, defaultText } = require('./settings');

module.exports = { readConfig, readServiceConfig, managerOptions, readSettings, kSettings, settingsOf, defaultText };
