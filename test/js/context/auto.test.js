// A context that was opened as 'auto' runs what its own device can't on one that draws.
'use strict';
const { gpu } = require('../../support/random-data');
const { failure } = require('../../support/assertions');

const canDraw = gpu.devices().some(({ features }) => features.graphics);
const drawing = canDraw ? describe : describe.skip; // without Vulkan nothing draws
const scene = {
  type: 'render',
  scene: 'attention-heatmap',
  width: 64,
  height: 48,
  inputs: { weights: gpu.tensor(new Float32Array(16).fill(0.25), [4, 4]) },
};
const vertex = 'attribute vec2 p; void main() { gl_Position = vec4(p, 0.0, 1.0); }';
const fragment = 'precision mediump float; void main() { gl_FragColor = vec4(1.0, 0.0, 0.0, 1.0); }';
const double = `#version 450
  layout(local_size_x = 64) in;
  layout(binding = 0) readonly buffer In { float x[]; };
  layout(binding = 1) writeonly buffer Out { float y[]; };
  void main() { uint i = gl_GlobalInvocationID.x; if (i < 4) y[i] = 2.0 * x[i]; }`;

drawing("'auto'", () => {
  let context;
  beforeEach(async () => {
    // As on a machine without a GPU, whatever this one has.
    process.env.ENABLE_CUDA = 'false';
    context = await gpu.createContext({ device: 'auto' });
  });
  afterEach(async () => {
    delete process.env.ENABLE_CUDA;
    await context.close();
  });

  test('draws scenes', async () => {
    const { outputs, contextType } = await context.run(scene);
    expect(outputs.image.shape).toEqual([48, 64, 4]);
    expect(new Set(outputs.image.data).size).toBeGreaterThan(2);
    expect(contextType).toBe('vulkan');
    expect(
      (await context.run({ type: 'add', inputs: { a: new Float32Array(1), b: new Float32Array(1) } })).contextId,
    ).toBe(context.id);
  });

  test("runs users' shaders and kernels", async () => {
    const shader = await context.compileShader('red', vertex, fragment);
    const attributes = { p: gpu.tensor(new Float32Array([-1, -1, 3, -1, -1, 3]), [3, 2]) };
    const picture = { type: 'render', shader, width: 4, height: 4, primitive: 'triangles', count: 3, attributes };
    const into = new Uint8Array(64);
    await context.run(picture, { into: { image: gpu.tensor(into, [4, 4, 4]) } });
    expect([...into.subarray(0, 4)]).toEqual([255, 0, 0, 255]);
    const kernel = await context.compileKernel({ name: 'double', glsl: double });
    const outputs = { Out: { shape: [4], dtype: 'float32' } };
    const inputs = { In: new Float32Array([1, 2, 3, 4]) };
    const names = kernel.bindings.map(({ name }) => name);
    const renamed = {
      type: 'kernel',
      kernel,
      threads: 4,
      inputs: { [names[0]]: inputs.In },
      outputs: { [names[1]]: outputs.Out },
    };
    const done = await context.run(renamed);
    expect([...Object.values(done.outputs)[0].data]).toEqual([2, 4, 6, 8]);
  });

  test('ends with what it has opened', async () => {
    await context.run(scene);
    context.trim();
    await context.close();
    expect(await failure(context.run(scene))).toMatchObject({ code: 'ERR_CLOSED' });
  });
});

test('a device that was named stays the one', async () => {
  const context = await gpu.createContext({ device: 'cpu' });
  expect(await failure(context.run(scene))).toMatchObject({
    code: 'ERR_UNSUPPORTED',
    message: expect.stringMatching(/cpu:0 draws no pictures/),
  });
  await context.close();
});
