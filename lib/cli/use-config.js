// --config of the commands that serve.
'use strict';
const { invalid, show } = require('../core');

/**
 * The workers, and every part that opens devices, read the same file.
 * @param {string} file
 */
function useConfig(file) {
  const path = require('node:path').resolve(file);
  try {
    require('node:fs').accessSync(path, require('node:fs').constants.R_OK);
  } catch (error) {
    throw invalid(`--config is ${show(file)}, but must be a file that can be read (${error.code})`);
  }
  process.env.SWITCHYARD_CONFIG = path;
}

module.exports = { useConfig };
