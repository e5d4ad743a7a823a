// Tiers of memory whose numbers a test gives.
'use strict';
const { Tier } = require('../../lib/pressure');
const { Tiers } = require('../../lib/memory/tiers');

const kLimit = 1000;

/**
 * Shares of their limits, which the test sets; `at` moves their clock on, so that a look is a new one.
 * @param {{ hasDevice?: boolean }} [options]
 */
function fakeTiers({ hasDevice = true } = {}) {
  const numbers = { device: 0, host: 0, disk: 0, ms: 0, trims: 0 };
  const make = (/** @type {'device'|'host'|'disk'} */ tier) =>
    new Tier({
      tier,
      of: 'a test',
      read: () => ({ used: numbers[tier] * kLimit, limit: kLimit }),
      now: () => numbers.ms,
    });
  const tiers = new Tiers({
    device: hasDevice ? make('device') : undefined,
    host: make('host'),
    trim: () => ++numbers.trims,
    now: () => numbers.ms,
  });
  return {
    tiers,
    numbers,
    disk: make('disk'),
    /** @param {Partial<typeof numbers>} shares */
    set(shares) {
      Object.assign(numbers, shares);
      numbers.ms += 1000;
      tiers.look();
    },
  };
}

module.exports = { fakeTiers, kLimit };
