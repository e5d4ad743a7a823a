// Piscina: threads of one process. What is larger than a few KB lies in SharedArrayBuffers, made once and used again.
'use strict';
const path = require('node:path');
const { Piscina } = require('../../node_modules/piscina');
const { makeJob, check } = require('../job');
const measure = require('../measure');

const runs = new Map();
let pool, inScript;

// javascript: the threads compute in JavaScript, in place, instead of with the engine, which takes no shared buffers.
async function open({ threads, count, javascript }) {
  inScript = javascript;
  pool = new Piscina({
    filename: path.join(__dirname, '..', 'ways', 'thread.js'),
    minThreads: count,
    maxThreads: count,
    maxQueue: Infinity,
    workerData: { threads, javascript },
  });
}

function shared(data) {
  const copy = new Float32Array(new SharedArrayBuffer(data.byteLength));
  copy.set(data);
  return copy;
}

async function prepareOne(what) {
  const job = makeJob(what),
    small = what <= 4096;
  const input = small ? job.data : shared(job.data),
    output = small ? undefined : shared(new Float32Array(job.data.length));
  const first = await pool.run({ what, input, output });
  check(small ? first.output : output, job);
  return async () => (await pool.run({ what, input, output })).compute;
}

async function prepare({ name, what, width, warmMs }) {
  if (inScript && what <= 4096) throw new Error('small jobs are not computed in JavaScript');
  const free = [];
  for (let i = 0; i < (width ?? 1); ++i) free.push(await prepareOne(what));
  const run = async () => {
    const lane = free.pop(),
      compute = await lane();
    free.push(lane);
    return compute;
  };
  if (width) await measure.many(run, { width, budgetMs: warmMs });
  else await measure.warm(run, { warmMs });
  runs.set(name, run);
}

module.exports = {
  open,
  prepare,
  each: ({ name, ...args }) => measure.each(runs.get(name), args),
  many: ({ name, ...args }) => measure.many(runs.get(name), args),
};
