// What the environment and the config file say about one process that opens devices by itself.
'use strict';
const { readSome } = require('./config');

/** What opening a device needs; the other settings may be wrong. */
function readSettings() {
  const settings = readSome([
    'gpu',
    'cuda',
    'vulkan',
    'memoryLimit',
    'hostMemoryLimit',
    'memoryFullWithin',
    'precision',
    'execution',
    'shaderCacheSize',
    'shaderCacheDir',
    'contextSwitchTimeout',
    'logLevel',
  ]);
  return { ...settings, cuda: settings.cuda && settings.gpu, vulkan: settings.vulkan && settings.gpu };
}

/** What a process that has no manager logs by. */
function readLogSettings() {
  return readSome(['logLevel']);
}

/** How full memory may be for what a process keeps without a manager. */
function readTierSettings() {
  return readSome(['hostMemoryLimit', 'memoryFullWithin']);
}

/** What commands that ask a server look at. */
function readCommandSettings() {
  return readSome(['answersDir']);
}

module.exports = { readSettings, readLogSettings, readTierSettings, readCommandSettings };
