// Managers made and closed: node --expose-gc closed-managers.js <count> [run]. Prints the descriptors and the memory
// that are left of them.
'use strict';
const fs = require('node:fs');
const gpu = require('../../..');
const { scale } = require('../jobs');
const { sleep, until } = require('../waiting');

const options = { contextTypes: ['cpu'], contextsPerWorker: 1, logLevel: 'silent' };
const descriptors = () => fs.readdirSync('/proc/self/fd').length;

async function megabytes() {
  for (let i = 0; i < 3; ++i) {
    global.gc();
    await sleep(20);
  }
  return process.memoryUsage.rss() / 1e6;
}

async function live(runs) {
  const manager = gpu.createGPUClusterManager(options);
  if (runs) await manager.executeWorkload(scale(new Float32Array(4)));
  await manager.close();
}

async function main(count, runs) {
  for (let i = 0; i < (runs ? 100 : 300); ++i) await live(runs); // what is made once, compiled code among it
  const before = { descriptors: descriptors(), megabytes: await megabytes() };
  let most = 0;
  for (let i = 0; i < count; ++i) {
    await live(runs);
    most = Math.max(most, descriptors());
  }
  await until(() => descriptors() <= before.descriptors, 2000);
  const after = { descriptors: descriptors(), megabytes: await megabytes() };
  console.log(
    JSON.stringify({
      most: most - before.descriptors,
      descriptors: after.descriptors - before.descriptors,
      megabytes: after.megabytes - before.megabytes,
    }),
  );
}
main(Number(process.argv[2]), process.argv[3] === 'run');
