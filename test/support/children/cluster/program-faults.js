// Programs that never end, that reach far outside of their tensors, and a cache on disk that is not as it was left: the
// cluster goes on.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { assert, failure } = require('../../assertions');
const { sleep, until } = require('../../waiting');
const { endless, endlessJob } = require('../../endless-kernel');

process.env.CONTEXT_SWITCH_TIMEOUT = '1000';
exports.options = { workers: 2, contextTypes: ['cpu', 'vulkan'], contextsPerWorker: 2 };

exports.before = async (trial) => {
  trial.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-programs-'));
  process.env.SHADER_CACHE_DIR = trial.folder; // which the workers inherit
};
exports.after = async (trial) => {
  fs.rmSync(trial.folder, { recursive: true, force: true });
};

const kCount = 4096;
const input = Float32Array.from({ length: kCount }, (_, i) => i);
const good = `#version 450
layout(local_size_x = 64) in;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Params { float factor; };
void main() { y[gl_GlobalInvocationID.x] = x[gl_GlobalInvocationID.x] * factor; }`;
const goodJob = (kernel, factor) => ({
  type: 'kernel',
  kernel,
  inputs: { x: input },
  outputs: { y: { shape: [kCount] } },
  params: { factor },
  threads: kCount,
});
const isGood = ({ outputs }, factor) => outputs.y.data.every((value, i) => value === i * factor);

/** Jobs of both kinds, one after the other, until it is told to stop. How many there were. */
function traffic({ manager }, kernel) {
  const state = { done: 0, stop: false };
  const lane = async (factor) => {
    while (!state.stop) {
      const onCpu = factor % 2,
        data = Float32Array.from({ length: 300 + factor }, () => factor);
      const result = await manager.executeWorkload(
        onCpu ? { type: 'scale', inputs: { input: data }, params: { factor: 3 } } : goodJob(kernel, factor),
      );
      if (onCpu) assert.ok(result.outputs.output.data.every((value) => value === 3 * factor));
      else assert.ok(isGood(result, factor), `kernel times ${factor}`);
      ++state.done;
    }
  };
  const lanes = Promise.all([1, 2, 3, 4].map(lane));
  lanes.catch(() => {});
  return {
    state,
    ended: () => {
      state.stop = true;
      return lanes;
    },
  };
}

exports.cases = {
  'a kernel that never ends costs its deadline and one worker': async (trial) => {
    const { manager } = trial;
    const lost = [];
    const onLost = (event) => lost.push({ ...event, at: performance.now() });
    manager.on('worker-lost', onLost);
    const before = new Set(trial.workers.map(({ process: { pid } }) => pid));
    const kernel = await manager.compileKernel({ name: 'good', glsl: good }),
      stuck = await manager.compileKernel({ name: 'endless', glsl: endless });
    const { ended, state } = traffic(trial, kernel);
    await sleep(100);
    const start = performance.now();
    const error = await failure(manager.executeWorkload(endlessJob(stuck), { timeout: 1500 }), 'ERR_TIMEOUT');
    const rejected = performance.now() - start;
    assert.ok(rejected > 1400 && rejected < 2500, `rejected after ${rejected} ms`);
    assert.match(error.message, /1500 ms/);
    await error.released;
    await until(() => lost.length);
    const ms = lost[0].at - start - 1500;
    assert.ok(ms > 900 && ms < 4000, `ended ${ms} ms after the deadline`);
    assert.equal(lost[0].reason, 'hang');
    await until(
      () => manager.contexts().filter(({ isActive }) => isActive).length === 4,
      10000,
      'all contexts are back',
    );
    await sleep(500);
    const { done } = state;
    await ended();
    assert.ok(done > 20, `${done} other jobs`);
    manager.off('worker-lost', onLost);
    assert.equal(lost.length, 1, 'no second worker');
    const after = trial.workers.map(({ process: { pid } }) => pid);
    assert.equal(after.length, 2);
    assert.equal(after.filter((pid) => before.has(pid)).length, 1);
    const { status, restarts, queue } = await manager.health();
    assert.deepEqual([status, restarts, queue.running], ['ok', { hang: 1 }, 0]);
    // On every context that can run it.
    const ran = new Set();
    await until(async () => {
      const results = await Promise.all([5, 6, 7, 8].map((factor) => manager.executeWorkload(goodJob(kernel, factor))));
      results.forEach((result, i) => {
        assert.ok(isGood(result, 5 + i));
        ran.add(result.contextId);
      });
      return ran.size === 2;
    });
  },

  'two that never end at a time, one of them canceled': async (trial) => {
    const { manager } = trial;
    const stuck = await manager.compileKernel({ name: 'endless', glsl: endless }),
      kernel = await manager.compileKernel({ name: 'good', glsl: good });
    const controller = new AbortController();
    const jobs = [
      failure(manager.executeWorkload(endlessJob(stuck), { signal: controller.signal }), 'ERR_CANCELED'),
      failure(manager.executeWorkload(endlessJob(stuck), { timeout: 700 }), 'ERR_TIMEOUT'),
    ];
    await sleep(300);
    const waiting = manager.executeWorkload(goodJob(kernel, 9)); // behind them
    controller.abort();
    await Promise.all((await Promise.all(jobs)).map(({ released }) => released));
    assert.ok(isGood(await waiting, 9));
    await until(
      () => manager.contexts().filter(({ isActive }) => isActive).length === 4,
      10000,
      'all contexts are back',
    );
    assert.deepEqual((await manager.health()).restarts, { hang: 3 });
  },

  'a worker whose own job never ends is ended': async (trial) => {
    const { manager } = trial;
    const pid = trial.workers[0].process.pid;
    await failure(trial.call(0, 'stuck'), undefined);
    await until(
      () => manager.contexts().filter(({ isActive }) => isActive).length === 4,
      10000,
      'all contexts are back',
    );
    assert.ok(trial.workers.every((worker) => worker.process.pid !== pid));
    assert.deepEqual((await manager.health()).restarts, { hang: 4 });
  },

  "indices far outside: zeros or anything of its own, and nobody else's data": async ({ manager }) => {
    const wild = await manager.compileKernel({
      name: 'wild',
      glsl: `#version 450
layout(local_size_x = 64) in;
layout(binding = 0) readonly buffer X { uint x[]; };
layout(binding = 1) buffer Y { uint y[]; };
layout(push_constant) uniform Params { uint first; uint step; };
void main() {
  uint at = first + gl_GlobalInvocationID.x * step;
  uint seen = x[at];
  y[at] = 0xdeadbeefu;
  y[gl_GlobalInvocationID.x] = seen;
}`,
    });
    const kernel = await manager.compileKernel({ name: 'good', glsl: good });
    const secret = 0x5ec2e7a1;
    const run = (first, step) =>
      manager.executeWorkload({
        type: 'kernel',
        kernel: wild,
        inputs: { x: new Uint32Array(64).fill(7) },
        outputs: { y: { shape: [256], dtype: 'uint32' } },
        params: { first, step },
        threads: 256,
      });
    // Tensors of others, before and after it in the same slab of the same contexts, in flight at the same time.
    for (let round = 0; round < 6; ++round) {
      const others = Array.from({ length: 8 }, (_, i) => manager.executeWorkload(goodJob(kernel, 10 + i)));
      const secrets = Array.from({ length: 4 }, () =>
        manager.executeWorkload({
          type: 'kernel',
          kernel: wild,
          inputs: { x: new Uint32Array(20000).fill(secret) },
          outputs: { y: { shape: [20000], dtype: 'uint32' } },
          params: { first: 0, step: 1 },
          threads: 20000,
        }),
      );
      const wilds = [
        [1000, 1],
        [20000, 64],
        [2 ** 20, 4096],
        [2 ** 30, 1],
        [2 ** 32 - 256, 1],
        [64, 1],
      ].map(([first, step]) => run(first, step));
      for (const { outputs } of await Promise.all(wilds)) {
        const values = new Set(outputs.y.data);
        assert.ok(!values.has(secret), "it sees what is another's");
        for (const value of values) assert.ok([0, 7, 0xdeadbeef].includes(value), `it sees ${value.toString(16)}`);
      }
      (await Promise.all(others)).forEach((result, i) => assert.ok(isGood(result, 10 + i)));
      for (const { outputs } of await Promise.all(secrets))
        assert.ok(outputs.y.data.every((value) => value === secret));
    }
    assert.equal((await manager.health()).restarts.crash, undefined);
  },

  'cleanup() lets programs go, and they are made again when they are needed': async ({ manager }) => {
    const kernel = await manager.compileKernel({ name: 'good', glsl: good });
    await Promise.all([1, 2, 3, 4].map((factor) => manager.executeWorkload(goodJob(kernel, factor))));
    const total = async () => (await manager.getMetrics()).totalShaders;
    await until(async () => (await total()) > 0);
    manager.cleanup();
    await until(async () => (await total()) === 0, 5000, 'no programs are kept');
    assert.ok(isGood(await manager.executeWorkload(goodJob(kernel, 5)), 5));
    await until(async () => (await total()) > 0);
  },
};

exports.inWorker = {
  stuck: async ({ manager }) => {
    const kernel = await manager.compileKernel({ name: 'endless', glsl: endless });
    const error = await manager.executeWorkload(endlessJob(kernel), { timeout: 300 }).catch((caught) => caught);
    await error.released; // which it does not live to see
  },
};
