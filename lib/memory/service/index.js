// createService(): embeddings as a service, on a context of its own or on contexts of a manager.
'use strict';
const { createContext, devices } = require('../../context');
const { insideOf } = require('../../cluster');
const { invalid, refuseUnknownKeys, show } = require('../../core');
const { contextOwner, ownerOf } = require('../../text');
const { Pipeline } = require('../embeddings');
const { checkChoice, choicesOf, openFirst } = require('./choice');
const { EmbeddingService } = require('./service');

/** @typedef {import('../../context').GPUContext} GPUContext */
/** @typedef {import('../../cluster/manager').GPUClusterManager} Manager */
/** @typedef {import('./choice').Device} Device */

const kOptions = new Set(['device']);

/** @param {unknown} options */
function wantedOf(options) {
  if (options === undefined) return checkChoice('auto');
  if (options === null || typeof options !== 'object')
    throw invalid(`createService()'s options are ${show(options)}, but must be an object`, 'options');
  refuseUnknownKeys(options, kOptions, 'option of createService()', 'options.');
  const { device = 'auto' } = /** @type {{ device?: unknown }} */ (options);
  return checkChoice(device);
}

/**
 * Embeddings as a service, on a card where there is one, else on the processor: `reason` says why.
 * @param {import('../../index').ServiceOptions} [options] device: 'auto', 'gpu' or 'cpu'
 * @returns {Promise<EmbeddingService>}
 * @throws {import('../../core').GPUError} (rejects with) ERR_UNSUPPORTED: there is no card, and `gpu` was asked for;
 *   ERR_INVALID_ARGUMENT; ERR_OUT_OF_MEMORY; ERR_DEVICE_LOST
 * @example
 * const service = await createService({ device: 'auto' });
 * const { embeddings } = await service.processEmbeddings({ embeddings: vectors });
 * await service.close();
 */
async function createService(options) {
  const choices = choicesOf(wantedOf(options), devices());
  const { opened, choice } = await openFirst(choices, ({ id }) =>
    createContext({ device: /** @type {`cpu:${number}`} */ (id) }),
  );
  return new EmbeddingService(onContext(opened), choice);
}

/**
 * @param {GPUContext} context of the service's own
 * @returns {import('./service').Base}
 */
function onContext(context) {
  return {
    pipeline: new Pipeline(contextOwner(context)),
    figures: async () => ({ memory: context.memoryUsage }),
    async health() {
      const { lost } = context;
      return { status: lost ? 'down' : 'ok', problems: lost ? [`the device of ${context.id} was lost`] : [] };
    },
    trim: () => context.trim(),
    close: () => context.close(),
  };
}

/**
 * The same on a manager: its jobs run on contexts of the kind that was chosen.
 * @param {Manager} manager
 * @param {unknown} options
 * @returns {Promise<EmbeddingService>}
 */
async function createServiceOn(manager, options) {
  const wanted = wantedOf(options);
  const inside = insideOf(manager);
  inside.checkOpen();
  await manager.ready;
  const found = new Map(
    inside
      .contexts()
      .filter(({ isActive }) => isActive)
      .map(({ contextType, device, deviceName, software }) => {
        const type = contextType === 'cpu' || software ? 'cpu' : 'discrete';
        return [device, { id: device, backend: contextType, type, name: deviceName }];
      }),
  );
  const rank = (/** @type {Device} */ { backend }) => ['cuda', 'vulkan', 'cpu'].indexOf(backend);
  const [choice] = choicesOf(
    wanted,
    [...found.values()].sort((a, b) => rank(a) - rank(b)),
  );
  return new EmbeddingService(onManager(manager, choice.device.backend), choice);
}

/**
 * @param {Manager} manager
 * @param {import('../../index').Backend} contextType
 * @returns {import('./service').Base}
 */
function onManager(manager, contextType) {
  return {
    pipeline: new Pipeline(ownerOf(manager).only(contextType), contextType),
    figures: async () => ({ cluster: await manager.getMetrics() }),
    async health() {
      const cluster = await manager.health();
      const problems = [
        ...cluster.lostDevices.map((id) => `${id} was lost`),
        ...cluster.avoidedDevices.map((id) => `${id} has ended workers, and is left out`),
      ];
      const isThere = cluster.contexts.some(
        (context) => context.contextType === contextType && !['lost', 'closed'].includes(context.state),
      );
      if (!isThere) problems.push(`no context of the kind '${contextType}' takes jobs`);
      return { status: isThere ? cluster.status : 'down', problems, cluster };
    },
    trim: () => manager.cleanup(),
    close: async () => {}, // the manager is its application's own
  };
}

const hpcServiceFactory = Object.freeze({ initialize: createService });

module.exports = { createService, createServiceOn, hpcServiceFactory, EmbeddingService };
