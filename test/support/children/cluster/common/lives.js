// Signals, deadlines, and what a manager tells: contexts, metrics, health, memory, events.
'use strict';
const { assert, failure, expectClose } = require('../../../assertions');
const { slowJob, scale } = require('../../../jobs');
const { sleep } = require('../../../waiting');
const { random } = require('../../../random-data');

exports['a signal, before and while the job runs'] = async ({ manager }) => {
  const early = await failure(manager.executeWorkload(slowJob(3), { signal: AbortSignal.abort() }), 'ERR_CANCELED');
  await early.released;
  const controller = new AbortController();
  const start = performance.now();
  setTimeout(() => controller.abort(new Error('mine')), 60);
  const error = await failure(manager.executeWorkload(slowJob(150), { signal: controller.signal }), 'ERR_CANCELED');
  assert.equal(error.cause.message, 'mine');
  assert.ok(performance.now() - start < 1500);
  await error.released;
  assert.ok(performance.now() - start < 3000);
  expectClose((await manager.ops.scale(random(5))).data, random(5));
};

exports['a deadline while the job runs'] = async ({ manager }) => {
  const start = performance.now();
  const error = await failure(manager.executeWorkload(slowJob(150), { timeout: 80 }), 'ERR_TIMEOUT');
  assert.match(error.message, /80 ms/);
  assert.ok(performance.now() - start < 1500);
  await error.released;
  assert.ok(performance.now() - start < 3000);
};

exports['contexts, metrics, health, memory'] = async ({ manager }) => {
  const contexts = manager.contexts();
  assert.ok(contexts.length >= 1);
  for (const context of contexts) {
    assert.deepEqual(Object.keys(context), [
      'id',
      'workerId',
      'contextType',
      'device',
      'state',
      'isActive',
      'lastUsed',
      'memoryUsage',
      'memoryLimit',
      'shaderCount',
      'jobsRun',
    ]);
    assert.match(context.state, /^(idle|busy)$/);
    assert.equal(context.isActive, true);
    assert.equal(context.memoryLimit, 512 * 2 ** 20);
  }
  const metrics = await manager.getMetrics();
  assert.equal(metrics.totalContexts, contexts.length);
  assert.equal(metrics.activeContexts, contexts.length);
  assert.deepEqual(Object.keys(metrics.memoryUsage.contexts).sort(), contexts.map(({ id }) => id).sort());
  assert.ok(metrics.performance.latency.p99 >= metrics.performance.latency.p50 && metrics.performance.latency.p50 > 0);
  assert.equal(metrics.performance.queueDepth, 0);
  const health = await manager.health();
  assert.equal(health.status, 'ok');
  assert.equal(health.draining, false);
  assert.equal(health.queue.depth, 0);
  assert.ok(health.contexts.every(({ lastKnownAnswerAgeMs }) => lastKnownAnswerAgeMs >= 0));
  const memory = await manager.memoryStats(contexts[0].device);
  assert.deepEqual(Object.keys(memory), ['allocatedMb', 'reservedMb', 'maxAllocatedMb', 'totalMb', 'utilizationPct']);
  assert.ok(memory.totalMb > 0);
  assert.match(await manager.prometheus(), /switchyard_requests_total\{outcome="completed"\} [1-9]/);
  manager.cleanup();
};

exports["events of this process's jobs, each once"] = async ({ manager }) => {
  const seen = [];
  const names = ['workload-completed', 'workload-failed'];
  const listeners = names.map((name) => (event) => seen.push([name, event]));
  names.forEach((name, i) => manager.on(name, listeners[i]));
  await manager.executeWorkload({ ...scale(random(10)), id: 'good' });
  await failure(manager.executeWorkload({ type: 'scale', inputs: {}, id: 'bad' }), 'ERR_INVALID_ARGUMENT');
  await failure(manager.executeWorkload({ ...slowJob(150), id: 'late' }, { timeout: 40 }), 'ERR_TIMEOUT').then(
    ({ released }) => released,
  );
  await sleep(20);
  names.forEach((name, i) => manager.removeListener(name, listeners[i]));
  assert.deepEqual(
    seen.map(([name, event]) => [name, event.workloadId, event.code]),
    [
      ['workload-completed', 'good', undefined],
      ['workload-failed', 'bad', 'ERR_INVALID_ARGUMENT'],
      ['workload-failed', 'late', 'ERR_TIMEOUT'],
    ],
  );
  const { type, context, duration, memoryUsage } = seen[0][1];
  assert.equal(type, 'scale');
  assert.ok(manager.contexts().some(({ id }) => id === context));
  assert.ok(duration >= 0 && memoryUsage >= 0);
};
