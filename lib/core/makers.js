// What a manager offers of rooms that lie above it, as model-loader.js does for models: they give their functions here.
'use strict';

/** @typedef {(owner: object, ...given: unknown[]) => Promise<unknown>} Make */

/** @type {Map<string, Make>} */
const makers = new Map();

/**
 * @param {string} name of the method
 * @param {Make} make
 */
function useMaker(name, make) {
  makers.set(name, make);
}

/**
 * @param {string} name of the method
 * @param {object} owner a manager, on which its jobs run
 * @param {...unknown} given
 */
async function makeOn(name, owner, ...given) {
  const make = makers.get(name);
  if (!make) throw new TypeError(`lib/memory was not loaded, which has ${name}()`);
  return make(owner, ...given);
}

module.exports = { useMaker, makeOn };
