// One cluster and everything that is tried on it: SWITCHYARD_SUITE names a file of children/cluster/, whose cases run
// one after the other in the primary. Prints { name: { ms, error? } }. A suite is { options, workerOptions, cases,
// inWorker, before, after }.
'use strict';
const cluster = require('node:cluster');
const path = require('node:path');
const gpu = require('../../..');
const { until } = require('../waiting');

const kCaseMs = 40000; // a driver in software that is compared with another takes twenty
const suite = require(path.join(__dirname, 'cluster', process.env.SWITCHYARD_SUITE));

class Trial {
  manager;
  gpu = gpu;
  #asked = new Map();
  #last = 0;

  /** The workers alive, oldest first. */
  get workers() {
    return Object.values(cluster.workers).filter((it) => it.isConnected() && !it.isDead());
  }

  /** Runs suite.inWorker[name] in a worker. */
  call(worker, name, ...args) {
    const target = typeof worker === 'number' ? this.workers[worker] : worker;
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject });
      target.setMaxListeners(0);
      // What it had sent before may still be on its way.
      target.once('exit', (code, signal) =>
        setTimeout(
          reject,
          500,
          new Error(`the worker ended (${code ?? signal}) before it had answered ${name}`),
        ).unref(),
      );
      target.send({ call: id, name, args });
    });
  }

  onMessage(message) {
    const asked = message?.answer !== undefined && this.#asked.get(message.answer);
    if (!asked) return;
    this.#asked.delete(message.answer);
    if (message.error) asked.reject(Object.assign(new Error(message.error.stack), message.error));
    else asked.resolve(message.value);
  }
}

async function primary() {
  const trial = new Trial();
  cluster.on('message', (_, message) => trial.onMessage(message));
  const results = {};
  try {
    if (suite.before) await suite.before(trial);
    trial.manager ??= gpu.createGPUClusterManager({ exec: __filename, logLevel: 'silent', ...suite.options });
    await trial.manager.ready;
    if (suite.options?.workers) await until(() => trial.workers.length === suite.options.workers);
    for (const [name, run] of Object.entries(suite.cases)) results[name] = await attempt(() => run(trial));
    results['the end'] = await attempt(async () => {
      await trial.manager.close();
      if (suite.after) await suite.after(trial);
    });
  } catch (error) {
    results['the beginning'] = { error: String(error?.stack ?? error) };
    process.exitCode = 1;
  }
  process.stdout.write(JSON.stringify(results));
}

async function attempt(run) {
  const start = performance.now();
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it took more than ${kCaseMs} ms`)), kCaseMs);
  });
  try {
    await Promise.race([run(), late]);
    return { ms: Math.round(performance.now() - start) };
  } catch (error) {
    return { ms: Math.round(performance.now() - start), error: `${error?.stack ?? error}\n${JSON.stringify(error)}` };
  } finally {
    clearTimeout(timer);
  }
}

function runWorker() {
  const trial = {
    gpu,
    manager: gpu.createGPUClusterManager({
      logLevel: 'silent',
      ...suite.options,
      workers: undefined,
      ...suite.workerOptions,
    }),
  };
  process.on('message', async (message) => {
    if (message?.call === undefined) return;
    try {
      process.send({ answer: message.call, value: await suite.inWorker[message.name](trial, ...message.args) });
    } catch (error) {
      process.send({ answer: message.call, error: { code: error.code, message: error.message, stack: error.stack } });
    }
  });
}

if (cluster.isPrimary) primary();
else runWorker();
