// Programs on the real addon: in a context alone, in a process alone, over a cluster, from files that change, and over a restart.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { gpu, devices, failure, runChild } = require('./helpers');
const { suite } = require('./cluster-suite');

jest.setTimeout(60000);

const vulkan = devices.find((id) => id.startsWith('vulkan'));
const describeVulkan = vulkan ? describe : describe.skip;
if (!vulkan) test.skip('SKIPPED: kernels of users run on GPUs, and no Vulkan driver is here', () => {});

const scaleBy = (factor) => `#version 450
layout(local_size_x = 64) in;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) buffer Y { float y[]; };
layout(push_constant) uniform Params { uint count; vec2 shift; };
void main() {
  uint i = gl_GlobalInvocationID.x;
  if (i < count) y[i] += x[i] * ${factor}.0 + shift.x + shift.y;
}`;
const jobOf = (kernel, more) => ({
  type: 'kernel', kernel, inputs: { x: new Float32Array([1, 2, 3]) }, outputs: { y: { shape: [3] } }, params: { count: 3, shift: [1, 10] }, threads: 3, ...more,
});

let folder;
const before = { ...process.env };
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-programs-'));
  process.env.SHADER_CACHE_DIR = folder;
});
afterAll(() => {
  process.env = before;
  fs.rmSync(folder, { recursive: true, force: true });
});

describeVulkan('a context alone', () => {
  let ctx;
  beforeAll(async () => { ctx = await gpu.createContext({ device: vulkan }); });
  afterAll(() => ctx.close());

  test('compiles, runs, and gives the same kernel for the same sources', async () => {
    const kernel = await ctx.compileKernel({ name: 'alone', glsl: scaleBy(2) });
    expect(kernel).toBeInstanceOf(gpu.Kernel);
    expect(kernel).toMatchObject({ name: 'alone', cached: false, backends: ['vulkan'], groupSize: [64, 1, 1], problems: [] });
    expect(kernel.id).toMatch(/^[\da-f]{64}$/);
    const { outputs, contextType } = await ctx.run(jobOf(kernel));
    expect(contextType).toBe('vulkan');
    expect(Array.from(outputs.y.data)).toEqual([13, 15, 17]);
    expect(await ctx.compileKernel({ name: 'alone', glsl: scaleBy(2) })).toBe(kernel);
    expect(kernel.cached).toBe('memory');
    expect(await ctx.compileKernel({ name: 'alone', glsl: scaleBy(3) })).not.toBe(kernel);
  });

  test('a binding in both lists starts as the input, which is not written', async () => {
    const kernel = await ctx.compileKernel({ name: 'alone', glsl: scaleBy(2) });
    const y = new Float32Array([100, 200, 300]);
    const { outputs } = await ctx.run(jobOf(kernel, { inputs: { x: new Float32Array([1, 2, 3]), y } }));
    expect(Array.from(outputs.y.data)).toEqual([113, 215, 317]);
    expect(Array.from(y)).toEqual([100, 200, 300]);
    const held = await ctx.upload(new Float32Array([1, 2, 3]));
    expect(Array.from((await ctx.run(jobOf(kernel, { inputs: { x: held } }))).outputs.y.data)).toEqual([13, 15, 17]);
  });

  test('a source that does not compile: the log, the line, and nothing kept', async () => {
    for (let again = 0; again < 2; ++again) {
      const error = await failure(ctx.compileKernel({ name: 'wrong', glsl: scaleBy(2).replace('x[i]', 'nowhere[i]') }));
      expect(error).toMatchObject({ code: 'ERR_COMPILE', line: 8 });
      expect(error.log).toMatch(/nowhere/);
    }
  });

  test('a context of the CPU runs no programs, and says what would', async () => {
    const kernel = await ctx.compileKernel({ name: 'alone', glsl: scaleBy(2) });
    const cpu = await gpu.createContext({ device: 'cpu' });
    expect(await failure(cpu.run(jobOf(kernel)))).toMatchObject({ code: 'ERR_UNSUPPORTED' });
    await cpu.close();
  });

  test('what was compiled for a closed context is of no use', async () => {
    const other = await gpu.createContext({ device: vulkan });
    const kernel = await other.compileKernel({ name: 'gone', glsl: scaleBy(2) });
    await other.close();
    expect(await failure(ctx.run(jobOf(kernel)))).toMatchObject({ code: 'ERR_CLOSED' });
    expect(await failure(other.compileKernel({ name: 'gone', glsl: scaleBy(2) }))).toMatchObject({ code: 'ERR_CLOSED' });
  });
});

describeVulkan('a process alone', () => {
  /** One run of children/programs.js: what it printed, one value a line. */
  async function run(name, args = [], env = {}) {
    const ended = await runChild('programs.js', [name, ...args], { env: { SHADER_CACHE_DIR: folder, ...env } });
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    return ended.stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  }

  test('what one run has compiled the next finds on disk, ready before it is asked', async () => {
    const own = { SHADER_CACHE_DIR: path.join(folder, 'own') };
    const [first] = await run('restart', [], own);
    expect(first).toMatchObject({ cached: [false, false], results: [[3, 5, 7], [4, 7, 10]], readyPrograms: 0 });
    expect(fs.existsSync(own.SHADER_CACHE_DIR)).toBe(true);
    const [second] = await run('restart', [], own);
    expect(second).toMatchObject({ cached: ['disk', 'disk'], results: [[3, 5, 7], [4, 7, 10]], readyPrograms: 2 });
    expect(second.events).toEqual(['first', 'second']);  // loaded for the first time in this cluster
  });

  test('jobs on its own contexts, drawn from by the same rules', async () => {
    const [answer] = await run('lone');
    expect(answer).toEqual({ results: [[3, 5, 7], [3, 5, 7], [3, 5, 7]], types: ['vulkan'], afterClose: ['ERR_CLOSED', 'ERR_CLOSED'], cpuOnly: 'ERR_UNSUPPORTED' });
  });

  test('without a context that could run it, it is said what is missing', async () => {
    const [{ code, message }] = await run('cpu-only');
    expect(code).toBe('ERR_UNSUPPORTED');
    expect(message).toMatch(/no context here can run the kernel, which has code for Vulkan: there is cpu\. A Vulkan driver is needed/);
  });

  test('a file that changes is compiled again, and its kernel swapped; one that is wrong changes nothing', async () => {
    const [answer] = await run('hot-reload', [path.join(folder, 'watched.comp')], { ENABLE_GPU_HOT_RELOAD: 'true' });
    expect(answer).toEqual({
      first: [3, 5, 7], changed: [6, 11, 16], same: true, wrong: { name: 'watched', log: true }, afterWrong: [6, 11, 16], renamed: [8, 15, 22],
      events: ['watched', 'watched', 'watched'], ids: 3,
    });
  });
});

if (vulkan) suite('programs');
