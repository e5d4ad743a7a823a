// What the environment variables say about one process; a value that can't be right is refused with its name.
'use strict';
const { invalid } = require('./errors');

/**
 * @param {string} name
 * @returns {boolean|undefined}
 */
function readBoolean(name) {
  const value = process.env[name];
  if (value === undefined || value === '') return undefined;
  if (/^(true|1|on|yes)$/i.test(value)) return true;
  if (/^(false|0|off|no)$/i.test(value)) return false;
  throw invalid(`the environment variable ${name} is '${value}', but must be true or false`);
}

/**
 * @param {string} name
 * @param {number} least
 * @param {number} most
 * @returns {number|undefined}
 */
function readInteger(name, least, most) {
  const value = process.env[name];
  if (value === undefined || value === '') return undefined;
  const number = /^\d+$/.test(value) ? Number(value) : NaN;
  if (!(number >= least && number <= most)) throw invalid(`the environment variable ${name} is '${value}', but must be a whole number from ${least} to ${most}`);
  return number;
}

function readSettings() {
  return {
    cuda: readBoolean('ENABLE_CUDA') ?? true,
    vulkan: readBoolean('ENABLE_VULKAN') ?? readBoolean('ENABLE_WEBGPU') ?? true,
    memoryLimit: (readInteger('GPU_MEMORY_LIMIT', 1, 2 ** 30) ?? 512) * 2 ** 20,
  };
}

module.exports = { readSettings };
