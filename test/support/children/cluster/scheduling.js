// One worker with one context and a short queue, asked by the primary and by the worker itself.
'use strict';
const { random } = require('../../random-data');
const { assert, failure, expectClose } = require('../../assertions');
const { sleep, until } = require('../../waiting');
const { slowJob, scale } = require('../../jobs');

const kLimit = 5;
exports.options = { workers: 1, contextTypes: ['cpu'], contextsPerWorker: 1, queueLimit: kLimit };

/** Keeps the only context busy until the end, or until it is told to stop. */
async function occupy({ manager }, steps = 150) {
  const controller = new AbortController();
  const ended = manager
    .executeWorkload(slowJob(steps), { signal: controller.signal, timeout: 60000 })
    .catch((error) => error.released);
  await until(async () => (await manager.health()).queue.running === 1);
  return async () => {
    controller.abort();
    await ended;
    await until(async () => (await manager.health()).queue.running === 0);
  };
}

exports.inWorker = {
  flood: async ({ manager }, count) => {
    const codes = await Promise.all(
      Array.from({ length: count }, (_, i) =>
        manager.executeWorkload(scale(new Float32Array(10 + i)), { affinity: 'x' }).then(
          () => 'done',
          ({ code }) => code,
        ),
      ),
    );
    return codes;
  },
};

exports.cases = {
  'higher priorities go first, equal ones in order': async (trial) => {
    const free = await occupy(trial);
    const order = [];
    const jobs = [0, 5, -3, 10, 5].map((priority, i) =>
      trial.manager.executeWorkload(scale(new Float32Array(10), 1 + i), { priority }).then(() => order.push(i)),
    );
    await until(async () => (await trial.manager.health()).queue.depth === 5);
    await free();
    await Promise.all(jobs);
    assert.deepEqual(order, [3, 1, 4, 0, 2]);
  },

  'the queue takes exactly as many as it may': async (trial) => {
    const free = await occupy(trial);
    const events = [];
    const onFull = (event) => events.push(event);
    trial.manager.on('queue-full', onFull);
    const results = Array.from({ length: kLimit + 3 }, (_, i) =>
      trial.manager.executeWorkload(scale(new Float32Array(10 + i))).then(
        () => 'done',
        (error) => error,
      ),
    );
    const refused = await Promise.all(results.slice(kLimit));
    for (const error of refused) {
      assert.equal(error.code, 'ERR_QUEUE_FULL', String(error));
      assert.match(error.message, /5 jobs wait already/);
      assert.ok(error.retryAfter > 0 && Number.isFinite(error.retryAfter), String(error.retryAfter));
    }
    assert.equal((await trial.manager.health()).queue.depth, kLimit);
    assert.equal((await trial.manager.getMetrics()).performance.queueDepth, kLimit);
    assert.deepEqual(await trial.call(0, 'flood', 2), ['ERR_QUEUE_FULL', 'ERR_QUEUE_FULL']);
    await free();
    assert.deepEqual(await Promise.all(results.slice(0, kLimit)), Array(kLimit).fill('done'));
    trial.manager.removeListener('queue-full', onFull);
    assert.equal(events.length, 5); // in the primary all of them are heard of
    assert.ok(events.every(({ retryAfter }) => retryAfter > 0));
  },

  'a deadline passes in the queue': async (trial) => {
    const free = await occupy(trial);
    const start = performance.now();
    const error = await failure(trial.manager.executeWorkload(scale(random(100)), { timeout: 60 }), 'ERR_TIMEOUT');
    assert.ok(performance.now() - start < 500, `${performance.now() - start} ms`);
    await error.released;
    assert.ok(performance.now() - start < 800, `${performance.now() - start} ms`);
    assert.equal((await trial.manager.health()).queue.depth, 0);
    await free();
  },

  'a signal comes in the queue': async (trial) => {
    const free = await occupy(trial);
    const controller = new AbortController();
    const output = new Float32Array(1 << 16).fill(7);
    const waiting = trial.manager.executeWorkload(scale(random(1 << 16)), {
      signal: controller.signal,
      into: { output },
    });
    await until(async () => (await trial.manager.health()).queue.depth === 1);
    const start = performance.now();
    controller.abort();
    const error = await failure(waiting, 'ERR_CANCELED');
    await error.released;
    assert.ok(performance.now() - start < 800, `${performance.now() - start} ms`);
    assert.ok(output.every((x) => x === 7));
    await free();
  },

  'one signal for many jobs': async (trial) => {
    const free = await occupy(trial);
    const controller = new AbortController();
    const waiting = Array.from({ length: kLimit }, (_, i) =>
      failure(trial.manager.executeWorkload(scale(random(10 + i)), { signal: controller.signal }), 'ERR_CANCELED'),
    );
    await sleep(20);
    controller.abort();
    for (const error of await Promise.all(waiting)) await error.released;
    await free();
  },

  'what no context can do is refused, not kept waiting': async (trial) => {
    const start = performance.now();
    const error = await failure(
      trial.manager.executeWorkload(scale(random(10)), { contextType: 'cuda', timeout: 3000 }),
      'ERR_UNSUPPORTED',
    );
    assert.match(error.message, /cuda/);
    assert.ok(performance.now() - start < 1500);
  },

  'afterwards everything is as before': async (trial) => {
    expectClose((await trial.manager.ops.scale(random(10))).data, random(10));
    const { status, queue } = await trial.manager.health();
    assert.deepEqual([status, queue.depth, queue.running, queue.limit], ['ok', 0, 0, kLimit]);
  },
};
