// A cluster of which something is broken on purpose, seen from its primary. argv[2] is a plan in JSON (see
// test/js/cluster/faults); what became of the jobs and the workers is printed as JSON.
'use strict';
const cluster = require('node:cluster');
const fs = require('node:fs');
const path = require('node:path');
const { sleep } = require('../waiting');
const { isAlive } = require('../processes');
const gpu = require('../../..');
const programs = require('../fault-programs');

const started = performance.now();
const plan = JSON.parse(process.argv[2]);
const report = { jobs: {}, attempts: 0, later: {}, wrong: 0, lost: [] };
const pids = new Set();
cluster.on('fork', (worker) => pids.add(worker.process.pid));

const big = new Float32Array(40000).map((_, i) => i % 1000); // too large for the executor's thread
const small = new Float32Array(256).map((_, i) => i);

const manager = gpu.createGPUClusterManager({
  workers: 2,
  contextsPerWorker: plan.contextTypes ? 1 : 2,
  logLevel: plan.log ?? 'silent',
  ...(plan.contextTypes ? { contextTypes: plan.contextTypes } : {}),
  ...(plan.exec ? { exec: path.join(__dirname, plan.exec) } : {}),
});
const told = new Map();
for (const name of ['workload-completed', 'workload-failed'])
  manager.on(name, ({ workloadId }) => told.set(workloadId, (told.get(workloadId) ?? 0) + 1));
manager.on('worker-lost', ({ reason }) => report.lost.push(reason));

const compile = {
  kernel: async () => {
    program = await manager.compileKernel({ name: 'scale', glsl: programs.glsl });
  },
  render: async () => {
    program = await manager.compileShader('flat', programs.vertex, programs.fragment);
  },
};
let program;

/**
 * What a job is, and whether its outputs are right: the workload scale, or a program of the user's that plan.program
 * names.
 */
function jobOf(input, factor) {
  if (plan.program === 'render')
    return [
      programs.drawing(program, factor),
      ({ image }) => image.data.every((value, i) => value === [factor % 256, 0, 0, 255][i % 4]),
    ];
  const right = (name) => (outputs) => outputs[name].data.every((value, i) => value === Math.fround(input[i] * factor));
  if (plan.program !== 'kernel') return [{ type: 'scale', inputs: { input }, params: { factor } }, right('output')];
  return [
    {
      type: 'kernel',
      kernel: program,
      inputs: { x: input },
      outputs: { y: { shape: [input.length] } },
      params: { factor },
      threads: input.length,
    },
    right('y'),
  ];
}

let asked = 0;
/** One job whose result is known; counts how it ended. */
async function ask(into, { size = 'big', factor = asked + 1, ...options } = {}) {
  ++asked;
  const input = size === 'big' ? big : small;
  const [workload, isRight] = jobOf(input, factor);
  const promise = manager.executeWorkload({ id: `j${asked}`, ...workload }, { timeout: 20000, ...options });
  let outcome = 'ok',
    attempts = 0;
  try {
    const result = await promise;
    attempts = result.attempts;
    report.batch = Math.max(report.batch ?? 0, result.batchSize);
    if (!isRight(result.outputs)) ++report.wrong;
  } catch (error) {
    outcome = error.code ?? String(error);
    (report.messages ??= {})[outcome] ??= error.message;
    if (outcome === 'ERR_TIMEOUT' && error.released && plan.waitsForRelease) await error.released;
  }
  into[outcome] = (into[outcome] ?? 0) + 1;
  report.attempts = Math.max(report.attempts, attempts);
  return outcome;
}

const asMany = (count, into, options) =>
  Promise.all(Array.from({ length: count }, (_, i) => ask(into, { size: i % 2 ? 'small' : 'big', ...options })));

/** Keeps nothing alive. */
const after = (ms) =>
  new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });

async function until(condition, ms) {
  const end = performance.now() + ms;
  while (!(await condition()) && performance.now() < end) await sleep(10);
}

/** The first job's worker may have a pipeline to make before it reaches the fault: others would be there sooner. */
function firstHasMetIt() {
  const flag = /:once=([^:,]+)/.exec(process.env.SWITCHYARD_FAULT ?? '')?.[1];
  return flag ? until(() => fs.existsSync(flag), 5000) : sleep(20);
}

const isWhole = async () => {
  const { workers, contexts } = await manager.health();
  const ready = workers.filter(({ state }) => state === 'ready');
  return ready.length === 2 && (plan.contextTypes === undefined || contexts.length === 2);
};

const scenarios = {
  /** Jobs from the first moment on. */
  async start() {
    await asMany(plan.count ?? 24, report.jobs, plan.options);
    if (plan.whole !== false)
      await Promise.race([
        manager.ready.then(() => {
          report.readyMs = performance.now() - started;
        }),
        after(14000),
      ]);
  },
  /** The first job meets the fault; the others come while that has its effect. */
  async service() {
    await manager.ready;
    await compile[plan.program]?.();
    const first = ask(report.jobs, plan.first);
    await firstHasMetIt();
    await asMany(plan.count ?? 24, report.jobs, plan.options);
    await first;
  },
  /** Parts of a job that is split: one of them meets the fault. */
  async split() {
    await manager.ready;
    ++asked;
    const input = gpu.tensor(new Float32Array(64_000 * 256).fill(2), [64_000, 256]);
    try {
      const job = { id: `j${asked}`, type: 'normalize', inputs: { input }, split: true };
      const { outputs, parts, attempts } = await manager.executeWorkload(job, plan.options);
      report.parts = parts.map((part) => part.attempts);
      report.attempts = attempts;
      report.jobs.ok = 1;
      if (!outputs.output.data.every((value) => value === 1 / 16)) ++report.wrong;
    } catch ({ code, message }) {
      report.jobs[code] = 1;
      report.messages = { [code]: message };
    }
  },
  /** A job that ends every worker it runs in; workers that start after it do without the fault. */
  async lethal() {
    await manager.ready;
    await compile[plan.program]?.();
    await ask(report.jobs, plan.first);
    delete process.env.SWITCHYARD_FAULT;
  },
  /** Many small jobs in one tick: they are joined. */
  async joined() {
    await manager.ready;
    await asMany(64, report.jobs, { size: 'small', factor: 3 });
  },
  /** Poison is what only one kind of context runs. */
  async poison() {
    await manager.ready;
    report.poison = {};
    report.unlucky = {};
    const side = 256,
      a = { data: new Float32Array(side * side), shape: [side, side], dtype: 'float32' };
    const busy = async (into, retries) => {
      const { code = 'ok' } = await manager
        .executeWorkload({ type: 'matmul', inputs: { a, b: a } }, { contextType: 'cpu', retries })
        .catch((error) => error);
      into[code] = (into[code] ?? 0) + 1;
      ++report.others;
    };
    report.others = 0;
    const poison = ask(report.poison, { contextType: 'vulkan', retries: 3 });
    const load = async (into, retries) => {
      while (!report.poison.ERR_WORKER_LOST && report.others < 20000) await busy(into, retries);
    };
    await Promise.all([
      poison,
      ...[0, 1, 2, 3, 4, 5].map((i) => (i % 2 ? load(report.jobs, 2) : load(report.unlucky, 0))),
    ]);
  },
  /** No worker ever starts; then what stood in the way is gone. */
  async crashLoop() {
    const failing = asMany(20, report.jobs, { timeout: 2500 });
    await sleep(2300);
    // On a busy machine deaths come later; that they come at all, and no faster, is what is looked at.
    for (let waits = 0; pids.size < (plan.forks ?? 0) && waits < 600; ++waits) await sleep(20);
    const { status, restarts } = await manager.health();
    Object.assign(report, { statusThen: status, restartsThen: restarts, forksThen: pids.size });
    await failing;
    delete process.env.SWITCHYARD_FAULT;
    delete process.env.SWITCHYARD_BROKEN;
    await manager.ready;
    report.readyMs = performance.now() - started;
  },
  /** A worker that died in service does not wait. */
  async deaths() {
    await manager.ready;
    report.forkedMs = [];
    for (let i = 0; i < 5; ++i) {
      const victim = Object.values(cluster.workers)[0];
      const at = performance.now();
      const ready = new Promise((resolve) => {
        manager.once('worker-ready', resolve);
      });
      cluster.once('fork', () => report.forkedMs.push(performance.now() - at));
      victim.process.kill('SIGKILL');
      await asMany(4, report.jobs);
      await ready;
    }
  },
  async stopped() {
    await manager.ready;
    const victim = Object.values(cluster.workers)[0];
    victim.process.kill('SIGSTOP');
    await asMany(plan.count ?? 24, report.jobs, plan.options);
    if (plan.goesOn) {
      await sleep(3000);
      report.contextsThen = (await manager.health()).contexts.map(({ state }) => state).sort();
      victim.process.kill('SIGCONT');
    }
  },
  async blocked() {
    await manager.ready;
    for (const worker of Object.values(cluster.workers)) worker.send({ block: 3000 });
    await sleep(50);
    const at = performance.now();
    await asMany(24, report.jobs);
    report.jobsMs = performance.now() - at;
    report.statusThen = (await manager.health()).status;
    await sleep(Math.max(0, 3100 - (performance.now() - at)));
  },
  /** A worker's own jobs on its own context. */
  async local() {
    await manager.ready;
    const answer = new Promise((resolve) => {
      cluster.on('message', (worker, message) => message.ran && resolve(message.ran));
    });
    Object.values(cluster.workers)[0].send({ run: 10, options: plan.options });
    const gone = new Promise((resolve) => {
      manager.once('worker-lost', () => resolve({ gone: true }));
    });
    report.local = await Promise.race([answer, after(8000)]);
    await Promise.race([gone, after(3000)]);
  },
};

async function main() {
  const awake = setInterval(() => {}, 1000); // a manager keeps nothing alive
  await scenarios[plan.scenario]();
  if (plan.whole !== false) await until(isWhole, 13000);
  report.isWhole = await isWhole();
  await asMany(10, report.later, plan.laterOptions);
  const health = await manager.health();
  Object.assign(report, {
    status: health.status,
    restarts: health.restarts,
    avoided: health.avoidedDevices,
    forks: pids.size,
  });
  report.running = health.queue.running + health.queue.depth;
  report.toldWrong = [...told].filter(
    ([id, times]) => id?.startsWith('j') && !id.startsWith('job') && times !== 1,
  ).length;
  report.outcomes =
    [...(await manager.prometheus()).matchAll(/^switchyard_requests_total\{.*?\} (\d+)/gm)].reduce(
      (sum, [, count]) => sum + Number(count),
      0,
    ) -
    asked -
    (report.others ?? 0);
  const at = performance.now();
  await manager.close();
  report.closeMs = performance.now() - at;
  await until(() => ![...pids].some(isAlive), 300);
  report.left = [...pids].filter(isAlive).length;
  clearInterval(awake);
  report.ms = performance.now() - started;
  process.stdout.write(JSON.stringify(report));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
