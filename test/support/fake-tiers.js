// Tiers of memory whose numbers a test gives.
'use strict';
const { Tier } = require('../../lib/pressure');
const { Tiers } = require('../../lib/memory/tiers');

const kLimit = 1000;

/**
 * Shares of their limits, which the test sets; `at` moves their clock on, so that a look is a new one.
 * @param {{ hasDevice?: boolean, limit?: number, hostLimit?: number }} [options] limits in bytes
 */
function fakeTiers({ hasDevice = true, limit = kLimit, hostLimit = limit } = {}) {
  const limits = { device: limit, host: hostLimit, disk: limit };
  const numbers = { device: 0, host: 0, disk: 0, ms: 0, trims: 0, reclaims: 0 };
  /** @type {import('../../lib/pressure/tier').TierStatus[]} */
  const told = [];
  const make = (/** @type {'device'|'host'|'disk'} */ tier) =>
    new Tier({
      tier,
      of: 'a test',
      read: () => ({ used: Math.round(numbers[tier] * limits[tier]), limit: limits[tier] }),
      now: () => numbers.ms,
      reclaim: () => ++numbers.reclaims,
    });
  const tiers = new Tiers({
    device: hasDevice ? make('device') : undefined,
    host: make('host'),
    onDiskChange: (status) => told.push(status),
    trim: () => ++numbers.trims,
    now: () => numbers.ms,
  });
  return {
    tiers,
    numbers,
    /** Changes of the disks of members. */
    told,
    disk: make('disk'),
    /**
     * @param {Partial<typeof numbers>} shares
     * @param {number} [afterMs]
     */
    set(shares, afterMs = 1000) {
      Object.assign(numbers, shares);
      numbers.ms += afterMs;
      tiers.look();
    },
  };
}

module.exports = { fakeTiers, kLimit };
