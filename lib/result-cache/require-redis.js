// The client of Redis, which an application installs by itself where it wants one.
'use strict';
const { GPUError } = require('../core');

/**
 * @returns {typeof import('ioredis').Redis}
 * @throws {GPUError} ERR_UNSUPPORTED: it is not installed
 */
function requireRedis() {
  try {
    return require('ioredis').Redis;
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
    throw new GPUError(
      'ERR_UNSUPPORTED',
      "redisUrl is set, but the package 'ioredis' is not installed: npm install ioredis, or leave redisUrl " +
        '(REDIS_URL) out',
    );
  }
}

module.exports = { requireRedis };
