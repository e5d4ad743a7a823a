// Workers killed while they compile programs and write them to disk: every program that comes of it must be there
// whole, or not at all.
'use strict';
const cluster = require('node:cluster');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { fork } = require('node:child_process');
const { createGPUClusterManager } = require('../..');
const { sleep, median, round } = require('../stats');

const kFunctions = 600; // of a source
const kTogether = 2; // sources asked for at a time: one for each worker
const kAnswerMs = 30_000;
const kCheckMs = 120_000;
const input = Float32Array.from({ length: 64 }, (_, i) => i);

/**
 * Multiplies by a number of its own. The functions are called by nobody, so that they take the compiler a while but no
 * driver.
 */
function sourceOf(number) {
  const functions = Array.from(
    { length: kFunctions },
    (_, i) => `float f${i}(float v) { return sin(v * ${i}.5) + cos(v + ${i}.25) * sqrt(abs(v)); }`,
  );
  return {
    name: `soak-${number}`,
    glsl: `#version 450
layout(local_size_x = 64) in;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) writeonly buffer Y { float y[]; };
${functions.join('\n')}
void main() {
  uint i = gl_GlobalInvocationID.x;
  if (i < x.length()) y[i] = x[i] * ${number + 1}.0 + ${number % 17}.0;
}`,
  };
}
const expected = (number, i) => input[i] * (number + 1) + (number % 17);

/** Compiles, and compares what the kernel computes. Gives where it was found, and what was wrong. */
async function compileAndCheck(manager, number) {
  const kernel = await manager.compileKernel(sourceOf(number));
  const { cached, problems } = kernel;
  const { outputs } = await manager.executeWorkload({
    type: 'kernel',
    kernel,
    inputs: { x: input },
    outputs: { y: { shape: [input.length] } },
    threads: input.length,
  });
  return { cached, problems, right: outputs.y.data.every((value, i) => value === expected(number, i)) };
}

function filesBelow(folder, ending) {
  return fs.readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(ending));
}

class Killer {
  kills = 0;
  beforeTheAnswer = 0;
  whileWriting = 0;
  #manager;
  #ready = new Set();
  #onSign = () => {};
  #watchers;
  constructor(manager, folder) {
    this.#manager = manager;
    for (const { workerId } of manager.contexts()) this.#ready.add(workerId);
    manager.on('worker-ready', ({ workerId }) => this.#ready.add(workerId));
    manager.on('worker-lost', ({ workerId }) => this.#ready.delete(workerId));
    // All shelves are there from the start, so that each can be watched for the first sign of a file that is being
    // written.
    this.#watchers = Array.from({ length: 256 }, (_, i) => {
      const shelf = path.join(folder, 'programs', i.toString(16).padStart(2, '0'));
      fs.mkdirSync(shelf, { recursive: true, mode: 0o700 });
      return fs.watch(shelf, (_event, name) => {
        if (name?.endsWith('.tmp')) this.#onSign(path.join(shelf, name));
      });
    });
  }
  /** Resolves when the cluster knows: what is asked for next is not given to it. */
  #kill() {
    const ids = [...this.#ready],
      worker = cluster.workers[ids[Math.floor(Math.random() * ids.length)]];
    if (!worker) return undefined;
    this.#ready.delete(worker.id);
    const lost = new Promise((resolve) => {
      const onLost = ({ workerId }) => {
        if (workerId !== worker.id) return;
        this.#manager.off('worker-lost', onLost);
        resolve();
      };
      this.#manager.on('worker-lost', onLost);
    });
    worker.process.kill('SIGKILL');
    ++this.kills;
    return lost;
  }
  // One worker that is in service, at some moment while a program is made: after a while, or as soon as it is written.
  async killDuring(asked, compileMs) {
    let answered = false;
    asked
      .finally(() => {
        answered = true;
      })
      .catch(() => {});
    const sign = new Promise((resolve) => {
      this.#onSign = resolve;
    });
    const file = await (Math.random() < 0.5
      ? Promise.race([sign, asked.then(() => {})])
      : sleep(Math.random() * 1.2 * compileMs));
    this.#onSign = () => {};
    let lost;
    while (!(lost = this.#kill())) await sleep(5); // all are being replaced
    if (!answered) ++this.beforeTheAnswer;
    await lost;
    if (file && fs.existsSync(file)) ++this.whileWriting;
  }
  close() {
    for (const watcher of this.#watchers) watcher.close();
  }
}

const within = (promise, ms, what) => {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: no answer within ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

/** What a process that has compiled nothing makes of the folder. */
function checkAnew(folder, count) {
  return within(
    new Promise((resolve, reject) => {
      const child = fork(path.join(__dirname, 'programs-check.js'), [String(count)], {
        env: { ...process.env, SHADER_CACHE_DIR: folder },
      });
      child.on('message', resolve);
      child.on('exit', (code, signal) =>
        reject(new Error(`the process that checks the folder ended with ${signal ?? code}`)),
      );
    }),
    kCheckMs,
    'the check of the folder',
  );
}

async function runProgramsSoak({ kills, workers = 2 }, say = () => {}) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-soak-'));
  process.env.SHADER_CACHE_DIR = folder; // which the workers inherit
  const started = performance.now();
  const awake = setInterval(() => {}, 1000);
  const manager = createGPUClusterManager({
    workers,
    contextTypes: ['vulkan'],
    contextsPerWorker: 1,
    logLevel: 'silent',
    timeout: kAnswerMs,
  });
  const examples = [],
    counts = { asked: 0, wrong: 0, failed: 0, problems: 0 };
  const killer = new Killer(manager, folder);
  const note = (text) => {
    if (examples.length < 5) examples.push(text);
  };
  let next = 0;
  const ask = async () => {
    const number = next++;
    ++counts.asked;
    try {
      const { right, problems } = await within(compileAndCheck(manager, number), kAnswerMs, `program ${number}`);
      if (!right) {
        ++counts.wrong;
        note(`program ${number} computes wrong`);
      }
      counts.problems += problems.length;
      problems.forEach(note);
    } catch (error) {
      ++counts.failed;
      note(`program ${number}: ${error.code ?? ''} ${error.message}`);
    }
  };
  try {
    await manager.ready;
    const times = [];
    for (let i = 0; i < 5; ++i) {
      const at = performance.now();
      await manager.compileKernel(sourceOf(next++));
      times.push(performance.now() - at);
    }
    const compileMs = median(times);
    say(`a program takes ${round(compileMs)} ms; ${kills} kills`);
    while (killer.kills < kills) {
      const asked = Promise.all(Array.from({ length: kTogether }, ask));
      await killer.killDuring(asked, compileMs);
      await asked;
    }
    const health = await manager.health();
    await manager.close();
    say('a process anew');
    const onDisk = filesBelow(folder, '.swp').length;
    const again = await checkAnew(folder, next);
    again.examples.forEach(note);
    const left = filesBelow(folder, '.tmp').length;
    const ok =
      !counts.wrong &&
      !counts.failed &&
      !counts.problems &&
      !again.wrong &&
      !again.problems &&
      again.fromDisk === onDisk &&
      left === 0;
    return {
      ok,
      seconds: round((performance.now() - started) / 1000),
      compileMs: round(compileMs),
      programs: counts,
      kills: { all: killer.kills, beforeTheAnswer: killer.beforeTheAnswer, whileWriting: killer.whileWriting },
      restarts: health.restarts,
      onDisk,
      again: { fromDisk: again.fromDisk, compiled: again.compiled, wrong: again.wrong, problems: again.problems },
      left,
      examples,
    };
  } finally {
    clearInterval(awake);
    killer.close();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

module.exports = { runProgramsSoak, compileAndCheck };
