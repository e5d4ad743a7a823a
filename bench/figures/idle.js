// What contexts cost that have nothing to do: CPU time of the whole process with one open on every device.
'use strict';
const { sleep, now } = require('../stats');
const { gpu, openContext, smallJob, squareJob } = require('./load');

async function percentOfACore(durationMs) {
  const before = process.cpuUsage(),
    start = now();
  await sleep(durationMs);
  const used = process.cpuUsage(before);
  return (100 * (used.user + used.system)) / 1000 / (now() - start);
}

async function measure({ durationMs }) {
  const bare = await percentOfACore(durationMs / 2),
    contexts = [],
    devices = gpu.devices().map((it) => it.id);
  for (const device of devices) {
    const context = await openContext(device);
    await context.run(smallJob());
    await context.run(squareJob(256));
    contexts.push(context);
  }
  await sleep(1000);
  const percent = await percentOfACore(durationMs);
  for (const context of contexts) await context.close();
  return { percent, bare, devices };
}

module.exports = { measure };
