// What a device costs.
'use strict';

const kHourMs = 3_600_000;

/**
 * @param {Readonly<Record<string, number>>|undefined} prices an hour, by a device's id, its name or its kind
 * @param {{ device: string, deviceName: string, contextType: string }} where
 * @returns {number} of a millisecond
 */
function priceOf(prices, { device, deviceName, contextType }) {
  if (prices === undefined) return 0;
  const name = [device, deviceName, contextType].find((each) => Object.hasOwn(prices, each));
  return name === undefined ? 0 : prices[name] / kHourMs;
}

module.exports = { priceOf, kHourMs };
