// The tiers of memory of a context or a manager: one object for all that it keeps.
'use strict';
const { insideOf, GPUClusterManager } = require('../../cluster');
const { readTierSettings } = require('../../config');
const { GPUContext } = require('../../context');
const { native } = require('../../addon');
const { tell } = require('../../core');
const { Tier, pressureEvent, readHost } = require('../../pressure');
const { Tiers } = require('./tiers');

/** @type {WeakMap<object, Tiers>} */
const known = new WeakMap();

/**
 * @param {ReturnType<typeof readTierSettings>} settings
 * @param {(status: import('../../pressure/tier').TierStatus) => void} [onChange]
 */
function hostTier({ hostMemoryLimit: most, memoryFullWithin: fullWithinMs }, onChange) {
  return new Tier({ tier: 'host', of: 'host', read: () => readHost({ most }), fullWithinMs, onChange });
}

/** @param {GPUContext} context */
function ofContext(context) {
  const tellChange = (/** @type {import('../../pressure/tier').TierStatus} */ status) =>
    tell(context, 'memory-pressure', pressureEvent(status, { workerId: 0 }));
  return new Tiers({
    // Where jobs read the host's memory there are no copies, and what is uploaded is in the host's memory.
    device: context.contextType === 'cpu' ? undefined : GPUContext.tierOf(context),
    host: hostTier(readTierSettings(), tellChange),
    onDiskChange: tellChange,
    trim: () => GPUContext.trimMemoryOf(context),
  });
}

/** @param {GPUClusterManager} manager whose primary tells the events */
function ofManager(manager) {
  return new Tiers({
    host: hostTier(insideOf(manager).config),
    trim: () => native.trimShared(),
  });
}

/**
 * @param {object} owner a manager or a context
 * @returns {Tiers}
 */
function tiersOf(owner) {
  let tiers = known.get(owner);
  if (!tiers) {
    tiers = owner instanceof GPUClusterManager ? ofManager(owner) : ofContext(/** @type {GPUContext} */ (owner));
    known.set(owner, tiers);
  }
  return tiers;
}

module.exports = { tiersOf, Tiers };
