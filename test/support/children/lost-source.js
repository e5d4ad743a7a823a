// A tensor on a device that is lost, used on another one: node lost-source.js FROM TO, in the fault build, with an
// order for FROM's backend. Prints what became of each step.
'use strict';
const gpu = require('../../..');

const [from, to] = process.argv.slice(2);
const outcome = (promise) =>
  promise.then(
    () => 'ok',
    ({ code, message }) => `${code}: ${message}`,
  );

async function main() {
  const one = await gpu.createContext({ device: from });
  const two = await gpu.createContext({ device: to });
  const data = new Float32Array(40_000).fill(2); // too large to run inside the call
  const held = await one.upload(data);
  const scale = (/** @type {unknown} */ input) => two.run({ type: 'scale', inputs: { input }, params: { factor: 3 } });
  const steps = {
    before: await outcome(scale(held)),
    lost: await outcome(one.run({ type: 'add', inputs: { a: held, b: held } })),
    after: await outcome(scale(held)),
    moved: await outcome(two.upload(held)),
    others: await outcome(scale(data)),
  };
  const isLost = two.lost;
  const used = two.memoryUsage.used;
  const again = await gpu.createContext({ device: from });
  const anew = await outcome(again.run({ type: 'scale', inputs: { input: held } }));
  await Promise.all([one, two, again].map((context) => context.close()));
  console.log(JSON.stringify({ steps, isLost, used, anew }));
}
main();
