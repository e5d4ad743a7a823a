// A process that has compiled nothing yet: asks for all programs of the soak, and tells which came from the disk and
// compute right.
'use strict';
const { createGPUClusterManager } = require('../..');
const { compileAndCheck } = require('./programs');

async function main(count) {
  const manager = createGPUClusterManager({ contextTypes: ['vulkan'], contextsPerWorker: 1, logLevel: 'silent' });
  await manager.ready;
  const told = { fromDisk: 0, compiled: 0, wrong: 0, problems: 0, examples: [] };
  for (let number = 0; number <= count; ++number) {
    // and one that nobody has asked for: its writing sweeps the folder
    const { cached, problems, right } = await compileAndCheck(manager, number);
    if (cached === 'disk') ++told.fromDisk;
    else ++told.compiled;
    if (!right) ++told.wrong;
    told.problems += problems.length;
    told.examples.push(...problems, ...(right ? [] : [`program ${number} of the disk computes wrong`]));
  }
  await manager.close();
  process.send(told, () => process.disconnect());
}

main(Number(process.argv[2]));
