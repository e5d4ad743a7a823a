// The defaults of the settings of operations, as docs/settings.md has them.
'use strict';

const kOperationDefaults = {
  resultMemory: 64 * 2 ** 20,
  resultMemoryTime: 300_000,
  redisUrl: undefined,
  resultRedisTime: 3_600_000,
  redisTimeout: 50,
  cacheDir: undefined,
  resultDisk: 2 ** 30,
  resultDiskTime: 86_400_000,
  prices: undefined,
  currency: 'USD',
  budgets: undefined,
  costsDir: undefined,
  routing: 'speed',
  routingBelow: 50,
  alerts: undefined,
  overloadAge: Infinity,
};

module.exports = { kOperationDefaults };
