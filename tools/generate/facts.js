// Where the generated files' facts come from: the tables of lib/ and what the addon exports.
'use strict';
const { kSettings } = require('../../lib/config');
const { kLevels, kBackends } = require('../../lib/core');
const { kDTypes } = require('../../lib/call');
const { native, facts } = require('../../lib/addon');
const { kMetrics } = require('../../lib/metrics/table');
const { kFigures } = require('../../lib/metrics/figures');
const { nameOf } = require('../../lib/metrics/prometheus');

/**
 * @typedef {object} Facts
 * @property {readonly import('../../lib/config/settings').Setting[]} settings
 * @property {readonly import('../../lib/metrics/table').Metric[]} metrics
 * @property {typeof nameOf} nameOf its name in Prometheus' text
 * @property {readonly import('../../lib/metrics/figures').Figure[]} figures of getMetrics()
 * @property {readonly string[]} levels of logs
 * @property {readonly string[]} dtypes
 * @property {readonly string[]} backends
 * @property {readonly import('../../lib/addon/native').CodeFacts[]} codes of errors
 * @property {readonly import('../../lib/addon/native').WorkloadEntry[]} workloads
 * @property {Record<string, Record<string, number>>} layouts of numbers
 */

/** @returns {Facts} */
function readFacts() {
  return {
    settings: kSettings,
    metrics: kMetrics,
    nameOf,
    figures: kFigures,
    levels: kLevels,
    dtypes: kDTypes,
    backends: kBackends,
    codes: facts.codes,
    workloads: native.workloads(),
    layouts: native.layouts,
  };
}

module.exports = { readFacts };
