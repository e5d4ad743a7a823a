// A cluster that asks for the kernels argv[2...] on the folder of programs it is given. Prints what became of each as
// JSON.
'use strict';
const gpu = require('../../..');

const names = process.argv.slice(2);
const sourceOf = (number) => `#version 450
layout(local_size_x = 64) in;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) writeonly buffer Y { float y[]; };
void main() { y[gl_GlobalInvocationID.x] = x[gl_GlobalInvocationID.x] * ${number + 2}.0 + 1.0; }`;

async function main() {
  const manager = gpu.createGPUClusterManager({
    workers: 2,
    contextTypes: ['vulkan'],
    contextsPerWorker: 1,
    logLevel: 'warn',
  });
  await manager.ready;
  const told = { ids: [], cached: [], problems: [], right: [] };
  for (const [number, name] of names.entries()) {
    const kernel = await manager.compileKernel({ name, glsl: sourceOf(number) });
    told.ids.push(kernel.id);
    told.cached.push(kernel.cached);
    told.problems.push(kernel.problems.length);
    const { outputs } = await manager.executeWorkload({
      type: 'kernel',
      kernel,
      inputs: { x: new Float32Array(64).fill(5) },
      outputs: { y: { shape: [64] } },
      threads: 64,
    });
    told.right.push(outputs.y.data.every((value) => value === 5 * (number + 2) + 1));
  }
  await manager.close();
  process.stdout.write(`${JSON.stringify(told)}\n`);
}

main();
