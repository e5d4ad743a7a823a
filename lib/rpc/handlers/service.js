// listDevices, getMetrics, health, cleanup.
'use strict';
const { publicPart, figuresFor } = require('./plain');

/** @typedef {import('../methods').Handler} Handler */

/** @type {Handler} */
async function listDevices({ manager }) {
  const { contexts } = await manager.health();
  /** @type {Map<string, { id: string, contextType: string, name: string, contexts: object[] }>} */
  const devices = new Map();
  for (const { id, contextType, device, deviceName, state } of contexts) {
    const entry = devices.get(device) ?? { id: device, contextType, name: deviceName, contexts: [] };
    devices.set(device, entry);
    entry.contexts.push({ id, state });
  }
  return { devices: [...devices.values()] };
}

/** @type {Handler} */
async function getMetrics({ manager }, _, { caller }) {
  return figuresFor(await manager.getMetrics(), caller);
}

/** @type {Handler} */
async function health({ manager }) {
  return publicPart(await manager.health());
}

/** @type {Handler} */
async function cleanup({ manager }) {
  manager.cleanup();
  return { done: true };
}

module.exports = { listDevices, getMetrics, health, cleanup };
