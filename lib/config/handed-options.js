// How a primary hands its options on to the workers that it forks: as JSON in an environment variable.
'use strict';

const kOptionsVariable = 'SWITCHYARD_WORKER_OPTIONS';
const kInfinity = 'Infinity'; // which JSON has no number for

/**
 * @param {object} options of createGPUClusterManager()
 * @returns {string}
 */
function optionsText(options) {
  return JSON.stringify(options, (_, value) => (value === Infinity ? kInfinity : value));
}

/** @returns {import('../generated').ManagerOptions} what this worker's primary has handed on */
function handedOptions() {
  const text = process.env[kOptionsVariable];
  return text ? JSON.parse(text, (_, value) => (value === kInfinity ? Infinity : value)) : {};
}

module.exports = { kOptionsVariable, optionsText, handedOptions };
