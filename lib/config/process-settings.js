// What the environment and the config file say about one process that opens devices by itself.
'use strict';
const { readSome } = require('./config');

/** What opening a device needs; the other settings may be wrong. */
function readSettings() {
  return readSome(['cuda', 'vulkan', 'memoryLimit', 'shaderCacheSize', 'shaderCacheDir', 'contextSwitchTimeout']);
}

module.exports = { readSettings };
