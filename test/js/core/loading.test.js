// The package as it is loaded: import and require, an unbuilt checkout, the drivers asked from a child process.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFileSync, spawnSync } = require('node:child_process');
const { loadRemedy } = require('../../../lib/core/remedies');
const { gpu } = require('../../support/random-data');
const { devices } = require('../../support/devices');
const { failure } = require('../../support/assertions');
const { runChild } = require('../../support/run-child');
const { root, inRoot } = require('../../support/paths');

test('devices() says what there is, in order', () => {
  const found = gpu.devices();
  const rank = ({ backend, type }) => (backend === 'cuda' ? 0 : backend === 'cpu' ? 2 : type === 'cpu' ? 3 : 1);
  expect(found.map(rank)).toEqual(found.map(rank).sort());
  expect(found.map(({ id }) => id)).toEqual(devices);
  expect(devices).toContain('cpu:0');
  for (const device of found) {
    expect(device.id).toBe(`${device.backend}:${device.index}`);
    expect(device.memory.total).toBeGreaterThan(0);
    expect(device.memory.free).toBeLessThanOrEqual(device.memory.total);
    expect(device.computeUnits).toBeGreaterThan(0);
    expect(Object.keys(device.features).sort()).toEqual([
      'cooperativeMatrix',
      'externalHostMemory',
      'float16',
      'graphics',
      'int8',
      'subgroups',
      'timelineSemaphore',
    ]);
    expect(Number.isSafeInteger(device.maxViewBytes)).toBe(true);
    expect(typeof device.name).toBe('string');
  }
});

test('import finds the names', () => {
  const out = execFileSync(process.execPath, [
    '--input-type=module',
    '-e',
    `import gpu, { tensor, devices, createContext, checkGPUCapabilities, GPUError }
       from ${JSON.stringify(inRoot('lib', 'index.js'))};
     const all = [tensor, devices, createContext, checkGPUCapabilities, GPUError];
     console.log(all.every((x) => typeof x === 'function') && gpu.tensor === tensor)`,
  ]);
  expect(String(out)).toBe('true\n');
});

test('an unbuilt checkout says what to run, a broken build what is wrong', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-unbuilt-'));
  const load = () => runChild('load.js', [], { env: { SWITCHYARD_BUILD: folder } });
  expect(await load()).toMatchObject({
    code: 3,
    stdout: expect.stringMatching(
      /^ERR_UNSUPPORTED .*not built.*switchyard\.node is missing\. What helps: run `npm run setup` in /,
    ),
  });
  fs.writeFileSync(path.join(folder, 'switchyard.node'), 'nonsense');
  expect(await load()).toMatchObject({
    code: 3,
    stdout: expect.stringMatching(
      /^ERR_UNSUPPORTED .*can't be loaded.*What helps: rm \S*switchyard\.node && npm run setup, in /,
    ),
  });
  fs.rmSync(folder, { recursive: true });
});

describe('an installed package', () => {
  let folder;
  beforeAll(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-installed-'));
    for (const name of ['lib', 'package.json']) fs.cpSync(inRoot(name), path.join(folder, name), { recursive: true });
    fs.symlinkSync(inRoot('node_modules'), path.join(folder, 'node_modules'));
  });
  afterAll(() => fs.rmSync(folder, { recursive: true }));
  const run = (...args) => spawnSync(process.execPath, args, { encoding: 'utf8', cwd: folder });

  test('has remedies that are not of a clone', () => {
    const { stderr } = run('-e', 'require(".")');
    expect(stderr).toMatch(/is missing\. What helps: install a package that has one .*npm run build:release/);
    expect(stderr).not.toMatch(/npm run setup/);
    const doctor = run('lib/cli/main.js', 'doctor');
    expect(doctor.status).toBe(1);
    expect(doctor.stdout).toMatch(/addon +not built/);
    expect(doctor.stdout).not.toMatch(/npm run setup|rm -r/);
  });

  test.each([
    ['libhwy.so.1: cannot open shared object file: No such file or directory', 'apt install libhwy1'],
    ['libgomp.so.1: cannot open shared object file: No such file', 'install the package that has libgomp.so.1'],
    ["version `GLIBC_2.38' not found", expect.stringMatching(/^install a package that has one/)],
  ])('an addon with %s', (message, remedy) => {
    expect(loadRemedy({ message }, '/x/switchyard.node', folder)).toEqual(remedy);
  });
});

test("Node's permission model is told as what it is", () => {
  const run = (...flags) =>
    JSON.parse(
      spawnSync(
        process.execPath,
        [
          process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission',
          '--allow-fs-read=*',
          ...flags,
          '-p',
          `(async () => require(${JSON.stringify(root)}).checkGPUCapabilities())()
            .catch(({ code, message }) => ({ code, message })).then((said) => console.log(JSON.stringify(said))), ''`,
        ],
        { encoding: 'utf8' },
      ).stdout,
    );
  expect(run()).toEqual({ code: 'ERR_UNSUPPORTED', message: expect.stringMatching(/start Node with --allow-addons/) });
  expect(run('--allow-addons')).toMatchObject({
    cpu: true,
    vulkan: false,
    problems: { vulkan: { reason: 'probe not allowed', remedy: expect.stringMatching(/--allow-child-process/) } },
  });
});

test('the JavaScript side loaded anew over the same addon shares it with the earlier one', async () => {
  const out = execFileSync(process.execPath, [
    '-e',
    `
    const load = () => {
      for (const name of Object.keys(require.cache)) if (!name.endsWith('.node')) delete require.cache[name];
      return require(${JSON.stringify(root)});
    };
    const matmul = async (gpu, value) => {
      const context = await gpu.createContext({ device: 'cpu:0' });
      const square = { data: new Float32Array(256 * 256).fill(value), shape: [256, 256], dtype: 'float32' };
      const run = () => context.run({ type: 'matmul', inputs: { a: square, b: square } });
      const results = await Promise.all(Array.from({ length: 20 }, run));
      await context.close();
      return results.every(({ outputs }) => outputs.output.data.every((x) => x === 256 * value * value));
    };
    const first = load(), second = load();
    Promise.all([matmul(first, 1), matmul(second, 2), matmul(first, 3)])
      .then((right) => console.log(first !== second, ...right));
  `,
  ]);
  expect(String(out)).toBe('true true true true\n');
});

describe('checkGPUCapabilities()', () => {
  const { VK_ICD_FILENAMES, VK_DRIVER_FILES } = process.env;
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-driver-'));
  afterEach(() =>
    Object.entries({ VK_ICD_FILENAMES, VK_DRIVER_FILES }).forEach(([name, value]) => {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }),
  );
  afterAll(() => fs.rmSync(folder, { recursive: true }));

  /** A Vulkan driver that does what `body` says when it is loaded. */
  function useDriver(name, body) {
    const source = path.join(folder, `${name}.c`),
      library = path.join(folder, `lib${name}.so`),
      manifest = path.join(folder, `${name}.json`);
    fs.writeFileSync(
      source,
      `#include <stdlib.h>\n#include <unistd.h>\n__attribute__((constructor)) static void load(void) { ${body} }\n
      void* vk_icdGetInstanceProcAddr(void* instance, const char* name) { return 0; }\n`,
    );
    execFileSync('cc', ['-shared', '-fPIC', '-o', library, source]);
    fs.writeFileSync(
      manifest,
      JSON.stringify({ file_format_version: '1.0.0', ICD: { library_path: library, api_version: '1.3.0' } }),
    );
    process.env.VK_ICD_FILENAMES = process.env.VK_DRIVER_FILES = manifest;
  }

  test('agrees with devices()', async () => {
    const found = await gpu.checkGPUCapabilities();
    expect(found.devices.map(({ id }) => id)).toEqual(devices);
    expect(found.cpu).toBe(true);
    expect(found.vulkan).toBe(devices.some((id) => id.startsWith('vulkan')));
    expect(found.cuda).toBe(devices.some((id) => id.startsWith('cuda')));
    expect(found).toMatchObject({ webgpu: found.vulkan, webgl: found.graphics, webgl2: found.graphics });
    for (const backend of ['cuda', 'vulkan'])
      if (!found[backend])
        expect(found.problems[backend]).toEqual({
          reason: expect.any(String),
          detail: expect.any(String),
          remedy: expect.any(String),
        });
      else expect(found.problems[backend]).toBeUndefined();
  });

  test('a driver that crashes crashes only its probe', async () => {
    useDriver('crashing', 'abort();');
    expect(await gpu.checkGPUCapabilities()).toMatchObject({
      cpu: true,
      vulkan: false,
      webgpu: false,
      problems: { vulkan: { reason: 'driver crashes', detail: expect.stringMatching(/SIGABRT/) } },
    });
  });

  test('a driver that hangs is given up', async () => {
    useDriver('hanging', 'for (;;) pause();');
    expect(await gpu.checkGPUCapabilities({ timeout: 3000 })).toMatchObject({
      cpu: true,
      vulkan: false,
      problems: { vulkan: { reason: 'driver hangs', detail: expect.stringMatching(/3000 ms/) } },
    });
  });

  test('a backend that is turned off says so, and options are checked', async () => {
    process.env.ENABLE_VULKAN = 'false';
    try {
      expect(await gpu.checkGPUCapabilities()).toMatchObject({
        vulkan: false,
        problems: { vulkan: { detail: expect.stringMatching(/ENABLE_VULKAN/) } },
      });
    } finally {
      delete process.env.ENABLE_VULKAN;
    }
    expect(await failure(gpu.checkGPUCapabilities({ timeOut: 1 }))).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    expect(await failure(gpu.checkGPUCapabilities({ timeout: -1 }))).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  });
});
