// Programs on the real addon: in a context alone, in a process alone, over a cluster, from files that change, and over
// a restart.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { gpu } = require('../../support/random-data');
const { devices } = require('../../support/devices');
const { failure } = require('../../support/assertions');
const { runChild } = require('../../support/run-child');
const { suite } = require('../../support/run-cluster-suite');

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
  type: 'kernel',
  kernel,
  inputs: { x: new Float32Array([1, 2, 3]) },
  outputs: { y: { shape: [3] } },
  params: { count: 3, shift: [1, 10] },
  threads: 3,
  ...more,
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
  beforeAll(async () => {
    ctx = await gpu.createContext({ device: vulkan });
  });
  afterAll(() => ctx.close());

  test('compiles, runs, and gives the same kernel for the same sources', async () => {
    const kernel = await ctx.compileKernel({ name: 'alone', glsl: scaleBy(2) });
    expect(kernel).toBeInstanceOf(gpu.Kernel);
    expect(kernel).toMatchObject({
      name: 'alone',
      cached: false,
      backends: ['vulkan'],
      groupSize: [64, 1, 1],
      problems: [],
    });
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

  test('empty tensors, whatever their elements', async () => {
    const kernel = await ctx.compileKernel({
      name: 'empty',
      glsl: `#version 450
layout(local_size_x = 1) in;
struct Wide { mat4 m; vec4 v[3]; };
layout(binding = 0) readonly buffer X { vec4 x[]; };
layout(binding = 1) buffer W { Wide w[]; };
layout(binding = 2) buffer Y { float y[]; };
void main() { y[0] = x[0].w + w[0].m[1][1] + 5.0; }`,
    });
    const empty = new Float32Array(0);
    const { outputs } = await ctx.run({
      type: 'kernel',
      kernel,
      inputs: { x: empty, w: empty },
      outputs: { y: { shape: [1] } },
      threads: 1,
    });
    expect(Array.from(outputs.y.data)).toEqual([5]);
    const shader = await ctx.compileShader(
      'empty',
      `#version 450
layout(binding = 0) readonly buffer X { mat4 x[]; };
void main() { gl_Position = vec4(gl_VertexIndex == 1 ? 3 : -1, gl_VertexIndex == 2 ? 3 : -1, x[0][3][3], 1); }`,
      `#version 450
layout(location = 0) out vec4 colour;
void main() { colour = vec4(1); }`,
    );
    const drawn = await ctx.run({ type: 'render', shader, width: 1, height: 1, count: 3, inputs: { x: empty } });
    expect(Array.from(Object.values(drawn.outputs)[0].data)).toEqual([255, 255, 255, 255]);
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
    expect(await failure(other.compileKernel({ name: 'gone', glsl: scaleBy(2) }))).toMatchObject({
      code: 'ERR_CLOSED',
    });
  });
});

const canDraw = gpu.devices().some(({ features }) => features.graphics);
if (!canDraw) test.skip('SKIPPED: pictures are drawn by a GPU with graphics, and none is here', () => {});
(canDraw ? describe : describe.skip)('pictures', () => {
  let manager;
  beforeAll(async () => {
    manager = gpu.createGPUClusterManager({ contextTypes: ['cpu', 'vulkan'], logLevel: 'silent' });
    await manager.ready;
  });
  afterAll(() => manager.close());

  const vertex = `attribute vec2 a_position;
void main() { gl_Position = vec4(a_position, 0.0, 1.0); }`;
  const fragment = `precision mediump float;
uniform vec3 u_color;
uniform sampler2D u_map;
void main() { gl_FragColor = vec4(u_color, texture2D(u_map, vec2(0.5)).r); }`;
  const whole = new Float32Array([-1, -1, 3, -1, -1, 3]);
  const drawing = (shader, more) => ({
    type: 'render',
    shader,
    width: 8,
    height: 4,
    attributes: { a_position: whole },
    uniforms: { u_color: [1, 0, 0.2], u_map: gpu.tensor(new Uint8Array([255]), [1, 1]) },
    ...more,
  });
  const pixel = (
    {
      outputs: {
        image: { data, shape },
      },
    },
    x,
    y,
  ) => Array.from(data.subarray(4 * (y * shape[1] + x), 4 * (y * shape[1] + x) + 4));

  test('a picture that takes more than its context may is refused', async () => {
    const ctx = await gpu.createContext({ device: vulkan, memoryLimit: 2 ** 20 });
    const shader = await ctx.compileShader('flat', vertex, fragment);
    const large = { width: 256, height: 256 };
    const error = await failure(ctx.run(drawing(shader, large)));
    expect(error).toMatchObject({ code: 'ERR_OUT_OF_MEMORY' });
    expect(error.message).toMatch(/256 x 256 with 4 samples .* 1310721 bytes .* limit is 1048576: raise memoryLimit/);
    expect(error.message).toMatch(/raise memoryLimit, draw it smaller, or without antialias/);
    expect(pixel(await ctx.run(drawing(shader, { ...large, antialias: false })), 255, 255)).toEqual([255, 0, 51, 255]);
    await ctx.close();
  });

  test('a WebGL shader draws over a background, through the cluster and in a context alone', async () => {
    const shader = await manager.compileShader('flat', vertex, fragment);
    expect(shader).toBeInstanceOf(gpu.Shader);
    expect(shader.params.map(({ name }) => name)).toEqual(['u_color']);
    const here = await manager.executeWorkload(drawing(shader));
    expect(here.outputs.image).toMatchObject({ shape: [4, 8, 4], dtype: 'uint8' });
    const asked = await manager.executeWorkload(drawing(shader), { affinity: 'x' });
    for (const result of [here, asked]) expect(pixel(result, 7, 3)).toEqual([255, 0, 51, 255]);
    const left = await manager.executeWorkload(
      drawing(shader, {
        attributes: { a_position: new Float32Array([-1, -1, 0, -1, 0, 1, -1, -1, 0, 1, -1, 1]) },
        background: [0, 0, 1],
        antialias: false,
      }),
    );
    expect([pixel(left, 0, 0), pixel(left, 7, 3)]).toEqual([
      [255, 0, 51, 255],
      [0, 0, 255, 255],
    ]);
    expect(await manager.compileShader('flat', vertex, fragment)).toBe(shader);
    const ctx = await gpu.createContext({ device: vulkan });
    const own = await ctx.compileShader('flat', vertex, fragment);
    expect(pixel(await ctx.run(drawing(own)), 3, 2)).toEqual([255, 0, 51, 255]);
    await ctx.close();
  });

  test('what is wrong with a picture is said by name', async () => {
    const shader = await manager.compileShader('flat', vertex, fragment);
    const refused = async (more, code, message, options) =>
      expect(await failure(manager.executeWorkload(drawing(shader, more), options))).toMatchObject({
        code,
        message: expect.stringMatching(message),
      });
    await refused({ width: 2 ** 20 }, 'ERR_INVALID_ARGUMENT', /width is 1.*must be a whole number from 1 to/);
    await refused({ uniforms: { u_color: [1, 0, 0.2] } }, 'ERR_INVALID_ARGUMENT', /uniform 'u_map' is missing/);
    await refused({ attributes: { a_position: new Int32Array(6) } }, 'ERR_INVALID_ARGUMENT', /'a_position' is int32/);
    await refused({}, 'ERR_UNSUPPORTED', /drawn through Vulkan alone/, { contextType: 'cpu' });
    expect(
      await failure(manager.compileShader('flat', vertex, fragment.replace('u_color,', 'u_colour,'))),
    ).toMatchObject({ code: 'ERR_COMPILE', line: 4 });
    expect(await failure(manager.compileShader('w', '@vertex fn main() {}', '@fragment fn main() {}'))).toMatchObject({
      code: 'ERR_UNSUPPORTED',
    });
    expect(await failure(manager.compileShader('flat', vertex))).toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringMatching(/fragment is undefined/),
    });
  });

  test('what is declared and not used may be given, and may be left out', async () => {
    const shader = await manager.compileShader(
      'spare',
      `attribute vec2 a_position; attribute vec3 a_normal; attribute vec2 a_uv; varying vec2 v_uv;
uniform float u_time;
void main() { v_uv = a_uv; gl_Position = vec4(a_position, 0.0, 1.0); }`,
      `precision mediump float;
varying vec2 v_uv; uniform vec3 u_color; uniform vec2 u_size; uniform sampler2D u_map; uniform sampler2D u_used;
void main() { vec4 unread = texture2D(u_map, v_uv); gl_FragColor = vec4(u_color, texture2D(u_used, vec2(0.5)).r); }`,
    );
    const attributes = { a_position: whole },
      uniforms = { u_color: [0.2, 1, 0], u_used: gpu.tensor(new Uint8Array([255]), [1, 1]) };
    const all = {
      attributes: { ...attributes, a_normal: new Float32Array(9), a_uv: new Float32Array(6) },
      uniforms: { ...uniforms, u_time: 1, u_size: [8, 4], u_map: gpu.tensor(new Uint8Array([255]), [1, 1]) },
    };
    for (const given of [{ attributes, uniforms }, all])
      expect(pixel(await manager.executeWorkload(drawing(shader, given)), 7, 3)).toEqual([51, 255, 0, 255]);
    const refusal = await failure(manager.executeWorkload(drawing(shader, { uniforms: { u_used: uniforms.u_used } })));
    expect(refusal).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', argument: 'uniforms.u_color' });
    expect(
      await failure(manager.executeWorkload(drawing(shader, { uniforms: { ...uniforms, u_tim: 1 } }))),
    ).toMatchObject({ message: expect.stringMatching(/unknown uniform 'u_tim' \(did you mean 'u_time'\?\)/) });
  });

  test('a stream of them, whose time moves', async () => {
    const shader = await manager.compileShader(
      'moving',
      vertex,
      `precision highp float;
uniform float u_time;
void main() { gl_FragColor = vec4(u_time / 10.0, 0.0, 0.0, 1.0); }`,
    );
    const reds = [];
    for await (const frame of manager.renderStream(drawing(shader, { uniforms: { u_time: 2 } }), { fps: 50 })) {
      reds.push(frame.image.data[0]);
      expect(frame.image.data[0]).toBeCloseTo((255 * (2 + frame.time)) / 10, -0.5);
      if (reds.length === 5) break;
    }
    expect(reds[0]).toBeGreaterThanOrEqual(51);
    expect(reds).toEqual([...reds].sort((a, b) => a - b));
  });

  test('a scene, with texts and time, and as a file', async () => {
    const weights = gpu.tensor(
      new Float32Array(64).map((_, i) => i / 64),
      [8, 8],
    );
    const scene = {
      type: 'render',
      scene: 'attention-heatmap',
      width: 320,
      height: 180,
      inputs: { weights },
      params: { title: 'Weights', rowLabels: [...'abcdefgh'], columnLabels: [...'abcdefgh'] },
    };
    const {
      outputs: { image },
    } = await manager.executeWorkload(scene);
    expect(image).toMatchObject({ shape: [180, 320, 4], dtype: 'uint8' });
    const bare = (await manager.executeWorkload({ ...scene, params: {} })).outputs.image;
    expect(Buffer.compare(Buffer.from(image.data), Buffer.from(bare.data))).not.toBe(0); // the texts are there
    expect((await gpu.encodePNG(image)).subarray(1, 4).toString()).toBe('PNG');
    expect(await failure(manager.executeWorkload(scene, { contextType: 'cpu' }))).toMatchObject({
      code: 'ERR_UNSUPPORTED',
    });
    expect((await manager.getMetrics()).performance.renderTime).toBeGreaterThan(0);
  });
});

describeVulkan('a process alone', () => {
  /** One run of children/programs.js: what it printed, one value a line. */
  async function run(name, args = [], env = {}) {
    const ended = await runChild('programs.js', [name, ...args], { env: { SHADER_CACHE_DIR: folder, ...env } });
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    return ended.stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  }

  test('what one run has compiled the next finds on disk, ready before it is asked', async () => {
    const own = { SHADER_CACHE_DIR: path.join(folder, 'own') };
    const [first] = await run('restart', [], own);
    expect(first).toMatchObject({
      cached: [false, false],
      results: [
        [3, 5, 7],
        [4, 7, 10],
      ],
      readyPrograms: 0,
    });
    expect(fs.existsSync(own.SHADER_CACHE_DIR)).toBe(true);
    const [second] = await run('restart', [], own);
    expect(second).toMatchObject({
      cached: ['disk', 'disk'],
      results: [
        [3, 5, 7],
        [4, 7, 10],
      ],
      readyPrograms: 2,
    });
    expect(second.events).toEqual(['first', 'second']); // loaded for the first time in this cluster
  });

  test('jobs on its own contexts, drawn from by the same rules', async () => {
    const [answer] = await run('standalone');
    expect(answer).toEqual({
      results: [
        [3, 5, 7],
        [3, 5, 7],
        [3, 5, 7],
      ],
      types: ['vulkan'],
      afterClose: ['ERR_CLOSED', 'ERR_CLOSED'],
      cpuOnly: 'ERR_UNSUPPORTED',
    });
  });

  test('with cache: true a job runs the version of its kernel whose digest was taken, not one swapped in', async () => {
    const [answer] = await run('swap-while-hashing');
    expect(answer).toEqual({ old: [3, 5, 7], fresh: [6, 11, 16], swapped: true });
  });

  test('without a context that could run it, it is said what is missing', async () => {
    const [{ code, message }] = await run('cpu-only');
    expect(code).toBe('ERR_UNSUPPORTED');
    expect(message).toMatch(
      /no context here can run the kernel, which has code for Vulkan: there is cpu\. A Vulkan driver is needed/,
    );
  });

  test('a file that changes is compiled again, and its kernel swapped; one that is wrong changes nothing', async () => {
    const [answer] = await run('hot-reload', [path.join(folder, 'watched.comp')], { ENABLE_GPU_HOT_RELOAD: 'true' });
    expect(answer).toEqual({
      first: [3, 5, 7],
      changed: [6, 11, 16],
      same: true,
      wrong: { name: 'watched', code: 'ERR_COMPILE', line: 7, log: true },
      afterWrong: [6, 11, 16],
      renamed: [8, 15, 22],
      events: ['watched', 'watched', 'watched'],
      ids: 3,
    });
  });
});

if (vulkan) suite('programs');
