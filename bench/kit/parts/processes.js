// What several contexts and processes cost each other.
'use strict';
const path = require('node:path');
const { BenchProcess } = require('../bench-process');
const { eachRow } = require('./native');

const kMega = 1e6;
const kSmall = 'add a=float32:1024:uniform b=float32:1024:uniform';

async function betweenContexts(run) {
  const { sameUs, turnsUs } = await run.ask(`switch ${run.seconds * 2}`);
  const detail = `a job of 1K on one context ${sameUs.toFixed(1)} us, on two in turns ${turnsUs.toFixed(1)}`;
  return { value: turnsUs - sameUs, limit: sameUs, fraction: Math.min(sameUs / turnsUs, 1), detail };
}

async function betweenProcesses(run) {
  const script = path.join(__dirname, '..', 'two-workers.js');
  const result = await run.command(process.execPath, [script, run.device, String(Math.round(run.seconds * 2000))]);
  if (result.code !== 0) throw new Error(`${result.how}: ${result.errors.trim().slice(-800)}`);
  const { sameUs, turnsUs } = JSON.parse(result.output.trim().split('\n').at(-1));
  const detail = `a job of 1K of one worker ${sameUs.toFixed(1)} us, of two in turns ${turnsUs.toFixed(1)}`;
  return { value: turnsUs - sameUs, limit: sameUs, fraction: Math.min(sameUs / turnsUs, 1), detail };
}

// On a card what another process sees of it, elsewhere what is resident.
async function memoryUse(run, watcher, of) {
  const here = await watcher.ask('memory', run.timeoutMs());
  if (run.device.startsWith('cuda')) return here.totalBytes - here.freeBytes;
  return of ? (await of.ask('memory', run.timeoutMs())).residentBytes : 0;
}

async function withProcesses(run, count, use) {
  const all = Array.from({ length: count }, () => new BenchProcess(run.paths.bench, run.device, run.env));
  try {
    return await use(...all);
  } finally {
    for (const one of all) one.kill();
  }
}

function memoryOfProcess(run) {
  return withProcesses(run, 2, async (watcher, other) => {
    const before = await memoryUse(run, watcher);
    await other.ask('context', run.timeoutMs());
    const after = await memoryUse(run, watcher, other);
    return { value: (after - before) / kMega, detail: 'with one context that has run a job' };
  });
}

function memoryOfContext(run) {
  const kMore = 4;
  return withProcesses(run, 2, async (watcher, other) => {
    await other.ask('context', run.timeoutMs());
    const before = await memoryUse(run, watcher, other);
    for (let i = 0; i < kMore; ++i) await other.ask('context', run.timeoutMs());
    const after = await memoryUse(run, watcher, other);
    return { value: (after - before) / kMore / kMega, detail: `${kMore} more, each with a job` };
  });
}

const kContexts = {
  'switch between contexts of a process': betweenContexts,
  'switch between processes': betweenProcesses,
  'memory of a process': memoryOfProcess,
  'memory of a context': memoryOfContext,
};
const contexts = (run) => eachRow(run, (row) => kContexts[row.name](run));

function twoProcesses(run) {
  const side = run.isCard ? 1024 : 256;
  const words = {
    'two processes, small jobs': kSmall,
    'two processes, matmul 1024': `matmul a=float32:${side}x${side}:uniform b=float32:${side}x${side}:uniform`,
  };
  return eachRow(run, (row) =>
    withProcesses(run, 2, async (first, second) => {
      const seconds = run.seconds * 2;
      const spin = async (one) => {
        const { runs, seconds: took } = await one.ask(`spin ${seconds} ${words[row.name]}`, run.timeoutMs());
        return runs / took;
      };
      const alone = await spin(first);
      await spin(second); // warm
      const [a, b] = await Promise.all([spin(first), spin(second)]);
      const detail = `one alone ${alone.toFixed(0)}, two at once ${a.toFixed(0)} and ${b.toFixed(0)}`;
      return { value: a + b, limit: 2 * alone, fraction: (a + b) / (2 * alone), detail };
    }),
  );
}

module.exports = { contexts, 'two-processes': twoProcesses };
