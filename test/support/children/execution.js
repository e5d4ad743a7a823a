// Jobs on contexts of a process of its own: argv says on which device. Prints what it has seen, as JSON.
'use strict';
const fs = require('node:fs');
const gpu = require('../../..');

const kContexts = 6;
const [device] = process.argv.slice(2);

/** @param {number} ms */
function block(ms) {
  for (const until = performance.now() + ms; performance.now() < until;);
}

/** The names of this process's threads. */
function threads() {
  return fs.readdirSync('/proc/self/task').flatMap((id) => {
    try {
      return [fs.readFileSync(`/proc/self/task/${id}/comm`, 'utf8').trim()];
    } catch {
      return []; // it has ended
    }
  });
}

async function main() {
  const contexts = await Promise.all(Array.from({ length: kContexts }, () => gpu.createContext({ device })));
  const side = 96;
  const a = gpu.tensor(new Float32Array(side * side).fill(1), [side, side]);
  const jobs = contexts.flatMap((context) =>
    Array.from({ length: 20 }, () => context.run({ type: 'matmul', inputs: { a, b: a } })),
  );
  const read = await fs.promises.readFile(__filename, 'utf8');
  const results = await Promise.all(jobs);
  const right = results.filter(({ outputs }) => outputs.output.data.every((value) => value === side)).length;
  // A job that is asked and not waited for goes on while the loop is blocked.
  const asked = performance.now();
  const beside = contexts.map((context) => context.run({ type: 'matmul', inputs: { a, b: a } }));
  block(400);
  const ended = await Promise.all(beside);
  const slowest = Math.max(...ended.map(({ timings }) => timings.total));
  await Promise.all(contexts.map((context) => context.close()));
  process.stdout.write(
    JSON.stringify({
      right,
      read: read.length > 0,
      blocked: performance.now() - asked >= 400,
      slowest,
      threads: laneThreads,
    }),
  );
}

let laneThreads = 0;
const look = setInterval(() => {
  laneThreads = Math.max(laneThreads, threads().filter((name) => name === 'switchyard-lane').length);
}, 1);
main().finally(() => clearInterval(look));
