// How a manager is made: once in a process, and from a program on Node's command line.
'use strict';
const { spawnSync } = require('node:child_process');
const gpu = require('../../..');
const { workerArgv } = require('../../../lib/cluster/primary/worker-argv');
const { root } = require('../../support/paths');
const { runChild } = require('../../support/run-child');

describe('a second createGPUClusterManager() in a process', () => {
  const options = { contextTypes: ['cpu'], contextsPerWorker: 1, queueLimit: 100, logLevel: 'silent' };
  let manager;
  beforeAll(() => {
    manager = gpu.createGPUClusterManager(options);
  });
  afterAll(() => manager.close());

  test('gives the first one again where it says the same, or nothing', () => {
    for (const same of [undefined, {}, options, { queueLimit: 100 }, { contextTypes: ['cpu'], timeout: undefined }])
      expect(gpu.createGPUClusterManager(same)).toBe(manager);
  });

  test.each([
    ['queueLimit', 9000, /^queueLimit is 9000, but .* it became 100: a process has one manager/],
    ['contextTypes', ['vulkan'], /^contextTypes is \['vulkan'\], but .* it became \['cpu'\]/],
    ['workers', 2, /^workers is 2, but .* it became what it is when it is left out/],
    ['exec', 'other.js', /^exec is 'other.js'/],
    ['timeout', Infinity, /^timeout is Infinity, but .* it became 30000/],
  ])('refuses another %s', (name, value, message) => {
    expect(() => gpu.createGPUClusterManager({ queueLimit: 100, [name]: value })).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_ARGUMENT',
        argument: name,
        message: expect.stringMatching(message),
      }),
    );
  });

  test('takes any once the first one is closed', async () => {
    await manager.close();
    manager = gpu.createGPUClusterManager({ ...options, queueLimit: 9000 });
    expect(gpu.createGPUClusterManager({ queueLimit: 9000 })).toBe(manager);
  });
});

describe("Node's own options for workers", () => {
  test.each([
    [[], []],
    [['-e', 'code'], []],
    [['--eval', 'code'], []],
    [['--eval=code'], []],
    [['-p', 'code', '--no-warnings'], ['--no-warnings']],
    [['-p', '-e', 'code'], []],
    [['-pe', 'code'], []],
    [['--print', '--expose-gc'], ['--expose-gc']],
    [['--input-type=module', '-e', 'code'], []],
    [
      ['--input-type', 'module', '--import', './it.js', '--eval', 'code', '--max-old-space-size=300'],
      ['--import', './it.js', '--max-old-space-size=300'],
    ],
    [
      ['-i', '-r', 'x'],
      ['-r', 'x'],
    ],
    [['--test', '--enable-source-maps'], ['--enable-source-maps']],
  ])('of %j are %j', (given, kept) => {
    expect(workerArgv(given)).toEqual(kept);
  });

  const life = `
    console.log('ran');
    const manager = gpu.createGPUClusterManager({ workers: 2, contextTypes: ['cpu'], contextsPerWorker: 1 });
    manager.ready
      .then(() => manager.health())
      .then(({ workers }) => {
        const kept = cluster.settings.execArgv.join() === process.execArgv.join();
        console.log(workers.length, process.execArgv.length > 0, kept);
        return manager.close();
      });`;
  const required = `const gpu = require(${JSON.stringify(root)}), cluster = require('node:cluster');${life}`;
  const imported = `
    import cluster from 'node:cluster';
    import gpu from ${JSON.stringify(`${root}/lib/index.js`)};${life}`;
  test.each([
    ['-e', ['-e', required]],
    ['--eval', [`--eval=${required}`]],
    ['--input-type', ['--input-type=module', '-e', imported]],
  ])('a program given with %s runs in the primary alone', (_, args) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 20000 });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'ran\n2 true true\n', stderr: '' });
  });
});

test('a lone process whose address space is too small is told so, and not that there is no device', async () => {
  const { code, signal, stdout, stderr } = await runChild('short-of-addresses.js', [], { timeout: 40000 });
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
  expect(JSON.parse(stdout)).toEqual({
    code: 'ERR_OUT_OF_MEMORY',
    message: expect.stringMatching(/^no context could be opened in this process: .* matrix library/),
  });
}, 50000);

test('what a worker asks before it has joined is answered once it has', async () => {
  const { code, stdout, stderr } = await runChild('early-questions.js');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(stdout)).toEqual({
    jobs: 'object',
    why: 'ERR_NOT_FOUND',
    getMetrics: 'object',
    health: 'object',
    prometheus: 'string',
    memoryStats: 'ERR_INVALID_ARGUMENT',
  });
});
