// Which of a machine's devices the settings allow.
'use strict';

/** @typedef {import('../index').DeviceInfo} DeviceInfo */
/**
 * @typedef {object} Limits
 * @property {boolean} cuda
 * @property {boolean} vulkan
 * @property {readonly string[]} [devices] ids, or backends for all of theirs; left out: all
 */

/**
 * @param {readonly DeviceInfo[]} found
 * @param {Limits} limits
 * @returns {DeviceInfo[]} those that contexts may be opened on
 */
function allowedDevices(found, { cuda, vulkan, devices }) {
  const on = { cuda, vulkan, cpu: true };
  return found.filter(
    ({ id, backend }) => on[backend] && (!devices || devices.includes(id) || devices.includes(backend)),
  );
}

/**
 * @param {readonly DeviceInfo[]} found
 * @param {Limits} limits
 * @returns {string[]} of the devices that the settings name, those that this machine does not have
 */
function missingDevices(found, { devices = [] }) {
  return devices.filter((name) => !found.some(({ id, backend }) => id === name || backend === name));
}

module.exports = { allowedDevices, missingDevices };
