// A process that is alone and runs out of descriptors: node no-descriptors.js, where few are allowed. Prints the codes
// of what it tried meanwhile, and what works afterwards, as JSON.
'use strict';
const gpu = require('../../..');
const { takeDescriptors, giveDescriptorsBack } = require('../descriptors');

const kOwnRegion = [20e6];

async function main() {
  const manager = gpu.createGPUClusterManager({ contextTypes: ['cpu'], contextsPerWorker: 1 });
  await manager.ready;
  /** @type {import('../../..').SharedTensor[]} */
  const tensors = [];
  const add = async (a) => {
    const { outputs } = await manager.executeWorkload({ type: 'add', inputs: { a, b: new Float32Array(3).fill(1) } });
    return [...outputs.output.data];
  };
  const make = async () => {
    const tensor = manager.sharedTensor(kOwnRegion);
    tensors.push(tensor);
    tensor.data[9] = 3;
    const { outputs } = await manager.executeWorkload({
      type: 'reduce',
      inputs: { input: tensor },
      params: { kind: 'sum' },
    });
    return outputs.output.data[0];
  };
  const made = [],
    added = [];
  const attempt = (work) => work().catch(({ code }) => code);
  await add(new Float32Array(3));
  for (const left of [0, 1, 2, 3]) {
    takeDescriptors(left);
    made.push(await attempt(make));
    added.push(await attempt(() => add(new Float32Array(3).fill(left))));
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
    giveDescriptorsBack();
    for (const tensor of tensors.splice(0)) tensor.release();
    manager.cleanup();
  }
  const last = await attempt(make);
  const { status } = await manager.health();
  console.log(JSON.stringify({ made, added, last, status }));
  await manager.close();
}

main();
