// Watched sources without a compiler: what a file held last is what runs, however saves and compilations overlap.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { HotReload } = require('../../../lib/program/hot-reload');
const { Kernel } = require('../../../lib/call/program');
const { checkKernel, filesOf } = require('../../../lib/program/source');

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const kMaxMs = 5000;

let folder;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-watched-'));
});
afterEach(() => {
  fs.rmSync(folder, { recursive: true, force: true });
});

async function until(what) {
  for (const end = Date.now() + kMaxMs; Date.now() < end;) {
    if (what()) return;
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
  throw new Error(`not within ${kMaxMs} ms: ${what}`);
}

/** A kernel of one file; obtained versions are answered by the test, in any order. */
async function setUp(first = 'one') {
  const file = path.join(folder, 'k.comp');
  const asked = [],
    events = [];
  const versionOf = (glsl, more) => ({
    handle: {
      id: Buffer.from(glsl.padEnd(32)).toString('hex'),
      info: {
        kind: 'kernel',
        name: 'k',
        bindings: [],
        params: [],
        attributes: [],
        groupSize: [1, 1, 1],
        vulkan: true,
        cuda: false,
      },
    },
    ms: 1,
    cached: false,
    problems: [],
    ...more,
  });
  const reload = new HotReload({
    make: async (sources) => new Kernel(sources.name, versionOf(sources.glsl), { closed: false }),
    obtain: (sources) =>
      new Promise((resolve, reject) => {
        asked.push({
          glsl: sources.glsl,
          answer: (more) => resolve(versionOf(sources.glsl, more)),
          refuse: (message) =>
            reject(Object.assign(new Error(message), { code: 'ERR_COMPILE', log: message, line: 3, column: 7 })),
        });
      }),
    log: quiet,
    emit: (name, event) => events.push({ event: name, ...event }),
  });
  fs.writeFileSync(file, first);
  const checked = checkKernel({ name: 'k', glsl: { file } });
  const kernel = await reload.find(checked, filesOf(checked));
  const runs = () => Buffer.from(kernel.id, 'hex').toString().trim();
  return { reload, file, asked, events, kernel, runs };
}

test('saved again without a change while it is compiled, it is swapped all the same', async () => {
  const { reload, file, asked, events, runs } = await setUp();
  fs.writeFileSync(file, 'two');
  await until(() => asked.length === 1);
  fs.writeFileSync(file, 'two');
  await new Promise((resolve) => {
    setTimeout(resolve, 300);
  });
  expect(asked).toHaveLength(1);
  asked[0].answer();
  await until(() => events.length === 1);
  expect(runs()).toBe('two');
  reload.close();
});

test('and that it does not compile is said all the same', async () => {
  const { reload, file, asked, events, runs } = await setUp();
  fs.writeFileSync(file, 'two');
  await until(() => asked.length === 1);
  fs.utimesSync(file, 1, 1);
  await new Promise((resolve) => {
    setTimeout(resolve, 300);
  });
  asked[0].refuse('no');
  await until(() => events.length === 1);
  expect(events[0]).toEqual({
    event: 'shader-failed',
    name: 'k',
    code: 'ERR_COMPILE',
    message: 'no',
    log: 'no',
    line: 3,
    column: 7,
  });
  expect(runs()).toBe('one');
  reload.close();
});

test('of two compilations the later save wins, whichever ends first; so does what was there before', async () => {
  const { reload, file, asked, events, runs } = await setUp();
  fs.writeFileSync(file, 'two');
  await until(() => asked.length === 1);
  fs.writeFileSync(file, 'three');
  await until(() => asked.length === 2);
  asked[1].answer();
  await until(() => events.length === 1);
  asked[0].answer();
  await new Promise((resolve) => {
    setTimeout(resolve, 50);
  });
  expect(runs()).toBe('three');
  fs.writeFileSync(file, 'two');
  await until(() => asked.length === 3);
  fs.writeFileSync(file, 'three');
  await until(() => asked.length === 4);
  asked[3].answer({ cached: 'cluster' });
  asked[2].answer();
  await until(() => events.length === 2);
  expect(runs()).toBe('three');
  reload.close();
});

test('a file that is gone changes nothing; one that comes back does', async () => {
  const { reload, file, asked, events, runs } = await setUp();
  fs.rmSync(file);
  await new Promise((resolve) => {
    setTimeout(resolve, 200);
  });
  expect([asked.length, events.length]).toEqual([0, 0]);
  fs.writeFileSync(file, 'two');
  await until(() => asked.length === 1);
  asked[0].answer();
  await until(() => events.length === 1);
  expect(runs()).toBe('two');
  reload.close();
});

test('the event has its figures, whoever compiled; after closing there are none', async () => {
  const { reload, file, asked, events, runs } = await setUp();
  fs.writeFileSync(file, 'two');
  await until(() => asked.length === 1);
  asked[0].answer({ cached: 'cluster' });
  await until(() => events.length === 1);
  expect(events[0]).toEqual({
    event: 'shader-compiled',
    name: 'k',
    compilationTime: 1,
    cacheHitRate: 0,
    memoryUsage: 0,
  });
  fs.writeFileSync(file, 'three');
  await until(() => asked.length === 2);
  reload.close();
  asked[1].answer();
  await new Promise((resolve) => {
    setTimeout(resolve, 50);
  });
  expect([runs(), events.length]).toEqual(['two', 1]);
});
