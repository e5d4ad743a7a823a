// The parts of one job: all of them end well, or the job fails once, when its memory is free.
'use strict';
const { runParts } = require('../../../../lib/cluster/worker/split-parts');
const { GPUError } = require('../../../../lib/core');

/** A part whose end the test decides. */
function makePart() {
  const part = { isGivenUp: false };
  part.start = () =>
    new Promise((resolve, reject) => {
      Object.assign(part, { resolve, reject });
    });
  part.giveUp = () => {
    part.isGivenUp = true;
  };
  return part;
}

let parts, state, failed, waits;
beforeEach(() => {
  waits = [];
  parts = [makePart(), makePart(), makePart()];
  state = 'running';
  failed = undefined;
});
function run() {
  const running = runParts(
    parts,
    (error, i) => Object.assign(error, { message: `part ${i}: ${error.message}` }),
    (all, first) =>
      new Promise((resolve, reject) => {
        waits.push({ first, reject });
        all.then(resolve);
      }),
  );
  running.then(
    () => {
      state = 'done';
    },
    (error) => {
      state = 'failed';
      failed = error;
    },
  );
  return running;
}
const turn = () => new Promise(setImmediate);
const error = (code, released) => Object.assign(new GPUError(code, 'so it is'), released ? { released } : {});

test('gives all results in their order, and the one that came last', async () => {
  const running = run();
  parts[2].resolve('c');
  parts[0].resolve('a');
  await turn();
  expect(state).toBe('running');
  parts[1].resolve('b');
  expect(await running).toEqual({ results: ['a', 'b', 'c'], last: 'b' });
  expect(parts.some(({ isGivenUp }) => isGivenUp)).toBe(false);
});

test('a failure ends the others, and is told when they are through with their memory', async () => {
  run();
  parts[0].resolve('a');
  parts[1].reject(error('ERR_OUT_OF_MEMORY'));
  await turn();
  expect(parts[2].isGivenUp).toBe(true);
  expect(state).toBe('running');
  let release;
  parts[2].reject(error('ERR_CANCELED', new Promise((resolve) => (release = resolve))));
  await turn();
  expect(state).toBe('running');
  release();
  await turn();
  expect([state, failed.code, failed.message]).toEqual(['failed', 'ERR_OUT_OF_MEMORY', 'part 1: so it is']);
  expect(failed.released).toBeUndefined();
});

test('they are waited for no longer than the job may wait', async () => {
  run();
  parts[0].reject(error('ERR_OUT_OF_MEMORY'));
  await turn();
  expect(waits.map(({ first }) => first.code)).toEqual(['ERR_OUT_OF_MEMORY']);
  parts[1].reject(error('ERR_CANCELED', new Promise(() => {})));
  await turn();
  expect([waits.length, state]).toEqual([1, 'running']);
  waits[0].reject(error('ERR_TIMEOUT'));
  await turn();
  expect([state, failed.code]).toEqual(['failed', 'ERR_TIMEOUT']);
});

test.each(['ERR_TIMEOUT', 'ERR_CANCELED'])('%s is told at once, and `released` when all are through', async (code) => {
  run();
  const releases = [];
  const later = () => new Promise((resolve) => releases.push(resolve));
  parts[0].reject(error(code, later()));
  await turn();
  expect([state, failed.code]).toEqual(['failed', code]);
  parts[1].reject(error('ERR_CANCELED', later()));
  parts[2].resolve('c');
  let isFree = false;
  failed.released.then(() => {
    isFree = true;
  });
  releases[0]();
  await turn();
  expect(isFree).toBe(false);
  releases[1]();
  await turn();
  expect(isFree).toBe(true);
});
