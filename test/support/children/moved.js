// A tensor that goes from device to device of a cluster: node moved.js BACKENDS. What a job of one device has made is
// sealed and read by jobs on all the others. Prints what the asking process has copied meanwhile, how much shared
// memory the whole took, where jobs ran, and what was wrong.
'use strict';
const gpu = require('../../..');
const { native } = require('../../../lib/addon');

const kLength = 1 << 20; // elements: 4 MB
const kJobs = 8; // at once, so that every worker has some

async function main(backends) {
  const manager = gpu.createGPUClusterManager({
    workers: 2,
    contextTypes: backends,
    contextsPerWorker: backends.length,
    logLevel: 'error',
  });
  await manager.ready;
  const ran = new Set();
  const wrong = [];
  const first = manager.sharedTensor([kLength], 'float32');
  first.data.forEach((_, i) => (first.data[i] = i % 1000));
  first.seal();
  const outputs = [first, ...backends.map(() => manager.sharedTensor([kLength], 'float32'))];
  const sums = backends.map(() => Array.from({ length: kJobs }, () => manager.sharedTensor([], 'float32')));
  const copiesBefore = native.copyCounts();
  const useBefore = native.sharedUse();

  for (const [i, contextType] of backends.entries()) {
    // made on one device ...
    const made = await manager.executeWorkload(
      { type: 'scale', inputs: { input: outputs[i] }, params: { offset: 1 } },
      { contextType, into: { output: outputs[i + 1] } },
    );
    outputs[i + 1].seal();
    // ... and read on all of another kind, in whichever process
    const reader = backends[(i + 1) % backends.length];
    const results = await Promise.all(
      sums[i].map((into) =>
        manager.executeWorkload(
          { type: 'reduce', inputs: { input: outputs[i + 1] }, params: { kind: 'max' } },
          { contextType: reader, into: { output: into } },
        ),
      ),
    );
    for (const { contextId } of [made, ...results]) ran.add(contextId);
    for (const [j, { data }] of sums[i].entries())
      if (data[0] !== 1000 + i) wrong.push(`maximum ${j} after ${i + 1} steps is ${data[0]}`);
  }
  const [bytes, onLoop] = native.copyCounts().map((count, i) => count - copiesBefore[i]);
  const more = native.sharedUse().usedBytes - useBefore.usedBytes;
  outputs.at(-1).data.forEach((value, i) => {
    if (value !== (i % 1000) + backends.length) wrong.push(`element ${i} is ${value}`);
  });
  await manager.close();
  console.log(JSON.stringify({ bytes, onLoop, more, ran: [...ran].sort(), wrong: wrong.slice(0, 5) }));
}
main(process.argv.slice(2));
