// What methods work with: a manager, the settings, and what the service keeps, each opened when it is first asked for.
'use strict';
const { Indexes } = require('./kept/indexes');
const { Memories } = require('./kept/memories');
const { Models } = require('./kept/models');
const { Objects } = require('./kept/objects');

/** @typedef {import('../index').GPUClusterManager} Manager */
/**
 * The settings that methods look at.
 * @typedef {object} Config
 * @property {string} memoryDir where memories, indexes and objects lie
 * @property {string} [modelsDir] whose folders are the models that clients may name
 * @property {string} [textModel] what texts are embedded with where a client names none
 * @property {string} [textReranker] what documents are put in order with
 * @property {number} timeout
 * @property {number} clientTimeout
 * @property {number} clientCost
 * @property {number} [clientJobs]
 */
/**
 * @typedef {object} Parts
 * @property {Manager} manager
 * @property {Config & import('../exchange/caps').Config} config
 * @property {import('../core/log').Logger} logger
 * @property {import('../exchange').Gate} gate
 * @property {Models} models
 * @property {Memories} memories
 * @property {Indexes} indexes
 * @property {Objects} objects
 * @property {() => Promise<void>} close of all that was opened
 */

/**
 * @param {Pick<Parts, 'manager'|'config'|'logger'|'gate'>} given
 * @returns {Parts}
 * @example const dispatcher = new Dispatcher(makeParts({ manager, config, logger, gate }));
 */
function makeParts({ manager, config, logger, gate }) {
  const models = new Models(manager, config);
  const memories = new Memories(manager, config);
  const indexes = new Indexes(manager, config);
  const objects = new Objects(manager, config);
  const close = async () => {
    await Promise.allSettled([memories, indexes, objects].map((each) => each.close()));
    await models.close();
  };
  return { manager, config, logger, gate, models, memories, indexes, objects, close };
}

module.exports = { makeParts };
