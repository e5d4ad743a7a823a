// A worker that asks at its very start: node early-questions.js. Prints the type of each answer, or its code.
'use strict';
const cluster = require('node:cluster');
const gpu = require('../../..');

const kQuestions = {
  jobs: [],
  why: ['nothing'],
  getMetrics: [],
  health: [],
  prometheus: [],
  memoryStats: ['no:0'],
};

async function ask(manager) {
  const answers = Object.entries(kQuestions).map(async ([name, given]) => {
    const answer = await manager[name](...given).then(
      (it) => typeof it,
      ({ code }) => code,
    );
    return [name, answer];
  });
  const report = Object.fromEntries(await Promise.all(answers));
  await manager.close();
  process.send({ report }, () => cluster.worker.disconnect());
}

async function lead(manager) {
  const worker = cluster.fork();
  let report;
  worker.on('message', (message) => {
    report ??= message.report;
  });
  await new Promise((resolve) => {
    worker.on('exit', resolve);
  });
  await manager.close();
  console.log(JSON.stringify(report));
}

const manager = gpu.createGPUClusterManager({ contextTypes: ['cpu'], contextsPerWorker: 1 });
if (cluster.isPrimary) lead(manager);
else ask(manager);
