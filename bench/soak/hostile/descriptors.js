// A process that runs out of descriptors, to be started below `ulimit -n`: it makes shared memory until there is none
// to be had, asks for jobs all the while, and lets go again. Prints what became of them.
'use strict';
const fs = require('node:fs');
const { createGPUClusterManager } = require('../../..');
const { sleep } = require('../../stats');

const kBytes = 16 * 2 ** 20;
const kTensors = 200;

async function main(rounds) {
  const manager = createGPUClusterManager({ contextTypes: ['cpu'], contextsPerWorker: 1, logLevel: 'silent' });
  await manager.ready;
  const counts = { rounds, right: 0, wrong: 0, refused: {} };
  const job = async () => {
    try {
      const { outputs } = await manager.executeWorkload({
        type: 'scale',
        inputs: { input: new Float32Array(65536).fill(1) },
        params: { factor: 2 },
      });
      if (outputs.output.data.every((value) => value === 2)) ++counts.right;
      else ++counts.wrong;
    } catch (error) {
      counts.refused[error.code] = (counts.refused[error.code] ?? 0) + 1;
    }
  };
  const descriptors = () => fs.readdirSync('/proc/self/fd').length;
  let before = 0; // of the first round, which leaves a spare region
  for (let round = 0; round < rounds; ++round) {
    const held = [];
    for (let i = 0; i < kTensors; ++i) {
      try {
        held.push(manager.sharedTensor([kBytes / 4]));
      } catch (error) {
        counts.refused[error.code] = (counts.refused[error.code] ?? 0) + 1;
        break;
      }
      if (i % 4 === 0) await job();
    }
    await Promise.all([job(), job(), job(), job()]);
    for (const tensor of held) tensor.release();
    manager.cleanup();
    await sleep(20);
    await job();
    if (round === 0) before = descriptors();
  }
  const after = descriptors();
  await manager.close();
  console.log(JSON.stringify({ ...counts, descriptors: after - before }));
}

main(Number(process.argv[2])).catch((error) => {
  console.error(error);
  process.exit(1);
});
