// A kernel of one's own, in GLSL and in CUDA C++, compiled once and run over a cluster: old evidence counts for less.
//   node examples/custom-kernel.js
'use strict';
const gpu = require('..');

const glsl = `#version 450
layout(local_size_x = 64) in;
layout(binding = 0) readonly buffer Relevance { float relevance[]; };
layout(binding = 1) readonly buffer Age { float age[]; };
layout(binding = 2) writeonly buffer Score { float score[]; };
layout(push_constant) uniform Params { uint count; float halfLife; };

void main() {
  uint i = gl_GlobalInvocationID.x;
  if (i >= count) return;
  score[i] = relevance[i] * exp2(-age[i] / halfLife);
}`;

const cuda = `
extern "C" __global__ void recency(
    const float* relevance, const float* age, float* score, unsigned count, float halfLife) {
  unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  score[i] = relevance[i] * exp2f(-age[i] / halfLife);
}`;

const kCount = 1 << 18,
  kHalfLife = 30,
  kJobs = 16;

function evidence(seed) {
  const relevance = Float32Array.from({ length: kCount }, (_, i) => ((i * 7919 + seed) % 1000) / 1000);
  const age = Float32Array.from({ length: kCount }, (_, i) => (i * 31 + seed) % 365);
  return { relevance, age };
}

// The largest difference from what JavaScript computes in double precision.
function largestError({ relevance, age }, score) {
  let error = 0;
  for (let i = 0; i < kCount; ++i)
    error = Math.max(error, Math.abs(score[i] - relevance[i] * 2 ** (-age[i] / kHalfLife)));
  return error;
}

async function main() {
  const manager = gpu.createGPUClusterManager({ workers: 2 });
  await manager.ready;
  const kernel = await manager.compileKernel({
    name: 'recency',
    glsl,
    cuda,
    bindings: ['relevance', 'age', 'score', 'count', 'halfLife'],
  });
  console.log(
    `compiled '${kernel.name}' for ${kernel.backends.join(' and ')} in ${kernel.compilationTime.toFixed(1)} ms`,
  );

  const jobs = Array.from({ length: kJobs }, async (_, seed) => {
    const inputs = evidence(seed);
    const { outputs, contextId, timings } = await manager.executeWorkload({
      type: 'kernel',
      kernel,
      inputs,
      outputs: { score: { shape: [kCount], dtype: 'float32' } },
      params: { count: kCount, halfLife: kHalfLife },
      threads: kCount,
    });
    return { contextId, ms: timings.total, error: largestError(inputs, outputs.score.data) };
  });
  const done = await Promise.all(jobs);
  for (const id of [...new Set(done.map(({ contextId }) => contextId))].sort())
    console.log(`${id} ran ${done.filter(({ contextId }) => contextId === id).length} of ${kJobs} jobs`);
  console.log(
    `largest error against double precision: ${Math.max(...done.map(({ error }) => error)).toExponential(1)}`,
  );

  const again = await manager.compileKernel({
    name: 'recency',
    glsl,
    cuda,
    bindings: ['relevance', 'age', 'score', 'count', 'halfLife'],
  });
  console.log(`asked for again: ${again === kernel ? 'the same kernel, nothing was compiled' : 'compiled again'}`);
  await manager.close();
}

main().catch((error) => {
  console.error(error.code === 'ERR_COMPILE' ? `${error.message}\n${error.log}` : error.message);
  process.exitCode = 1;
});
