// Jobs through Node's own cluster messages: the payload goes from this worker to the primary, to the other worker, and
// back the same way. There the same engine computes, in a context of its own.
'use strict';
const cluster = require('node:cluster');
const gpu = require('../../..');
const { makeJob, check } = require('../job');

const waiting = new Map();
let context,
  others,
  asText,
  lastId = 0;

async function open({ workers, threads, json }) {
  context = await gpu.createContext({ device: 'cpu', threads });
  others = workers.filter((id) => id !== cluster.worker.id);
  asText = json;
  process.on('message', (message) => {
    if (message.ask) serve(message);
    else if (message.result) {
      waiting.get(message.id)(message);
      waiting.delete(message.id);
    }
  });
}

async function serve({ from, id, what, payload }) {
  const { outputs, timings } = await context.run(
    jobOf(what).workload({ data: decode(payload), shape: jobOf(what).shape, dtype: 'float32' }),
  );
  process.send({ result: true, to: from, id, payload: encode(outputs.output.data), compute: timings.compute });
}

// An array is the best that JSON can do with a typed array: as an object it would name every index.
const encode = (data) => (asText ? Array.from(data) : data);
const decode = (payload) => (asText ? Float32Array.from(payload) : payload);

const jobs = new Map();
function jobOf(what) {
  if (!jobs.has(what)) jobs.set(what, makeJob(what));
  return jobs.get(what);
}

function ask(what, data) {
  const id = lastId++;
  return new Promise((resolve) => {
    waiting.set(id, resolve);
    process.send({ ask: true, to: others[0], from: cluster.worker.id, id, what, payload: encode(data) });
  });
}

async function prepare({ what, to }) {
  const job = jobOf(what);
  if (to === 'self') {
    const workload = job.workload({ data: job.data, shape: job.shape, dtype: 'float32' });
    return async () => (await context.run(workload)).timings.compute;
  }
  const answer = await ask(what, job.data);
  check(decode(answer.payload), job);
  return async () => {
    const { payload, compute } = await ask(what, job.data);
    decode(payload);
    return compute;
  };
}

module.exports = { open, prepare, prepareMany: prepare };
