// Kernels in CUDA C++ without a card: where their compiler and its headers are found, and what may be said of them.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { native } = require('../../../lib/addon/native');
const { checkKernel, keyOf, sameSources } = require('../../../lib/program/source');
const { runChild } = require('../../support/run-child');
const { gpu } = require('../../support/random-data');

jest.setTimeout(60000);

const { nvrtc, headers } = native.cudaFiles();
const builtins =
  nvrtc.path && fs.readdirSync(path.dirname(nvrtc.path)).find((name) => /^libnvrtc-builtins\.so\.\d+\.\d+$/.test(name));
const withNvrtc = builtins ? test : test.skip;
if (!builtins) test.skip('SKIPPED: NVRTC, which compiles CUDA C++, is not installed here', () => {});

const kernel = {
  name: 'k',
  cuda: '__global__ void k(float* p) { p[0] = N; }',
  bindings: ['p'],
  cudaOptions: ['-DN=1'],
};

let folder;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-nvrtc-'));
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

/** What was made of the kernel, or the error, in a process with nothing of CUDA in its environment but `env`. */
async function compile(options, env) {
  const SHADER_CACHE_DIR = path.join(folder, 'cache');
  const none = { CUDA_HOME: '', CUDA_PATH: '', VIRTUAL_ENV: '', CONDA_PREFIX: '', LD_LIBRARY_PATH: '' };
  const { stdout, stderr } = await runChild('compile-cuda.js', [JSON.stringify(options)], {
    env: { ...none, SHADER_CACHE_DIR, ...env },
  });
  return stdout ? JSON.parse(stdout) : stderr;
}

withNvrtc("NVRTC of a Python wheel brings its second library along, whatever the loader's folders have", async () => {
  const lib = path.join(folder, 'venv', 'lib', 'python3.12', 'site-packages', 'nvidia', 'cu13', 'lib');
  const broken = path.join(folder, 'broken');
  for (const each of [lib, broken]) fs.mkdirSync(each, { recursive: true });
  fs.symlinkSync(fs.realpathSync(nvrtc.path), path.join(lib, path.basename(nvrtc.path)));
  fs.symlinkSync(fs.realpathSync(path.join(path.dirname(nvrtc.path), builtins)), path.join(lib, builtins));
  fs.writeFileSync(path.join(broken, builtins), 'no library');
  const env = { VIRTUAL_ENV: path.join(folder, 'venv'), LD_LIBRARY_PATH: broken };
  expect(await compile({ ...kernel, name: 'wheel' }, env)).toMatchObject({ backends: ['cuda'] });
  // Without its own the loader's is what it gets, and says so.
  fs.rmSync(path.join(lib, builtins));
  expect(await compile({ ...kernel, name: 'alone' }, env)).toMatchObject({
    code: 'ERR_UNSUPPORTED',
    message: expect.stringMatching(/libnvrtc-builtins, beside .*cu13.*: install the two together/),
    log: expect.stringContaining(builtins),
  });
});

withNvrtc('options reach the compiler, and those that may not be given are refused by name', async () => {
  const made = await compile(kernel, {});
  expect(made).toMatchObject({ backends: ['cuda'] });
  expect((await compile({ ...kernel, cudaOptions: ['-DN=2'] }, {})).id).not.toBe(made.id);
  expect(await compile({ ...kernel, cudaOptions: [] }, {})).toMatchObject({
    code: 'ERR_COMPILE',
    message: expect.stringContaining('"N" is undefined'),
  });
  expect(await compile({ ...kernel, cudaOptions: ['-DN=1', '-I/etc'] }, {})).toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: expect.stringMatching(/^cudaOptions\[1\] of kernel "k" is "-I\/etc", which may not be given/),
  });
});

(headers.folders.length ? withNvrtc : test.skip)(
  "the toolkit's headers are found without being asked for",
  async () => {
    const cuda = '#include <cuda_fp16.h>\n__global__ void k(__half* p) { p[0] = __hadd(p[0], p[1]); }';
    expect(await compile({ ...kernel, cuda }, {})).toMatchObject({ backends: ['cuda'] });
  },
);

describe('what compileKernel() is given beside the CUDA source', () => {
  test.each([
    [{ cudaOptions: '-DN=1' }, 'cudaOptions', /cudaOptions is '-DN=1', but must be an array of strings/],
    [{ cudaOptions: [1] }, 'cudaOptions', /but must be an array of strings/],
    [{ cudaFeatures: 'sm_90a' }, 'cudaFeatures', /must be 'portable' or 'architecture'/],
    [{ sharedBytes: -1 }, 'sharedBytes', /sharedBytes is -1, but must be a whole number of bytes/],
    [{ sharedBytes: 1.5 }, 'sharedBytes', /whole number/],
    [{ sharedBytes: '1' }, 'sharedBytes', /whole number/],
    [{ cuda: undefined, glsl: 'x', sharedBytes: 16 }, 'sharedBytes', /sharedBytes is for a CUDA source/],
    [{ cuda: undefined, glsl: 'x', cudaOptions: [] }, 'cudaOptions', /cudaOptions is for a CUDA source/],
  ])('%j is refused', (more, argument, message) => {
    const given = { name: 'k', cuda: 'x', bindings: ['p'], ...more };
    expect(() => checkKernel(given)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', argument, message: expect.stringMatching(message) }),
    );
  });

  test('more shared memory than any card has is refused', async () => {
    const ctx = await gpu.createContext({ device: 'cpu' });
    await expect(ctx.compileKernel({ ...kernel, sharedBytes: 2 ** 20 })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringMatching(/no card has more/),
    });
    await ctx.close();
  });

  test('each of it makes another program', () => {
    const plain = checkKernel({ name: 'k', cuda: 'x', bindings: ['p'] });
    for (const more of [{ cudaOptions: ['-w'] }, { cudaFeatures: 'architecture' }, { sharedBytes: 16 }]) {
      const other = checkKernel({ name: 'k', cuda: 'x', bindings: ['p'], ...more });
      expect(keyOf(other)).not.toBe(keyOf(plain));
      expect(sameSources(other, plain)).toBe(false);
      expect(sameSources(other, { ...plain, ...structuredClone(more) })).toBe(true);
    }
  });
});
