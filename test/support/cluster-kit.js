// What the children of the cluster's tests share: jobs that take a while, waiting, failures that must come,
// comparisons.
'use strict';
const assert = require('node:assert/strict');
const fs = require('node:fs');
const gpu = require('../..');

const sleep = (ms) =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

async function until(condition, ms = 10000, what = condition) {
  const end = performance.now() + ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > end) throw new Error(`after ${ms} ms still not: ${what}`);
    await sleep(5);
  }
}

/** The error a promise is rejected with, whose code must be `code`. */
async function failure(promise, code) {
  let value;
  try {
    value = await promise;
  } catch (error) {
    assert.equal(error.code, code, `${error.stack}`);
    return error;
  }
  return assert.fail(`it was expected to fail with ${code}, but gave ${JSON.stringify(value)?.slice(0, 200)}`);
}

function close(actual, expected, tolerance = 1e-5, what = 'output') {
  const got = Array.from(actual),
    want = Array.from(expected).flat(Infinity);
  assert.equal(got.length, want.length, `${what}: its length`);
  for (let i = 0; i < want.length; ++i)
    if (!(Math.abs(got[i] - want[i]) <= tolerance * (1 + Math.abs(want[i]))))
      assert.fail(`${what}[${i}] is ${got[i]}, but should be ${want[i]}`);
}

const kSide = 1024;
let identity;

/** A job of some 25 ms a step on one core, that can be stopped between its steps. */
function slowJob(steps) {
  if (!identity) {
    identity = gpu.tensor(new Float32Array(kSide * kSide), [kSide, kSide]);
    for (let i = 0; i < kSide; ++i) identity.data[i * kSide + i] = 1;
  }
  const nodes = Array.from({ length: steps }, (_, i) => ({
    type: 'matmul',
    inputs: { a: i ? `x${i}` : 'x', b: 'x' },
    outputs: { output: `x${i + 1}` },
  }));
  nodes.push({ type: 'reduce', inputs: { input: `x${steps}` }, params: { kind: 'sum' }, outputs: { output: 'sums' } });
  return { type: 'graph', inputs: { x: identity }, nodes, outputs: ['sums'] };
}

const scale = (input, factor = 2) => ({ type: 'scale', inputs: { input }, params: { factor } });

/** How many of this package's memories a process has open. */
function memories(pid = process.pid) {
  let names;
  try {
    names = fs.readdirSync(`/proc/${pid}/fd`);
  } catch {
    return 0;
  }
  return names.filter((name) => {
    try {
      return fs.readlinkSync(`/proc/${pid}/fd/${name}`).includes('memfd:switchyard');
    } catch {
      return false;
    }
  }).length;
}

/** The abstract unix addresses on which somebody listens. */
function abstractNames() {
  return fs
    .readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .map((line) => / @(\S+)$/.exec(line)?.[1])
    .filter(Boolean);
}

function isAlive(pid) {
  try {
    return fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '')[0] !== 'Z';
  } catch {
    return false;
  }
}

module.exports = { assert, sleep, until, failure, close, slowJob, scale, memories, abstractNames, isAlive };
