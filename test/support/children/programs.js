// Programs in a process without a cluster: node programs.js <scenario> [arguments]. Prints a line of JSON.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const gpu = require('../../..');
const { until } = require('../waiting');

const scaleBy = (factor) => `#version 450
layout(local_size_x = 64) in;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) writeonly buffer Y { float y[]; };
void main() {
  uint i = gl_GlobalInvocationID.x;
  if (i < x.length()) y[i] = x[i] * ${factor}.0 + 1.0;
}`;
const jobOf = (kernel) => ({
  type: 'kernel',
  kernel,
  inputs: { x: new Float32Array([1, 2, 3]) },
  outputs: { y: { shape: [3] } },
  threads: 3,
});
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const codeOf = (promise) =>
  promise.then(
    () => 'done',
    ({ code }) => code,
  );

function open(options) {
  const manager = gpu.createGPUClusterManager({ contextTypes: ['cpu', 'vulkan'], logLevel: 'silent', ...options });
  const run = async (kernel, more) => Array.from((await manager.executeWorkload(jobOf(kernel), more)).outputs.y.data);
  const events = [];
  manager.on('shader-compiled', ({ name }) => events.push(name));
  return { manager, run, events };
}

const scenarios = {
  /** A kernel that is swapped between a job's digest and its ask: one job after the digest was begun, one later. */
  async 'swap-while-hashing'() {
    const { manager, run } = open();
    const kernel = await manager.compileKernel({ name: 'swapped', glsl: scaleBy(2) });
    const next = await manager.compileKernel({ name: 'next', glsl: scaleBy(5) });
    const { id } = kernel;
    const { Program } = require('../../../lib/call');
    const { handle } = Program.use(next);
    const before = run(kernel, { cache: true });
    Program.swap(kernel, { handle, ms: 0, cached: false, problems: [] });
    const [old, fresh] = await Promise.all([before, run(kernel, { cache: true })]);
    await manager.close();
    say({ old, fresh, swapped: kernel.id !== id });
  },

  async restart() {
    const { manager, run, events } = open();
    await manager.ready;
    const programs = async () => (await manager.getMetrics()).totalShaders;
    await new Promise((resolve) => {
      setTimeout(resolve, 300);
    }); // for its page to tell
    const readyPrograms = await programs();
    const first = await manager.compileKernel({ name: 'first', glsl: scaleBy(2) }),
      second = await manager.compileKernel({ name: 'second', glsl: scaleBy(3) });
    const cached = [first.cached, second.cached];
    const results = [await run(first), await run(second)];
    await manager.close();
    say({ cached, results, readyPrograms, events });
  },

  async standalone() {
    const { manager, run } = open();
    const kernel = await manager.compileKernel({ name: 'single', glsl: scaleBy(2) });
    const results = [
      await run(kernel),
      await run(kernel, { priority: 1, affinity: 'x' }),
      await run(kernel, { contextType: 'vulkan' }),
    ];
    const types = [(await manager.executeWorkload(jobOf(kernel))).contextType];
    const cpuOnly = await codeOf(run(kernel, { contextType: 'cpu' }));
    await manager.close();
    const afterClose = [await codeOf(manager.compileKernel({ name: 'single', glsl: scaleBy(2) }))];
    const next = open();
    afterClose.push(await codeOf(next.run(kernel)));
    await next.manager.close();
    say({ results, types, afterClose, cpuOnly });
  },

  async 'cpu-only'() {
    const { manager, run } = open({ contextTypes: ['cpu'] });
    const kernel = await manager.compileKernel({ name: 'nowhere', glsl: scaleBy(2) });
    await run(kernel).catch(({ code, message }) => say({ code, message }));
    await manager.close();
  },

  async 'hot-reload'(file) {
    fs.writeFileSync(file, scaleBy(2));
    const { manager, run, events } = open();
    const failed = [];
    manager.on('shader-failed', (event) => failed.push(event));
    const compile = () => manager.compileKernel({ name: 'watched', glsl: { file } });
    const kernel = await compile();
    const ids = new Set([kernel.id]);
    const changes = async (write) => {
      const { id } = kernel;
      write();
      await until(() => kernel.id !== id, 10000, 'the kernel was swapped');
      ids.add(kernel.id);
      return run(kernel);
    };
    const first = await run(kernel);
    const changed = await changes(() => fs.writeFileSync(file, scaleBy(5)));
    const same = (await compile()) === kernel;
    fs.writeFileSync(file, scaleBy('not a number '));
    await until(() => failed.length, 10000, 'the mistake was told');
    const afterWrong = await run(kernel);
    // As editors do: beside it, then in its place.
    const renamed = await changes(() => {
      fs.writeFileSync(`${file}~`, scaleBy(7));
      fs.renameSync(`${file}~`, file);
    });
    await manager.close();
    fs.appendFileSync(file, '// nobody looks any more');
    say({
      first,
      changed,
      same,
      wrong: {
        name: failed[0].name,
        code: failed[0].code,
        line: failed[0].line,
        log: failed[0].log.includes(path.basename('watched')),
      },
      afterWrong,
      renamed,
      events,
      ids: ids.size,
    });
  },
};

scenarios[process.argv[2]](...process.argv.slice(3)).catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
});
