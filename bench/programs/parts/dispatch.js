// The shader of middle size through a context: compiling, the first run, those after it, and how late the event loop
// was meanwhile.
'use strict';
const gpu = require('../../..');
const { middle } = require('../sources');
const { watchingLoop } = require('../loop');
const { now, median } = require('../../stats');

function jobOf(kernel) {
  const { width, height, palette, time, water } = middle;
  return {
    type: 'kernel',
    kernel,
    inputs: { palette },
    outputs: { picture: { shape: [height, width], dtype: 'float32' } },
    params: { width, height, time, water },
    threads: [width, height],
  };
}

async function measure({ later }) {
  const context = await gpu.createContext({ device: 'vulkan' }),
    times = { later: [] };
  const timed = async (run) => {
    const from = now(),
      value = await run();
    return { value, ms: now() - from };
  };
  const { longestMs } = await watchingLoop(async () => {
    const compiled = await timed(() => context.compileKernel({ name: 'terrain', glsl: middle.glsl() }));
    const job = jobOf(compiled.value),
      first = await timed(() => context.run(job));
    times.compile = compiled.ms;
    times.cached = compiled.value.cached;
    times.first = first.ms;
    times.picture = first.value.outputs.picture.data;
    times.second = (await timed(() => context.run(job))).ms;
    for (let i = 0; i < later; ++i) times.later.push((await timed(() => context.run(job))).ms);
  });
  const { name, driver } = context.device;
  await context.close();
  return { ...times, later: median(times.later), longestMs, device: `${name}, ${driver}` };
}

module.exports = { measure };
