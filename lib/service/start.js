// The primary of `switchyard start`: forks the workers, says when they are ready, and stops them when it is told to
// stop.
'use strict';
const os = require('node:os');
const path = require('node:path');
const { setTimeout, clearTimeout, setInterval, clearInterval } = require('node:timers');
const cluster = /** @type {import('node:cluster').Cluster} */ (/** @type {unknown} */ (require('node:cluster')));
const { answerDoor, doorHere, Gate, Room } = require('../exchange');
const { version } = require('../../package.json');
const { readServiceConfig, managerOptions } = require('../config');
const { createLogger, describeError, errorText, nowMs } = require('../core');
const { Access, LastGood } = require('./access');
const { curlLine } = require('./home');
const { cannotListen, checkPorts, rpcPortOf } = require('./ports');

/** @typedef {import('../config/config').ServiceConfig} ServiceConfig */
/** @typedef {{ address: string, port: number }} Address */

const kSameSignalMs = 500;
const kGraceMs = 5000;
const kLauncherMs = 250; // between two looks at who has started this process
const kSignals = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);

/**
 * What workers and the addon read from the environment, where something else than the environment said it.
 * @param {ServiceConfig} config
 * @param {object} options
 */
function prepareEnvironment(config, options) {
  process.env.SWITCHYARD_SERVICE = JSON.stringify(options);
  if (config.shaderCacheDir) process.env.SHADER_CACHE_DIR = config.shaderCacheDir;
  if (config.debugLogging) process.env.GPU_DEBUG_LOGGING = 'true';
}

/**
 * What would let in anybody, or nobody, is seen before anything is forked.
 * @param {ServiceConfig} config
 * @param {import('../core/log').Logger} logger
 */
function checkAccess(config, logger) {
  new Access(config, logger, new Gate(doorHere(new Room(config.answerLimit))));
  return new LastGood(config);
}

/**
 * A worker that can't read its files asks for what they were.
 * @param {LastGood} good
 */
function serveLastGood(good) {
  cluster.on('message', (worker, message) => {
    if (message?.switchyard === 'last-good' && worker.isConnected())
      worker.send({ switchyard: 'last-good', before: good.before }, () => {});
  });
}

/**
 * The port of WebSockets, once a worker listens there.
 * @param {ServiceConfig} config
 * @returns {Promise<number|undefined>} undefined: there is none
 */
function rpcListening(config) {
  if (rpcPortOf(config) === undefined) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    cluster.on('message', (_, message) => {
      // It fails where the main port does, which is told there.
      if (message?.switchyard === 'rpc-port' || message?.switchyard === 'cannot-listen') resolve(message.port);
    });
  });
}

/**
 * The address of the first worker that listens; fails when one says that it can't.
 * @param {ServiceConfig} config
 * @returns {Promise<Address>}
 */
function listening(config) {
  return new Promise((resolve, reject) => {
    cluster.once('listening', (_, address) => resolve(/** @type {Address} */ (address)));
    cluster.on('message', (_, message) => {
      if (message?.switchyard === 'cannot-listen')
        reject(cannotListen(config, message.port ?? config.port, message.code));
    });
  });
}

/**
 * What all workers' clients may make the service hold and do is counted here.
 * @param {ServiceConfig} config
 * @param {() => void} onPeakOver
 */
function serveRoom(config, onPeakOver) {
  const room = new Room(config.answerLimit, onPeakOver);
  cluster.on('message', (worker, message) => {
    // What it said last may come after its end, and would never be left.
    if (message?.switchyard === undefined || worker.isDead()) return;
    answerDoor(room, worker.id, message, (answer) => {
      if (worker.isConnected()) worker.send(answer, () => {});
    });
  });
  cluster.on('exit', (worker) => room.forget(worker.id));
  cluster.on('disconnect', (worker) => room.forget(worker.id));
}

/**
 * @param {Address} address as a client of this machine writes it
 * @param {string} scheme
 */
function urlOf({ address, port }, scheme) {
  const host =
    !address || address === '0.0.0.0'
      ? '127.0.0.1'
      : address === '::'
        ? '[::1]'
        : address.includes(':')
          ? `[${address}]`
          : address;
  return `${scheme}://${host}:${port}`;
}

/**
 * The devices that the contexts are on, each with how many.
 * @param {import('./server').Health['contexts']} contexts
 */
function devicesOf(contexts) {
  /** @type {Map<string, { id: string, name: string, contexts: number }>} */
  const devices = new Map();
  for (const { device, deviceName } of contexts) {
    const entry = devices.get(device) ?? { id: device, name: deviceName ?? '', contexts: 0 };
    ++entry.contexts;
    devices.set(device, entry);
  }
  return [...devices.values()];
}

/**
 * @param {ServiceConfig} config
 * @param {Address} address
 * @param {number|undefined} rpcPort
 * @param {import('./server').Health['contexts']} contexts
 */
function describeReady(config, address, rpcPort, contexts) {
  const tls = config.tlsCert === undefined ? '' : 's';
  return {
    url: urlOf(address, `http${tls}`),
    rpcUrl:
      rpcPort === undefined ? `${urlOf(address, `ws${tls}`)}/ws` : urlOf({ ...address, port: rpcPort }, `ws${tls}`),
    host: config.host,
    port: address.port,
    workers: config.workers,
    contexts: contexts.length,
    devices: devicesOf(contexts),
  };
}

/** @param {ReturnType<typeof describeReady>} ready */
function readyText({ url, rpcUrl, host, workers, contexts, devices }) {
  const count = (/** @type {number} */ number, /** @type {string} */ what) =>
    `${number} ${what}${number === 1 ? '' : 's'}`;
  const everywhere = host === '0.0.0.0' || host === '::' ? ', reachable from everywhere' : '';
  const lines = devices.map(
    (device) =>
      `  ${device.id.padEnd(10)} ${count(device.contexts, 'context')}${device.name ? `  ${device.name}` : ''}`,
  );
  const size = `${count(workers, 'worker')}, ${count(contexts, 'context')}`;
  return [
    `switchyard ${version} is ready at ${url} (${size}${everywhere})`,
    ...lines,
    `  WebSocket  ${rpcUrl}`,
    '',
    'Try:',
    `  ${curlLine(url)}`,
    `  npx switchyard run normalize --shape 1000x384${url === 'http://127.0.0.1:3000' ? '' : ` --url ${url}`}`,
    `  curl -s ${url}/health/cluster`,
    '',
  ].join('\n');
}

/**
 * Tells every worker to take no more requests, and waits until what is under way is finished.
 * @param {number} timeout ms
 */
async function drainWorkers(timeout) {
  const workers = Object.values(cluster.workers ?? {}).flatMap((worker) => worker ?? []);
  await Promise.all(
    workers.map(
      (worker) =>
        new Promise((resolve) => {
          const timer = setTimeout(resolve, timeout);
          const done = () => {
            clearTimeout(timer);
            resolve(undefined);
          };
          worker.once('exit', done);
          worker.on('message', (message) => {
            if (message?.switchyard === 'drained') done();
          });
          if (worker.isConnected())
            worker.send({ switchyard: 'drain' }, (/** @type {Error|null} */ error) => {
              if (error) done();
            });
          else done();
        }),
    ),
  );
}

/**
 * Calls `atFirst` at the first signal, ends the process at the second. One Ctrl-C arrives several times, from the
 * terminal and from each npm and script above us that passes it on: what follows at once is the same signal.
 * @param {(signal: NodeJS.Signals) => void} atFirst
 */
function onSignals(atFirst) {
  let first = 0;
  for (const signal of kSignals) {
    process.on(signal, () => {
      if (!first) {
        first = nowMs();
        atFirst(signal);
      } else if (nowMs() - first > kSameSignalMs) {
        process.exit(128 + os.constants.signals[signal]);
      }
    });
  }
}

/**
 * Below npx and npm there is a shell, which a signal ends and which does not pass it on: so its end is the signal.
 * Where nobody of theirs has started this process, it may outlive its parent.
 * @param {() => void} atEnd
 */
function onLauncherGone(atEnd) {
  const { npm_command: command, npm_lifecycle_event: script } = process.env;
  if (command === undefined && script === undefined) return;
  const launcher = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === launcher) return;
    clearInterval(timer);
    atEnd();
  }, kLauncherMs);
  timer.unref();
}

/**
 * @param {import('../index').GPUClusterManager} manager
 * @param {ServiceConfig} config
 * @param {import('../core/log').Logger} logger
 * @param {number} exitCode
 */
async function stop(manager, config, logger, exitCode) {
  setTimeout(
    () => {
      logger.error('stopping takes too long: what still runs is given up');
      process.exit(1);
    },
    2 * config.drainTimeout + kGraceMs,
  ).unref();
  try {
    await drainWorkers(config.drainTimeout + kGraceMs);
    await manager.close({ drain: true });
    process.exit(exitCode);
  } catch (error) {
    logger.error(describeError(error), 'the manager did not close');
    process.exit(1);
  }
}

/**
 * Resolves once the service is ready; from then on signals decide.
 * @param {object} [options] of createGPUClusterManager() and of the HTTP service
 * @param {{ json?: boolean }} [output]
 */
async function start(options = {}, { json = false } = {}) {
  const config = readServiceConfig(options);
  const logger = createLogger(config, { worker: 0 });
  const good = checkAccess(config, logger);
  await checkPorts(config);
  prepareEnvironment(config, options);
  const address = listening(config);
  address.catch(() => {}); // it is waited for below
  const rpc = rpcListening(config);
  // Workers accept connections themselves: one that the primary hands to a worker that is just dying would hang for
  // ever.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  const gpu = require('../index');
  const manager = gpu.createGPUClusterManager({
    ...managerOptions(config),
    workers: config.workers,
    exec: path.join(__dirname, 'worker.js'),
  });
  serveRoom(config, () => manager.cleanup());
  serveLastGood(good);
  // The manager would drain its jobs at a signal; here the requests come first, whose answers take longer than their
  // jobs.
  for (const signal of kSignals) process.removeAllListeners(signal);
  let stopping = false;
  onSignals((signal) => {
    stopping = true;
    logger.info({ signal }, 'stopping: requests under way are finished; another signal ends them');
    stop(manager, config, logger, 0);
  });
  onLauncherGone(() => {
    if (stopping) return;
    stopping = true;
    logger.info('stopping: npm or npx, which has started this process, has ended');
    stop(manager, config, logger, 0);
  });
  try {
    const [first, rpcPort] = await Promise.all([address, rpc, manager.ready]);
    const ready = describeReady(config, first, rpcPort, (await manager.health()).contexts);
    process.stdout.write(json ? `${JSON.stringify(ready)}\n` : readyText(ready));
    logger.info({ workers: ready.workers, contexts: ready.contexts }, 'ready');
  } catch (error) {
    process.stderr.write(`switchyard: ${errorText(error)}\n`);
    await stop(manager, config, logger, 1);
  }
}

module.exports = { start };
