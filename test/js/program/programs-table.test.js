// The table of a manager's or a context's programs, and what a process compiles for others, without a compiler.
'use strict';
const { Programs } = require('../../../lib/program/programs');
const { Program } = require('../../../lib/call/program');
const { Compiler } = require('../../../lib/cluster/worker/compiler');
const { native } = require('../../../lib/addon/native');
const { GPUError } = require('../../../lib/core/errors');

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
let made = 0;
const versionOf = () => ({
  handle: {
    id: (++made).toString(16).padStart(64, '0'),
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
});
const setUp = (more) => {
  const asked = [];
  const programs = new Programs({
    limit: 2,
    closedError: () => new GPUError('ERR_CLOSED', 'closed'),
    obtain: (sources) =>
      new Promise((resolve, reject) =>
        asked.push({ name: sources.name, answer: () => resolve(versionOf()), refuse: (error) => reject(error) }),
      ),
    ...more,
  });
  return { programs, asked, find: (name) => programs.compileKernel({ name, glsl: 'x' }) };
};

test('what is forgotten while it is being compiled settles all the same, and so does who asks again', async () => {
  const { asked, find } = setUp();
  const first = [find('a'), find('b'), find('c')]; // a is over the limit
  const again = find('a');
  expect(asked.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'a']);
  expect(find('a')).toBe(again);
  for (const { answer } of asked.reverse()) answer();
  const programs = await Promise.all([...first, again]);
  expect(programs.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'a']);
});

test('an attempt that failed after it was forgotten does not take its successor along', async () => {
  const { asked, find } = setUp();
  const first = find('a');
  find('b').catch(() => {});
  find('c').catch(() => {});
  const again = find('a');
  asked[0].refuse(new GPUError('ERR_COMPILE', 'no'));
  await expect(first).rejects.toThrow('no');
  expect(find('a')).toBe(again);
  asked[3].answer();
  expect((await again).name).toBe('a');
});

test('closing while it is compiled', async () => {
  const { programs, asked, find } = setUp();
  const promise = find('a');
  programs.close();
  asked[0].answer();
  await expect(promise).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  await expect(find('a')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
});

test('uses are counted where somebody asks for them, and nowhere else', async () => {
  for (const countsUses of [true, false]) {
    const { programs, asked, find } = setUp({ countsUses });
    const promise = find('a');
    asked[0].answer();
    const kernel = await promise;
    Program.use(kernel);
    Program.use(kernel);
    expect(programs.takeUses()).toEqual(countsUses ? { [kernel.id]: 2 } : undefined);
    expect(programs.takeUses()).toBeUndefined();
  }
});

test('what ends after its process has left the cluster takes no shared memory', async () => {
  const said = [],
    announced = [];
  const compiler = new Compiler({
    config: { shaderCacheDir: '', shaderCacheSize: 1 },
    log: quiet,
    contexts: () => [],
    say: (text) => said.push(text),
    announce: () => announced.push(1),
  });
  const request = {
    kind: 'kernel',
    name: 'k',
    glsl: '#version 450\nlayout(binding = 0) buffer O { float o[]; };\nvoid main() { o[0] = 1.0; }',
  };
  await compiler.onCompile({ number: 1, request });
  expect(said).toMatchObject([{ type: 'compiled', number: 1, fromDisk: false }]);
  const {
    tensor: { region },
  } = said[0];
  expect(region).toBeDefined();
  const late = compiler.onCompile({ number: 2, request });
  compiler.close();
  await late;
  expect([said.length, announced.length]).toEqual([1, 1]);
  native.trimShared();
});
