// A worker of `switchyard start`: a manager and the HTTP service over it. The primary tells it when to stop.
'use strict';
const cluster = /** @type {import('node:cluster').Cluster} */ (/** @type {unknown} */ (require('node:cluster')));
const { setTimeout, clearTimeout } = require('node:timers');
const { doorToPrimary, kToDoor } = require('../exchange');
const { rpcPortOf } = require('./ports');
const gpu = require('../index');
const { readServiceConfig, managerOptions } = require('../config');
const { createLogger, describeError } = require('../core');
const { createServer } = require('./server');
const { flushTraces } = require('../tracing');

// What the command line said; the environment and the config file are read again, and say the same as to the primary.
const config = readServiceConfig(JSON.parse(process.env.SWITCHYARD_SERVICE ?? '{}'));
const logger = createLogger(config, { worker: cluster.worker?.id ?? 0 });
const manager = gpu.createGPUClusterManager(managerOptions(config));
Promise.resolve(manager.ready).catch((error) => logger.error(describeError(error), 'the manager did not become ready'));
const door = doorToPrimary(tell);
/** @type {import('./server').Service|undefined} undefined: it can't be made yet */
let app;
const kRetryMs = 1000;

/** @param {object} message */
function tell(message) {
  if (process.connected) process.send?.(message);
}

/** Asked to end by somebody else than the primary: what is under way is finished first. */
async function leave() {
  await app?.drain();
  await manager.close({ drain: true });
  process.exit(0);
}

// Ctrl-C reaches the whole group of processes: the primary answers it, and says what to do.
process.on('SIGINT', () => {});
process.once('SIGTERM', leave);
process.on('message', (/** @type {{ switchyard?: string }|undefined} */ message) => {
  if (kToDoor.has(message?.switchyard ?? ''))
    door.onMessage(/** @type {import('../exchange/gate').Message} */ (message));
  if (message?.switchyard === 'drain')
    Promise.resolve(app?.drain())
      .then(flushTraces)
      .then(() => tell({ switchyard: 'drained' }));
});

/**
 * The tokens and the certificate as they were when they were right, which the primary keeps.
 * @returns {Promise<import('./access/last-good').Before>} nothing where it does not say so in time
 */
function lastGood() {
  return new Promise((resolve) => {
    const timer = setTimeout(() => end({}), kRetryMs);
    const take = (/** @type {{ switchyard?: string, before?: object }|undefined} */ message) => {
      if (message?.switchyard === 'last-good') end(message.before ?? {});
    };
    const end = (/** @type {object} */ before) => {
      clearTimeout(timer);
      process.off('message', take);
      resolve(before);
    };
    process.on('message', take);
    tell({ switchyard: 'last-good' });
  });
}

/**
 * The primary has found the settings right. A file that is wrong since then (tokens half written, a certificate that is
 * being replaced) does not end the workers that run, and the one that takes a lost one's place begins as they are.
 * @returns {Promise<import('./server').Service>}
 */
async function make() {
  /** @type {import('./access/last-good').Before|undefined} */
  let before;
  for (;;) {
    try {
      return createServer(manager, config, logger, door, before);
    } catch (error) {
      logger.error(describeError(error), 'the server can not be made yet: it is tried again');
      if (before)
        await new Promise((resolve) => {
          setTimeout(resolve, kRetryMs);
        });
      before = await lastGood();
    }
  }
}

/** The port of WebSockets after the main one, so that the primary knows which address is which. */
async function listen() {
  const { host, port } = config;
  app = await make();
  await app.listen({ port, host });
  const rpcPort = rpcPortOf(config);
  if (rpcPort === undefined) return;
  const { rpcServer } = app;
  await new Promise((resolve, reject) => {
    rpcServer.once('error', reject).listen({ port: rpcPort, host }, () => resolve(undefined));
  });
  const address = rpcServer.address();
  if (address !== null && typeof address === 'object') tell({ switchyard: 'rpc-port', port: address.port });
}

listen().catch((error) => {
  logger.error(describeError(error), 'the server cannot listen');
  tell({ switchyard: 'cannot-listen', code: error.code, port: error.port });
});
