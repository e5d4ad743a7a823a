// Workers that end, block or leave in the middle: nobody else notices but by the time it takes.
'use strict';
const { random } = require('../../random-data');
const { assert, failure, expectClose } = require('../../assertions');
const { sleep, until } = require('../../waiting');
const { slowJob, scale } = require('../../jobs');
const { isAlive } = require('../../processes');

exports.options = { workers: 2, contextTypes: ['cpu'], contextsPerWorker: 1 };

exports.inWorker = {
  // An answer goes out before the loop stops.
  block: (_, ms) => {
    setTimeout(() => {
      for (const end = performance.now() + ms; performance.now() < end;);
    }, 30);
  },
  exitSoon: async ({ manager }, how) => {
    setTimeout(() => {
      manager.executeWorkload(slowJob(50), { affinity: 'leaving' }).catch(() => {});
    }, 30);
    setTimeout(() => {
      if (how === 'throw') throw new Error('on purpose');
      process.exit(7);
    }, 120);
    if (how === 'throw') process.on('uncaughtException', () => process.exit(8));
  },
  busy: ({ manager }) => {
    manager.executeWorkload(slowJob(100)).catch(() => {});
  },
  leave: async ({ manager }) => {
    await manager.close();
  },
  afterLeaving: ({ manager }) =>
    manager.executeWorkload(scale(new Float32Array(4))).then(
      () => 'done',
      ({ code }) => code,
    ),
};

const busyWorker = async ({ manager }) =>
  (await until(() => manager.contexts().find(({ state }) => state === 'busy'))).workerId;
const allReady = ({ manager }) => until(() => manager.contexts().filter(({ isActive }) => isActive).length === 2);

async function killWhileRunning(trial, options) {
  const job = trial.manager.executeWorkload(slowJob(15), options);
  job.catch(() => {});
  const id = await busyWorker(trial);
  const victim = trial.workers.find((worker) => worker.id === id);
  await sleep(40);
  victim.process.kill('SIGKILL');
  return { job, id };
}

exports.cases = {
  'a job whose worker is killed runs again elsewhere': async (trial) => {
    const events = [];
    const listeners = ['worker-lost', 'worker-ready'].map((name) => {
      const listener = (event) => events.push([name, event]);
      trial.manager.on(name, listener);
      return () => trial.manager.removeListener(name, listener);
    });
    const { job, id } = await killWhileRunning(trial);
    const result = await job;
    assert.equal(result.attempts, 2);
    assert.notEqual(result.workerId, id);
    assert.ok(result.outputs.sums.data.every((x) => x === 1));
    await until(() => events.length === 2);
    assert.deepEqual(
      events.map(([name]) => name),
      ['worker-lost', 'worker-ready'],
    );
    assert.equal(events[0][1].workerId, id);
    assert.notEqual(events[1][1].workerId, id);
    assert.deepEqual(events[1][1].contexts, [`${events[1][1].workerId}-cpu-0`]);
    listeners.forEach((remove) => remove());
    await allReady(trial);
    const health = await trial.manager.health();
    assert.equal(health.status, 'ok');
    assert.deepEqual(health.restarts, { crash: 1 });
  },

  'without retries it fails': async (trial) => {
    const { job } = await killWhileRunning(trial, { retries: 0 });
    const error = await failure(job, 'ERR_WORKER_LOST');
    assert.match(error.message, /retries: 0/);
    await allReady(trial);
  },

  'many small jobs under way while a worker is killed: each is settled once, rightly': async (trial) => {
    let settled = 0;
    const jobs = Array.from({ length: 400 }, async (_, i) => {
      const { outputs } = await trial.manager.executeWorkload(scale(new Float32Array(2000 + i).fill(i), 3));
      ++settled;
      assert.ok(outputs.output.data.every((x) => x === 3 * i));
    });
    trial.workers[0].process.kill('SIGKILL');
    await Promise.all(jobs);
    assert.equal(settled, 400);
    await allReady(trial);
  },

  'a worker that asked and is killed takes its jobs along': async (trial) => {
    const requester = trial.workers[0];
    for (let i = 0; i < 3; ++i) await trial.call(requester, 'busy');
    await until(() => trial.manager.contexts().every(({ state }) => state === 'busy'));
    requester.process.kill('SIGKILL');
    await until(() => !isAlive(requester.process.pid));
    await allReady(trial);
    await until(async () => {
      const { queue } = await trial.manager.health();
      return queue.running === 0 && queue.depth === 0;
    }, 3000);
    expectClose((await trial.manager.ops.scale(random(5))).data, random(5));
  },

  'a worker whose loop is blocked runs the jobs of others, and is seen': async (trial) => {
    const [first] = trial.workers;
    let affinity;
    for (let i = 0; !affinity; ++i) {
      const { workerId } = await trial.manager.executeWorkload(slowJob(1), { affinity: `home ${i}` });
      if (workerId === first.id) affinity = `home ${i}`;
    }
    await trial.call(first, 'block', 2500);
    await sleep(100);
    const start = performance.now();
    const results = await Promise.all(
      Array.from({ length: 4 }, () => trial.manager.executeWorkload(slowJob(1), { affinity })),
    );
    const took = performance.now() - start;
    assert.ok(took < 2000, `${took} ms`);
    assert.ok(results.every(({ workerId }) => workerId === first.id));
    const health = await trial.manager.health();
    assert.ok(health.workers.find(({ id }) => id === first.id).loopAgeMs > 100);
    assert.ok((await trial.manager.getMetrics()).performance.contextSwitches > 0);
    assert.equal(await trial.call(first, 'afterLeaving'), 'done');
  },

  'process.exit() and an uncaught exception in a worker, in the middle': async (trial) => {
    for (const how of ['exit', 'throw']) {
      const [first] = trial.workers;
      const jobs = [1, 2, 3, 4].map(() => trial.manager.executeWorkload(slowJob(6)));
      await trial.call(first, 'exitSoon', how);
      for (const { outputs } of await Promise.all(jobs)) assert.ok(outputs.sums.data.every((x) => x === 1));
      await until(() => !isAlive(first.process.pid));
      await allReady(trial);
    }
  },

  'a worker that closes its manager leaves; the others go on': async (trial) => {
    const [first, second] = trial.workers;
    const jobs = [1, 2, 3].map(() => trial.manager.executeWorkload(slowJob(3)));
    await trial.call(first, 'leave');
    assert.equal(await trial.call(first, 'afterLeaving'), 'ERR_CLOSED');
    for (const { outputs } of await Promise.all(jobs)) assert.ok(outputs.sums.data.every((x) => x === 1));
    assert.equal((await trial.manager.executeWorkload(scale(random(4)))).workerId, second.id);
    assert.ok(isAlive(first.process.pid), "the process is the application's own");
    assert.deepEqual(
      trial.manager.contexts().map(({ workerId }) => workerId),
      [second.id],
    );
  },
};
