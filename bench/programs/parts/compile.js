// A cluster of two workers that compile the same sources: how long each call takes, and what the cluster says was
// compiled.
'use strict';
const cluster = require('node:cluster');
const path = require('node:path');
const { createGPUClusterManager } = require('../../..');
const { median, percentile } = require('../../stats');

function crewOf() {
  const waiting = new Map();
  let next = 0;
  cluster.on('message', (worker, { answer, result, error }) => {
    if (answer === undefined) return;
    const { resolve, reject } = waiting.get(answer);
    waiting.delete(answer);
    if (error) reject(new Error(error));
    else resolve(result);
  });
  const workers = Object.values(cluster.workers);
  return workers.map(
    (worker) => (operation, args) =>
      new Promise((resolve, reject) => {
        waiting.set(next, { resolve, reject });
        worker.send({ call: next++, operation, args });
      }),
  );
}

const us = (ms) => ms * 1000;
const countOf = (list, cached) => list.filter((it) => it.cached === cached).length;

// kernels: distinct sources. Some are compiled by one worker and then asked for by the other, as many by both at the
// same time.
async function measure({ kernels, repeats }) {
  const manager = createGPUClusterManager({
    workers: 2,
    exec: path.join(__dirname, '..', 'worker.js'),
    contextTypes: ['vulkan'],
    contextsPerWorker: 1,
    logLevel: 'error',
  });
  let announced = 0;
  manager.on('shader-compiled', () => {
    ++announced;
  });
  await manager.ready;
  const [first, second] = crewOf(),
    sets = [
      { from: 0, count: kernels },
      { from: kernels, count: kernels },
    ];
  await Promise.all([first('ready'), second('ready')]);
  const compiled = await first('compile', sets[0]),
    elsewhere = await second('compile', sets[0]);
  const both = (await Promise.all([first('compile', sets[1]), second('compile', sets[1])])).flat();
  const again = await first('again', { ...sets[0], repeats });
  const all = [...compiled, ...elsewhere, ...both],
    sources = 2 * kernels;
  const result = {
    sources,
    compilations: countOf(all, false),
    announced,
    asked: all.length + again.us.length,
    cachedAgain: again.cached,
    firstMs: median(compiled.map(({ ms }) => ms)),
    elsewhereUs: us(median(elsewhere.map(({ ms }) => ms))),
    elsewhereP99: us(
      percentile(
        elsewhere.map(({ ms }) => ms),
        99,
      ),
    ),
    againUs: median(again.us),
    againP99: percentile(again.us, 99),
    longestMs: Math.max(again.longestMs, ...[...compiled, ...both].map((it) => it.longestMs)),
  };
  await manager.close();
  return result;
}

module.exports = { measure };
