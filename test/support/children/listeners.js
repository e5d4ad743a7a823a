// Listeners that throw: node listeners.js <scenario>. Prints what became of the work, and what was uncaught.
'use strict';
const cluster = require('node:cluster');
const gpu = require('../../..');
const { scale, slowJob } = require('../jobs');
const { sleep, until } = require('../waiting');

const kEvents = [
  'context-switch',
  'workload-completed',
  'workload-failed',
  'queue-full',
  'shader-compiled',
  'worker-ready',
  'worker-left',
  'worker-lost',
];
const uncaught = {};
const note = ({ message }) => {
  uncaught[message] = (uncaught[message] ?? 0) + 1;
};

function makeManager(options) {
  const manager = gpu.createGPUClusterManager({ contextTypes: ['cpu'], logLevel: 'error', ...options });
  for (const name of kEvents)
    manager.on(name, () => {
      throw new TypeError(name);
    });
  return manager;
}

const outcome = (promise) =>
  promise.then(
    ({ outputs }) => [...(outputs.output ?? outputs.sums).data.slice(0, 2)],
    ({ name, code }) => `${name} ${code}`,
  );

/** Asks for it and tells how that ended, or that the call itself threw. */
function ask(manager, workload, options) {
  try {
    return outcome(manager.executeWorkload(workload, options));
  } catch (error) {
    return `the call threw ${error.message}`;
  }
}

const scenarios = {
  async lone() {
    const manager = makeManager({ queueLimit: 4 });
    await manager.ready;
    const report = { idle: await ask(manager, scale(new Float32Array([1, 2]))) };
    report.wrong = await ask(manager, { type: 'scale' });
    report.busy = await Promise.all(Array.from({ length: 40 }, () => ask(manager, slowJob(1))));
    report.wrongWhileBusy = await Promise.all([ask(manager, slowJob(2)), ask(manager, { type: 'scale' })]);
    // A listener that asks again, within the call whose job it hears of.
    manager.removeAllListeners('workload-failed');
    manager.once('workload-failed', () => {
      report.again = ask(manager, scale(new Float32Array([3, 4])));
    });
    report.outer = await ask(manager, {
      type: 'scale',
      inputs: { input: new Float32Array(2) },
      params: { factor: 'x' },
    });
    report.again = await report.again;
    await manager.close();
    return report;
  },
  async cluster() {
    const manager = makeManager({ workers: 2, exec: __filename, queueLimit: 1 });
    await manager.ready;
    const report = { first: await ask(manager, scale(new Float32Array([1, 2]))) };
    report.busy = await Promise.all(Array.from({ length: 12 }, () => ask(manager, slowJob(2), { cache: false })));
    const [first, second] = Object.values(cluster.workers);
    first.send('leave');
    await until(() => uncaught['worker-left']);
    second.process.kill('SIGKILL');
    await until(() => uncaught['worker-lost']);
    await until(() => uncaught['worker-ready'] >= 4);
    report.later = await ask(manager, scale(new Float32Array([5, 6])));
    await manager.close();
    return report;
  },
};

async function main() {
  process.on('uncaughtException', note);
  process.on('unhandledRejection', (error) => note(new Error(`rejected: ${error.message}`)));
  const report = await scenarios[process.argv[2]]();
  await sleep(20);
  console.log(JSON.stringify({ ...report, uncaught }));
}

if (cluster.isPrimary) main();
else {
  const manager = gpu.createGPUClusterManager({ contextTypes: ['cpu'] });
  process.on('message', async (message) => {
    if (message !== 'leave') return;
    await manager.close();
    process.exit(0);
  });
}
