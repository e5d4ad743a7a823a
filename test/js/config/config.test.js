// Settings: which place wins, what each takes, and how a value that can't be right is refused.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { readConfig, readServiceConfig, managerOptions } = require('../../../lib/config/config');
const { allowedDevices, missingDevices } = require('../../../lib/config/devices');
const { kOptionsVariable, optionsText, handedOptions } = require('../../../lib/config/handed-options');
const { createLogger, withoutPaths, describeError } = require('../../../lib/core/log');
const { root, inRoot } = require('../../support/paths');
const { kOperationDefaults } = require('../../support/operation-defaults');

let folder;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-config-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

function write(text, name = 'switchyard.config.yaml') {
  fs.writeFileSync(path.join(folder, name), text);
}
const read = (options = {}, env = {}) => readConfig(options, env, folder);
const serve = (options = {}, env = {}) => readServiceConfig(options, env, folder);
function refusal(call) {
  try {
    call();
  } catch (error) {
    expect(error.code).toBe('ERR_INVALID_ARGUMENT');
    return error.message;
  }
  throw new Error('it was expected to be refused');
}

test('the defaults are those of the interface', () => {
  expect(read()).toEqual({
    workers: undefined,
    exec: undefined,
    execution: 'libuv',
    contextsPerWorker: 2,
    contextTypes: undefined,
    devices: undefined,
    gpuWorkers: undefined,
    retries: 2,
    memoryFolder: undefined,
    memoryLimit: 512 * 2 ** 20,
    maxConcurrent: 4,
    batchSize: 64,
    queueLimit: 10000,
    timeout: 30000,
    contextSwitchTimeout: 5000,
    shaderCacheSize: 1000,
    shaderCacheDir: undefined,
    targetFps: 60,
    ownsMemory: true,
    optimizations: true,
    hotReload: false,
    debugLogging: false,
    debugShaderCache: false,
    performanceMonitoring: true,
    memoryCheckInterval: 5000,
    hostMemoryLimit: undefined,
    memoryFullWithin: 600_000,
    precision: 'high',
    logLevel: 'warn',
    gpu: true,
    cuda: true,
    vulkan: true,
    ...kOperationDefaults,
  });
  expect(serve()).toMatchObject({
    port: 3000,
    host: '127.0.0.1',
    logLevel: 'info',
    bodyLimit: 64 * 2 ** 20,
    workers: Math.min(os.availableParallelism(), 8),
    overloadAge: 5000,
    cacheDir: expect.stringMatching(/switchyard\/results$/),
    costsDir: expect.stringMatching(/switchyard\/costs$/),
  });
  expect(Object.isFrozen(read())).toBe(true);
});

test('options win over the environment, the environment over the file, the file over the default', () => {
  write('contextsPerWorker: 3\nqueueLimit: 7\ntimeout: 100\n');
  const env = { GPU_CONTEXTS_PER_WORKER: '4', WORKLOAD_TIMEOUT: '200' };
  expect(read({ contextsPerWorker: 5 }, env)).toMatchObject({
    contextsPerWorker: 5,
    timeout: 200,
    queueLimit: 7,
    retries: 2,
  });
  expect(read({}, env).contextsPerWorker).toBe(4);
  expect(read({ contextsPerWorker: undefined }, { GPU_CONTEXTS_PER_WORKER: '' }).contextsPerWorker).toBe(3);
});

test.each([
  ['GPU_CONTEXTS_PER_WORKER', '3', 'contextsPerWorker', 3],
  ['GPU_WORKERS', '0', 'gpuWorkers', 0],
  ['GPU_WORKERS', 'auto', 'gpuWorkers', undefined],
  ['SHADER_CACHE_SIZE', '10', 'shaderCacheSize', 10],
  ['SHADER_CACHE_DIR', 'cache', 'shaderCacheDir', 'cache'],
  ['GPU_MEMORY_LIMIT', '64', 'memoryLimit', 64 * 2 ** 20],
  ['GPU_MEMORY_LIMIT', '1.5 GB', 'memoryLimit', 1.5 * 2 ** 30],
  ['GPU_DEVICES', '0, vulkan:1,cpu', 'devices', ['cuda:0', 'vulkan:1', 'cpu']],
  ['GPU_CONTEXT_TYPES', 'CUDA, cpu', 'contextTypes', ['cuda', 'cpu']],
  ['GPU_CONTEXT_TYPES', 'auto', 'contextTypes', undefined],
  ['WORKLOAD_RETRIES', '5', 'retries', 5],
  ['GPU_QUEUE_LIMIT', '9', 'queueLimit', 9],
  ['GPU_BATCH_SIZE', '8', 'batchSize', 8],
  ['GPU_PRECISION', 'tf32', 'precision', 'fast'],
  ['GPU_MEMORY_CHECK_INTERVAL', '250', 'memoryCheckInterval', 250],
  ['GPU_HOST_MEMORY_LIMIT', '64', 'hostMemoryLimit', 64 * 2 ** 20],
  ['GPU_MEMORY_FULL_WITHIN', '1000', 'memoryFullWithin', 1000],
  ['ENABLE_GPU', 'false', 'cuda', false],
  ['ENABLE_GPU', 'false', 'vulkan', false],
  ['ENABLE_CUDA', 'false', 'cuda', false],
  ['ENABLE_VULKAN', 'off', 'vulkan', false],
  ['ENABLE_WEBGPU', '0', 'vulkan', false],
  ['CONTEXT_SWITCH_TIMEOUT', '10', 'contextSwitchTimeout', 10],
  ['GPU_TARGET_FPS', '29.97', 'targetFps', 29.97],
  ['MAX_CONCURRENT_WORKLOADS', '8', 'maxConcurrent', 8],
  ['WORKLOAD_TIMEOUT', 'Infinity', 'timeout', Infinity],
  ['ENABLE_GPU_OPTIMIZATIONS', 'no', 'optimizations', false],
  ['ENABLE_GPU_HOT_RELOAD', 'yes', 'hotReload', true],
  ['GPU_DEBUG_LOGGING', '1', 'logLevel', 'debug'],
  ['GPU_PERFORMANCE_MONITORING', 'FALSE', 'performanceMonitoring', false],
  ['LOG_LEVEL', 'error', 'logLevel', 'error'],
  ['LOG_LEVEL', 'WARNING', 'logLevel', 'warn'],
  ['LOG_LEVEL', 'verbose', 'logLevel', 'debug'],
  ['NODE_DEBUG', 'http,gpu-cluster', 'logLevel', 'debug'],
  ['NODE_DEBUG', 'gpu-*', 'debugLogging', true],
  ['NODE_DEBUG', 'shader-cache', 'debugShaderCache', true],
  ['NODE_DEBUG', 'shader-cache', 'logLevel', 'warn'],
])('%s=%s makes %s %p', (variable, value, name, expected) => {
  expect(read({}, { [variable]: value })[name]).toEqual(expected);
});

test('the forking of workers is for an option or the service to ask', () => {
  write('workers: 3\n');
  expect(read({}, { CLUSTER_WORKERS: '4' }).workers).toBeUndefined();
  expect(read({ workers: 2 }, { CLUSTER_WORKERS: '4' }).workers).toBe(2);
  expect(serve({}, { CLUSTER_WORKERS: '4' }).workers).toBe(4);
  expect(serve().workers).toBe(3);
});

test("settings of the service are nobody else's business", () => {
  expect(() => read({}, { PORT: '/run/pipe', CLUSTER_WORKERS: 'many' })).not.toThrow();
  expect(refusal(() => serve({}, { PORT: '/run/pipe' }))).toBe(
    `the environment variable PORT is '/run/pipe', but must be a whole number from 0 to 65535`,
  );
  expect(refusal(() => read({ port: 1 }))).toMatch(/unknown option of createGPUClusterManager\(\) 'port'/);
});

test.each([
  [{ workers: 0 }, /^workers is 0, but must be a whole number from 1 to 1024$/],
  [{ workers: '2' }, /workers is '2'/],
  [{ contextsPerWorker: 1.5 }, /contextsPerWorker is 1\.5/],
  [{ contextTypes: ['gpu'] }, /contextTypes is \['gpu'\]/],
  [{ contextTypes: [] }, /contextTypes/],
  [{ contextTypes: ['cpu', 'cpu'] }, /at most once/],
  [{ contextTypes: 'cpu' }, /array/],
  [{ retries: -1 }, /retries is -1/],
  [{ memoryLimit: 512 }, /memoryLimit is 512, but must be a whole number of bytes, at least 1048576/],
  [{ memoryLimit: '512 parsecs' }, /memoryLimit is '512 parsecs', but must be .* or a size like '512 MB'/],
  [{ devices: ['cuda:x'] }, /devices is \['cuda:x'\], but must be an array of devices' ids/],
  [{ devices: [0] }, /devices is \[0\]/],
  [{ devices: 'cpu:0' }, /devices is 'cpu:0'/],
  [{ batchSize: 65 }, /batchSize is 65, but must be a whole number from 1 to 64/],
  [{ precision: 'fp16' }, /precision is 'fp16', but must be 'high' or 'fast'/],
  [{ queueLimit: NaN }, /queueLimit is NaN/],
  [{ timeout: 0 }, /timeout is 0, but must be .* above 0/],
  [{ timeout: 2 ** 31 }, /timeout/],
  [{ logLevel: 'loud' }, /logLevel is 'loud', but must be one of/],
  [{ exec: '' }, /exec is ''/],
  [{ retrys: 1 }, /unknown option of createGPUClusterManager\(\) 'retrys' \(did you mean 'retries'\?\)/],
  [null, /options are null/],
  [5, /options are 5/],
])('the options %j are refused', (options, message) => {
  expect(refusal(() => read(options))).toMatch(message);
});

test.each([
  ['GPU_CONTEXTS_PER_WORKER', '0'],
  ['GPU_CONTEXTS_PER_WORKER', '2.5'],
  ['GPU_WORKERS', '-1'],
  ['SHADER_CACHE_SIZE', 'big'],
  ['GPU_MEMORY_LIMIT', '512MiB'],
  ['GPU_DEVICES', 'gpu:0'],
  ['GPU_BATCH_SIZE', '0'],
  ['ENABLE_CUDA', 'maybe'],
  ['ENABLE_WEBGPU', 'x'],
  ['CONTEXT_SWITCH_TIMEOUT', '0'],
  ['GPU_TARGET_FPS', '0'],
  ['MAX_CONCURRENT_WORKLOADS', ' 4'],
  ['WORKLOAD_TIMEOUT', '-1'],
  ['WORKLOAD_TIMEOUT', '1e3'],
  ['LOG_LEVEL', 'loud'],
  ['GPU_DEBUG_LOGGING', '2'],
])('%s=%j is refused with its name', (variable, value) => {
  expect(refusal(() => read({}, { [variable]: value }))).toMatch(
    `the environment variable ${variable} is '${value}', but must be`,
  );
});

describe('the file', () => {
  test('takes sizes with units and lists', () => {
    write(
      'memoryLimit: 1 GB\nbodyLimit: 8MB\ncontextTypes: [cpu, vulkan]\ngpuWorkers: auto\n' +
        'host: 0.0.0.0\nlogLevel: error\ntimeout: .inf\nretries:\n',
    );
    expect(serve()).toMatchObject({
      memoryLimit: 2 ** 30,
      bodyLimit: 8 * 2 ** 20,
      contextTypes: ['cpu', 'vulkan'],
      gpuWorkers: undefined,
      host: '0.0.0.0',
      logLevel: 'error',
      timeout: Infinity,
      retries: 2,
    });
  });

  test('has a second name for some settings, in sections', () => {
    write(
      'gpu:\n  enabled: true\n  memory_limit: "20GB"\n  precision: fp32\n  device_preference: cuda, cpu\n' +
        '  multi_gpu:\n    device_ids: [0, 1]\n  async:\n    num_streams: 3\n' +
        '  monitoring:\n    memory_check_interval: 1000\n' +
        'processing:\n  batch_size: 32\n  cache_size: 50\n  timeout: 60000\n',
    );
    expect(read()).toMatchObject({
      gpu: true,
      memoryLimit: 20 * 2 ** 30,
      precision: 'high',
      contextTypes: ['cuda', 'cpu'],
      devices: ['cuda:0', 'cuda:1'],
      contextsPerWorker: 3,
      memoryCheckInterval: 1000,
      batchSize: 32,
      shaderCacheSize: 50,
      timeout: 60000,
    });
    write('gpu: { enabled: false, device_preference: auto }\n');
    expect(read()).toMatchObject({ gpu: false, cuda: false, vulkan: false, contextTypes: undefined });
    write('gpu: false\nprocessing:\n');
    expect(read()).toMatchObject({ gpu: false, vulkan: false });
  });

  test('may end in .yml, but not be there twice', () => {
    write('retries: 8\n', 'switchyard.config.yml');
    expect(read().retries).toBe(8);
    write('retries: 9\n');
    expect(refusal(() => read())).toBe(
      'there are both switchyard.config.yaml and switchyard.config.yml: remove one of them',
    );
  });

  test('may be empty, or nothing but comments', () => {
    write('');
    expect(read().retries).toBe(2);
    write('# nothing\n');
    expect(read().retries).toBe(2);
  });

  test.each([
    [
      '# first\ncontextsPerWorker: two\n',
      /^switchyard\.config\.yaml:2: contextsPerWorker is 'two', but must be a whole number from 1 to 64$/,
    ],
    [
      'retries: 1\n\nqueuelimit: 5\n',
      /^switchyard\.config\.yaml:3: unknown setting 'queuelimit' \(did you mean 'queueLimit'\?\)$/,
    ],
    ['retries: 1\nretries: 2\n', /^switchyard\.config\.yaml:2: Map keys must be unique/],
    ['retries: [1\n', /^switchyard\.config\.yaml:\d: /],
    ['- retries\n', /must hold settings/],
    ['memoryLimit: 12 parsecs\n', /memoryLimit is '12 parsecs'/],
    ['cuda: "false"\n', /cuda is 'false', but must be true or false/],
    [
      'gpu:\n  memry_limit: 1GB\n',
      /^switchyard\.config\.yaml:2: unknown setting 'gpu\.memry_limit' \(did you mean 'gpu\.memory_limit'\?\)$/,
    ],
    ['gpu:\n  memory_limit: lots\n', /^switchyard\.config\.yaml:2: gpu\.memory_limit is 'lots', but must be/],
    [
      'memoryLimit: 1GB\ngpu:\n  memory_limit: 1GB\n',
      /:3: gpu\.memory_limit and memoryLimit \(switchyard\.config\.yaml:1\) are the same setting/,
    ],
    ['processing: 5\n', /^switchyard\.config\.yaml:1: processing is 5, but must hold settings/],
    ['gpu:\n  multi_gpu: [0]\n', /:2: gpu\.multi_gpu is \[0\], but must hold settings/],
    ['__proto__: 1\n', /unknown setting '__proto__'/],
  ])('%j is refused with its line', (text, message) => {
    write(text);
    expect(refusal(() => read())).toMatch(message);
  });

  test('SWITCHYARD_CONFIG names another, which must be there', () => {
    write('retries: 9\n', 'other.yaml');
    expect(read({}, { SWITCHYARD_CONFIG: 'other.yaml' }).retries).toBe(9);
    expect(refusal(() => read({}, { SWITCHYARD_CONFIG: 'none.yaml' }))).toMatch(
      /SWITCHYARD_CONFIG is 'none\.yaml', but must be a file that can be read \(ENOENT\)/,
    );
  });
});

test('a worker gets the options of its primary', () => {
  const config = serve(
    { contextsPerWorker: 3, contextTypes: ['cpu'], logLevel: 'error', port: 0 },
    { GPU_WORKERS: '1' },
  );
  expect(read(managerOptions(config))).toMatchObject({
    contextsPerWorker: 3,
    contextTypes: ['cpu'],
    logLevel: 'error',
    gpuWorkers: 1,
    workers: undefined,
  });
});

test('options are handed on as they are', () => {
  const options = { timeout: Infinity, contextTypes: ['cpu'], retries: 0 };
  process.env[kOptionsVariable] = optionsText(options);
  try {
    expect(handedOptions()).toEqual(options);
  } finally {
    delete process.env[kOptionsVariable];
  }
  expect(handedOptions()).toEqual({});
});

describe('devices', () => {
  const found = ['cuda:0', 'cuda:1', 'vulkan:0', 'cpu:0'].map((id) => ({ id, backend: id.split(':')[0] }));
  const idsOf = (limits) => allowedDevices(found, { cuda: true, vulkan: true, ...limits }).map(({ id }) => id);
  test.each([
    [{}, ['cuda:0', 'cuda:1', 'vulkan:0', 'cpu:0']],
    [{ devices: ['cuda:1'] }, ['cuda:1']],
    [{ devices: ['cpu', 'cuda'] }, ['cuda:0', 'cuda:1', 'cpu:0']],
    [{ devices: ['cuda'], cuda: false }, []],
    [{ vulkan: false }, ['cuda:0', 'cuda:1', 'cpu:0']],
  ])('%j allows %j', (limits, ids) => expect(idsOf(limits)).toEqual(ids));

  test('that are named and not there are told', () => {
    expect(missingDevices(found, { devices: ['cuda:0', 'cuda:2', 'cpu'] })).toEqual(['cuda:2']);
    expect(missingDevices(found, {})).toEqual([]);
  });
});

describe('logs', () => {
  const run = (script, env = {}) =>
    spawnSync(process.execPath, ['-e', script], {
      cwd: root,
      encoding: 'utf8',
      env: { ...process.env, ...env },
    });

  test('go to stderr as lines of JSON, at once, without the name of the host', () => {
    const { stdout, stderr } =
      run(`const log = require('./lib/core/log').createLogger({ logLevel: 'info' }, { worker: 1 });
      log.debug('no'); log.info({ workloadId: 'a' }, 'yes'); log.child({ part: 'x' }).warn('more');
      process.kill(process.pid, 'SIGKILL'); for (;;);`);
    expect(stdout).toBe('');
    const lines = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toEqual([
      expect.objectContaining({ level: 'info', worker: 1, workloadId: 'a', msg: 'yes' }),
      expect.objectContaining({ level: 'warn', part: 'x', msg: 'more' }),
    ]);
    expect(lines[0].hostname).toBeUndefined();
  });

  test('cost nothing where nothing is written', () => {
    const { stdout } = run(`const log = require('./lib/core/log').createLogger({ logLevel: 'warn' }); log.info('no');
      console.log(Object.keys(require.cache).filter((file) => file.includes('node_modules')).length);`);
    expect(stdout.trim()).toBe('0');
  });

  test('--gpu-debug is seen wherever it stands', () => {
    const script = path.join(folder, 'app.js');
    fs.writeFileSync(
      script,
      `const { readConfig } = require(${JSON.stringify(inRoot('lib', 'config'))});` +
        "console.log(readConfig({ logLevel: 'error' }).logLevel)",
    );
    expect(spawnSync(process.execPath, [script, '--gpu-debug'], { encoding: 'utf8' }).stdout).toBe('debug\n');
  });

  test('folders stay at home', () => {
    expect(withoutPaths('missing: /a/b/x.node, file:///a/b/c.js:1:2; but 1/2, https://a.example/b/c and and/or')).toBe(
      'missing: x.node, c.js:1:2; but 1/2, https://a.example/b/c and and/or',
    );
    expect(describeError(new TypeError('in /a/b/c.js'))).toEqual({ code: 'ERR_INTERNAL', reason: 'in c.js' });
    expect(createLogger({ logLevel: 'silent' }).isLevelEnabled('fatal')).toBe(false);
  });
});
