// Results that are kept: in memory, in Redis, on disk. What a result is, and whose job it answers, others know.
'use strict';
const { ResultCache } = require('./result-cache');
const { requireRedis } = require('./require-redis');
const { kTierNames, tierUse } = require('./tiers');

module.exports = { ResultCache, requireRedis, kTierNames, tierUse };
