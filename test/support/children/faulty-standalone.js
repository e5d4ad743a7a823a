// A process without a cluster that loses its device: argv[2] is a context type. Prints how its jobs ended, before and
// after.
'use strict';
const { sleep } = require('../waiting');
const gpu = require('../../..');

async function main() {
  const contextTypes = [process.argv[2]];
  const manager = gpu.createGPUClusterManager({ contextTypes, contextsPerWorker: 1, logLevel: 'silent' });
  const lost = new Promise((resolve) => {
    manager.on('context-lost', resolve);
  });
  const report = {};
  const awake = setInterval(() => {}, 1000);
  await manager.ready;
  const data = new Float32Array(40000).fill(3);
  const ask = (options) =>
    manager
      .executeWorkload(
        { type: 'scale', inputs: { input: data }, params: { factor: 2 } },
        { timeout: 10000, ...options },
      )
      .then(
        ({ outputs }) => (outputs.output.data.every((value) => value === 6) ? 'ok' : 'wrong'),
        ({ code }) => code,
      );
  const many = async (options) => {
    const ends = await Promise.all(Array.from({ length: 20 }, () => ask(options)));
    return Object.fromEntries(
      [...new Set(ends)].sort().map((end) => [end, ends.filter((other) => other === end).length]),
    );
  };
  report.jobs = await many(process.argv[3] ? { retries: 0 } : undefined);
  await lost;
  report.statusThen = (await manager.health()).status;
  report.later = await many();
  await sleep(20);
  report.status = (await manager.health()).status;
  report.contexts = manager.contexts().map(({ id, state }) => `${id} ${state}`);
  const at = performance.now();
  await manager.close();
  report.closeMs = performance.now() - at;
  clearInterval(awake);
  process.stdout.write(JSON.stringify(report));
}

main();
