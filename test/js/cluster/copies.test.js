// Plain tensors of jobs that go by way of the coordinator: a process that is alone copies none; elsewhere arrays are
// copied off the event loop, once for all jobs that are under way with them.
'use strict';
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { runChild } = require('../../support/run-child');

jest.setTimeout(60000);
const kBase = 4096 * 256 * 4;
const kSmall = 1 << 20;
const kOutput = 1024 * 1024 * 4;

async function run(args, env = {}) {
  const { code, stdout, stderr } = await runChild('copies.js', args, { nodeOptions: ['--no-warnings'], env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

test('a process that is alone copies nothing', async () => {
  const { steps, wrong, warnings } = await run(['alone']);
  expect(wrong).toEqual([]);
  expect(warnings).toEqual([]);
  for (const [name, { bytes, onLoop }] of Object.entries(steps))
    expect([name, bytes, onLoop]).toEqual([name, name === 'equal jobs' ? 2 * kOutput : 0, 0]);
});

test('in a cluster an array is copied once for all jobs under way, off the event loop if it is not small', async () => {
  const { steps, wrong, warnings } = await run(['cluster']);
  expect(wrong).toEqual([]);
  const { 'a small array': one, 'small arrays': many, ...others } = steps;
  expect(one).toEqual({ bytes: kSmall, onLoop: kSmall });
  expect(many).toEqual({ bytes: 8 * kSmall, onLoop: 2 * kSmall });
  for (const [name, { onLoop }] of Object.entries(others)) expect([name, onLoop]).toEqual([name, 0]);
  const copied = Object.fromEntries(Object.entries(steps).map(([name, { bytes }]) => [name, bytes]));
  expect(copied).toMatchObject({
    'one array, eight at a time': kBase,
    again: kBase,
    changed: kBase,
    'two arrays': 2 * kBase,
    outputs: 0,
    'into memory of the caller': kOutput,
    'equal jobs': 3 * kOutput, // with the input of the job before them
    much: 20 * kBase,
  });
  expect(warnings).toEqual(['SWITCHYARD_COPIES']); // once
});

describe('under a library that has its way with threads', () => {
  let folder, library;
  beforeAll(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-threads-'));
    library = path.join(folder, 'threads.so');
    const source = path.join(__dirname, '../../support/threads.c');
    execFileSync('cc', ['-O1', '-shared', '-fPIC', source, '-o', library, '-ldl']);
  });
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

  test('no copy outlives its jobs where the thread that made it is slow', async () => {
    const { steps, wrong } = await run(['cluster', 'few'], { LD_PRELOAD: library, SLOW_WAKES: 'yes' });
    expect(wrong).toEqual([]);
    const { 'one array, eight at a time': first, again, changed } = steps;
    expect([first, again, changed]).toEqual(Array(3).fill({ bytes: kBase, onLoop: 0 }));
  });

  test('what the event loop copies, where there is no thread for it, is told as that', async () => {
    const { steps, wrong } = await run(['cluster', 'few'], { LD_PRELOAD: library });
    expect(wrong).toEqual([]);
    expect(steps.changed).toEqual({ bytes: kBase, onLoop: 0 });
    expect(steps['no thread']).toEqual({ bytes: kBase, onLoop: kBase });
  });
});
