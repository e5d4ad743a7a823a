// A worker of faulty-cluster.js with a life of its own: it ends at once while SWITCHYARD_BROKEN is set, blocks its
// loop, or has jobs itself.
'use strict';
const gpu = require('../../..');

if (process.env.SWITCHYARD_BROKEN) process.exit(3);
process.on('SIGTERM', () => process.exit(0));
const manager = gpu.createGPUClusterManager({ logLevel: 'silent' });

process.on('message', async ({ block, run, options }) => {
  if (block) {
    const end = performance.now() + block;
    while (performance.now() < end);
  }
  if (!run) return;
  await manager.ready;
  const ran = {};
  await Promise.all(
    Array.from({ length: run }, async (_, i) => {
      const data = new Float32Array(40000).fill(i);
      const outcome = await manager
        .executeWorkload({ type: 'scale', inputs: { input: data }, params: { factor: 2 } }, options)
        .then(
          ({ outputs }) => (outputs.output.data.every((value) => value === 2 * i) ? 'ok' : 'wrong'),
          ({ code }) => code,
        );
      ran[outcome] = (ran[outcome] ?? 0) + 1;
    }),
  );
  process.send({ ran });
});
