// Kernels over a cluster: compiled once, by one worker, and run by all; workers that end while they compile; what is
// refused, and how.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { assert, failure, expectClose } = require('../../assertions');
const { sleep, until } = require('../../waiting');
const { isAlive } = require('../../processes');

exports.options = { workers: 2, contextTypes: ['cpu', 'vulkan'], contextsPerWorker: 2 };

const scaleBy = (factor) => `#version 450
layout(local_size_x = 64) in;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Params { uint count; float add; };
void main() {
  uint i = gl_GlobalInvocationID.x;
  if (i >= count) return;
  y[i] = x[i] * ${factor}.0 + add;
}`;
const kCount = 1000;
const input = Float32Array.from({ length: kCount }, (_, i) => i);
const jobOf = (kernel, more) => ({
  type: 'kernel',
  kernel,
  inputs: { x: input },
  outputs: { y: { shape: [kCount] } },
  params: { count: kCount, add: 1 },
  threads: kCount,
  ...more,
});
const check = (result, factor) =>
  expectClose(
    result.outputs.y.data,
    input.map((value) => value * factor + 1),
  );

// Takes a compiler a while: functions that nobody calls, so that no driver sees them.
function slowSource() {
  const steps = Array.from({ length: 40 }, (_, i) => `v = sin(v) * ${i}.5 + cos(v + ${i}.25);`).join('\n  ');
  const functions = Array.from(
    { length: 600 },
    (_, i) => `float f${i}(float v) {\n  ${steps}\n  return v + ${i}.0;\n}`,
  );
  return scaleBy(1).replace('void main', () => `${functions.join('\n')}\nvoid main`);
}

exports.before = async (trial) => {
  trial.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-programs-'));
  process.env.SHADER_CACHE_DIR = trial.folder; // which the workers inherit
  trial.events = [];
};
exports.after = async (trial) => {
  fs.rmSync(trial.folder, { recursive: true, force: true });
};

exports.inWorker = {
  compile: async ({ manager }, name, factor) => {
    const events = [];
    const onEvent = (event) => events.push(event.name);
    manager.on('shader-compiled', onEvent);
    const kernel = await manager.compileKernel({ name, glsl: scaleBy(factor) });
    const { cached, id } = kernel;
    const again = await manager.compileKernel({ name, glsl: scaleBy(factor) });
    const result = await manager.executeWorkload(jobOf(kernel));
    const direct = await manager.executeWorkload(jobOf(kernel), { priority: 1, affinity: 'elsewhere' });
    manager.off('shader-compiled', onEvent);
    return {
      cached,
      id,
      same: again === kernel,
      nowCached: again.cached,
      values: Array.from(result.outputs.y.data.slice(0, 3)),
      elsewhere: Array.from(direct.outputs.y.data.slice(0, 3)),
      events,
    };
  },
};

exports.cases = {
  'one compilation for all who ask': async (trial) => {
    const { manager } = trial;
    manager.on('shader-compiled', (event) => trial.events.push(event));
    const kernels = await Promise.all(
      [3, 3, 3].map((factor) => manager.compileKernel({ name: 'scale', glsl: scaleBy(factor) })),
    );
    assert.equal(kernels[0], kernels[1]);
    const [kernel] = kernels;
    assert.deepEqual(
      [
        kernel.name,
        kernel.backends,
        kernel.groupSize,
        kernel.bindings.map(({ name }) => name),
        kernel.params.map(({ name }) => name),
      ],
      ['scale', ['vulkan'], [64, 1, 1], ['x', 'y'], ['count', 'add']],
    );
    const answers = await Promise.all([trial.call(0, 'compile', 'scale', 3), trial.call(1, 'compile', 'scale', 3)]);
    for (const answer of answers)
      assert.deepEqual(answer, {
        cached: 'cluster',
        id: kernel.id,
        same: true,
        nowCached: 'memory',
        values: [1, 4, 7],
        elsewhere: [1, 4, 7],
        events: [],
      });
    assert.deepEqual(
      trial.events.map(({ name }) => name),
      ['scale'],
    );
    assert.ok(trial.events[0].compilationTime > 0);
  },

  'asked for by a worker: the event is there and in the primary': async (trial) => {
    const answer = await trial.call(0, 'compile', 'by-worker', 5);
    assert.equal(answer.cached, false);
    assert.deepEqual(answer.events, ['by-worker']);
    await until(() => trial.events.some(({ name }) => name === 'by-worker'));
    const kernel = await trial.manager.compileKernel({ name: 'by-worker', glsl: scaleBy(5) });
    assert.equal(kernel.cached, 'cluster');
    assert.equal(kernel.id, answer.id);
    assert.equal(trial.events.length, 2);
  },

  'jobs on every worker, with all that jobs have': async ({ manager }) => {
    const kernel = await manager.compileKernel({ name: 'scale', glsl: scaleBy(3) });
    const results = await Promise.all(
      Array.from({ length: 40 }, (_, i) => manager.executeWorkload(jobOf(kernel), { priority: i % 3, timeout: 10000 })),
    );
    for (const result of results) {
      check(result, 3);
      assert.equal(result.contextType, 'vulkan');
    }
    assert.deepEqual([...new Set(results.map(({ workerId }) => workerId))].sort(), [1, 2]);
    const into = new Float32Array(kCount);
    const { outputs } = await manager.executeWorkload(jobOf(kernel), { into: { y: into } });
    assert.equal(outputs.y.data, into);
    expectClose(into.slice(0, 3), [1, 4, 7]);
    const shared = manager.sharedTensor([kCount]);
    shared.data.set(input);
    shared.seal();
    check(await manager.executeWorkload(jobOf(kernel, { inputs: { x: shared } })), 3);
    const twice = await Promise.all([1, 2].map(() => manager.executeWorkload(jobOf(kernel), { cache: true })));
    assert.deepEqual(twice.map(({ cached }) => cached).sort(), [false, true]);
    twice.forEach((result) => check(result, 3));
    const other = await manager.executeWorkload(jobOf(kernel, { params: { count: kCount, add: 2 } }), { cache: true });
    assert.equal(other.outputs.y.data[0], 2);
    shared.release();
  },

  'the metrics know programs': async ({ manager }) => {
    const metrics = await until(async () => {
      const now = await manager.getMetrics();
      return now.totalShaders >= 2 && now.cacheHitRate > 0 && now;
    });
    assert.ok(metrics.compilationTime > 0);
    assert.ok(metrics.memoryUsage.shaderCache > 0);
    assert.ok(manager.contexts().some(({ shaderCount }) => shaderCount > 0));
    assert.match(await manager.prometheus(), /switchyard_workload_jobs_total\{type="kernel"\} [1-9]/);
  },

  'what is refused, and how': async ({ manager }) => {
    const bad = async (options, code, message) => {
      const error = await failure(manager.compileKernel(options), code);
      assert.match(error.message, message);
      return error;
    };
    const { log, line, column } = await bad(
      { name: 'typo', glsl: scaleBy(3).replace('x[i] *', 'x[j] *') },
      'ERR_COMPILE',
      /kernel .typo.*'j'/,
    );
    assert.match(log, /'j' : undeclared identifier/);
    assert.equal(line, 9);
    assert.ok(column === undefined || column > 0);
    await bad(
      { name: 'no-entry', glsl: '#version 450\nlayout(local_size_x = 1) in;\nvoid other() {}' },
      'ERR_COMPILE',
      /./,
    );
    await bad({ name: 'junk', spirv: new Uint32Array([1, 2, 3]) }, 'ERR_COMPILE', /./);
    await bad({ name: 'odd', spirv: new Uint8Array(3) }, 'ERR_INVALID_ARGUMENT', /words of 4/);
    await bad({ name: 'none' }, 'ERR_INVALID_ARGUMENT', /has no source/);
    await bad({ name: '', glsl: 'x' }, 'ERR_INVALID_ARGUMENT', /name is ''/);
    await bad({ name: 'both', glsl: 'x', spirv: new Uint32Array(1) }, 'ERR_INVALID_ARGUMENT', /both glsl and spirv/);
    await bad(
      { name: 'large', glsl: ' '.repeat(2 ** 20 + 1) },
      'ERR_INVALID_ARGUMENT',
      /glsl has 1048577 bytes, but a source may have at most 1048576/,
    );
    await bad({ name: 'file', glsl: { file: '/nowhere/at/all.comp' } }, 'ERR_INVALID_ARGUMENT', /glsl can't be read/);
    await bad(
      { name: 'key', glssl: 'x' },
      'ERR_INVALID_ARGUMENT',
      /unknown option of compileKernel\(\) 'glssl' \(did you mean 'glsl'\?\)/,
    );
    const kernel = await manager.compileKernel({ name: 'scale', glsl: scaleBy(3) });
    const refused = async (more, code, message, options) =>
      assert.match((await failure(manager.executeWorkload(jobOf(kernel, more), options), code)).message, message);
    await refused({ threads: 0 }, 'ERR_INVALID_ARGUMENT', /threads/);
    await refused({ inputs: {} }, 'ERR_INVALID_ARGUMENT', /'x' is/);
    await refused(
      { inputs: { x: new Int32Array(kCount) } },
      'ERR_INVALID_ARGUMENT',
      /'x' is int32, but the source declares it as float32/,
    );
    await refused({ inputs: { x: input, z: input } }, 'ERR_INVALID_ARGUMENT', /unknown input 'z'/);
    await refused({ params: { count: 1 } }, 'ERR_INVALID_ARGUMENT', /parameter 'add' \(float\) is missing/);
    await refused({ params: { count: -1, add: 0 } }, 'ERR_INVALID_ARGUMENT', /parameter 'count' is -1/);
    await refused({ outputs: { y: { shape: [4], dtype: 'uint8' } } }, 'ERR_INVALID_ARGUMENT', /'y' is uint8/);
    await refused({}, 'ERR_UNSUPPORTED', /kernel 'scale' has code for Vulkan only/, { contextType: 'cpu' });
    await failure(manager.executeWorkload({ type: 'kernel', kernel: {} }), 'ERR_INVALID_ARGUMENT');
    // What was refused has cost nobody anything.
    check(await manager.executeWorkload(jobOf(kernel)), 3);
  },

  'the worker that compiles is killed: another one does it': async (trial) => {
    const { manager } = trial;
    const busy = manager.compileKernel({ name: 'slow', glsl: slowSource() });
    let isOver = false;
    busy.then(
      () => {
        isOver = true;
      },
      () => {
        isOver = true;
      },
    );
    await sleep(60);
    assert.equal(isOver, false);
    const [first, second] = trial.workers;
    // The one with the lowest number compiles for the primary.
    first.process.kill('SIGKILL');
    const kernel = await busy;
    assert.equal(kernel.name, 'slow');
    assert.ok(isAlive(second.process.pid));
    check(await manager.executeWorkload(jobOf(kernel)), 1);
    await until(() => trial.workers.length === 2 && manager.contexts().filter(({ isActive }) => isActive).length === 4);
  },

  'a kernel outlives the worker that has compiled it, and serves its successor': async (trial) => {
    const { manager } = trial;
    const kernel = await manager.compileKernel({ name: 'outlives', glsl: scaleBy(7) });
    for (const worker of trial.workers) worker.process.kill('SIGKILL');
    await until(
      () =>
        trial.workers.length === 2 &&
        manager.contexts().filter(({ isActive, contextType }) => isActive && contextType === 'vulkan').length === 2,
      15000,
    );
    check(await manager.executeWorkload(jobOf(kernel)), 7);
    const answer = await trial.call(0, 'compile', 'outlives', 7);
    assert.equal(answer.cached, 'cluster');
  },

  'frames of a stream are dropped, not queued, for a reader that is slow': async (trial) => {
    const { manager } = trial;
    const kernel = await manager.compileKernel({ name: 'scale', glsl: scaleBy(3) });
    assert.throws(() => manager.renderStream(jobOf(kernel)), { code: 'ERR_INVALID_ARGUMENT' });
    const controller = new AbortController();
    await assert.rejects(
      async () => {
        for await (const _ of manager.renderStream(() => ({ ...jobOf(kernel), type: 'kernel' }), {
          fps: 100,
          signal: controller.signal,
        })) {
          await sleep(30);
          controller.abort();
        }
      },
      { code: 'ERR_CANCELED' },
    );
    const frames = [];
    for await (const frame of manager.renderStream(() => jobOf(kernel), { fps: 100 })) {
      frames.push(frame);
      if (frames.length === 8) break;
      await sleep(35);
    }
    const last = frames[frames.length - 1];
    assert.ok(last.dropped > 0, `${JSON.stringify(frames)}`);
    for (let i = 1; i < frames.length; ++i) assert.ok(frames[i].frame > frames[i - 1].frame);
    assert.ok((await manager.getMetrics()).performance.queueDepth <= 1);
  },
};
