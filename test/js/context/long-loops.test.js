// Rows and loops longer than a thread of Mesa's software driver may turn, and launches longer than a cancel may wait.
'use strict';
const { gpu } = require('../../support/random-data');
const { devices } = require('../../support/devices');
const { failure } = require('../../support/assertions');
const { rounds } = require('../../support/rounds');

jest.setTimeout(240000); // software Vulkan on a busy machine
const kMostTurns = 65535;
const cutting = gpu.devices().find(({ maxLoopTurns }) => maxLoopTurns);
const whereCut = cutting ? describe : describe.skip;

const filled = (count, value) => new Float32Array(count).fill(value);
// Numbers in no order, from -0.5 to 0.5: quicker made than random ones.
function spread(count, seed) {
  const data = new Float32Array(count);
  for (let i = 0, x = seed; i < count; ++i) {
    x = (Math.imul(x, 1664525) + 1013904223) | 0;
    data[i] = x / 4294967296;
  }
  return data;
}
const row = (data) => ({ data, shape: [1, data.length] });

describe.each(devices)('long rows on %s', (device) => {
  let ctx, cpu;
  beforeAll(async () => {
    ctx = await gpu.createContext({ device });
    cpu = await gpu.createContext({ device: 'cpu:0' });
  });
  afterAll(() => Promise.all([ctx.close(), cpu.close()]));
  const run = async (type, inputs, params) => (await ctx.run({ type, inputs, params })).outputs;

  test.each(rounds(['cosine'], ['dot', 'cosine', 'l2']))(
    'similarity-search, %s, of 262,147 dimensions',
    async (metric) => {
      const d = 262147; // not in fours
      const query = filled(d, 1),
        base = filled(2 * d, 1);
      base.fill(0, d + 262140); // the second row has none of the last elements
      const { scores, indices } = await run(
        'similarity-search',
        { queries: row(query), base: { data: base, shape: [2, d] } },
        { k: 2, metric },
      );
      expect([...indices.data]).toEqual([0, 1]);
      const right = { dot: [d, 262140], cosine: [1, Math.sqrt(262140 / d)], l2: [0, 7] }[metric];
      for (const [i, score] of scores.data.entries()) expect(Math.abs(score - right[i])).toBeLessThan(1e-6 * d);
      if (metric !== 'dot') for (const [i, score] of scores.data.entries()) expect(score).toBeCloseTo(right[i], 5);
    },
  );

  test('similarity-search of many queries with long rows', async () => {
    const d = 70001,
      q = 9,
      n = 3;
    const queries = filled(q * d, 0),
      base = filled(n * d, 0);
    for (let i = 0; i < q; ++i) queries[(i + 1) * d - 1] = i + 1;
    for (let i = 0; i < n; ++i) base[(i + 1) * d - 1] = 10 ** i;
    const { scores, indices } = await run(
      'similarity-search',
      { queries: { data: queries, shape: [q, d] }, base: { data: base, shape: [n, d] } },
      { k: 1, metric: 'dot' },
    );
    expect([...scores.data]).toEqual([100, 200, 300, 400, 500, 600, 700, 800, 900]);
    expect(new Set(indices.data)).toEqual(new Set([2]));
  });

  test.each(rounds(['cosine'], ['dot', 'cosine', 'l2']))(
    'similarity-search, %s, where tiles and scans end',
    async (metric) => {
      const ctxs = [ctx, cpu];
      for (const [q, n, d] of [
        [8, 130, 4095],
        [9, 66, 9999],
        [9, 3, 65535],
      ]) {
        const inputs = {
          queries: { data: spread(q * d, 1), shape: [q, d] },
          base: { data: spread(n * d, 2), shape: [n, d] },
        };
        const [got, right] = await Promise.all(
          ctxs.map((each) => each.run({ type: 'similarity-search', inputs, params: { k: 1, metric } })),
        );
        const [a, b] = [got.outputs.scores.data, right.outputs.scores.data];
        for (const [i, score] of a.entries()) expect(score / b[i]).toBeCloseTo(1, 3);
      }
    },
  );

  test('pagerank of 600,000 nodes that link to one', async () => {
    const n = 600000;
    const offsets = Int32Array.from({ length: n + 1 }, (_, i) => Math.min(i, n - 1)),
      columns = new Int32Array(n - 1).fill(n - 1);
    const { ranks } = await run('pagerank', { rowOffsets: offsets, columns }, { damping: 0.5 });
    let sum = 0;
    for (const rank of ranks.data) sum += rank;
    expect(sum).toBeCloseTo(1, 4);
    expect(ranks.data[n - 1]).toBeCloseTo(1 / 3, 4); // h = 0.5 (0.5 + 0.5 h), as the nodes grow without end
  });

  test('softmax and layer-norm of a row of 17,000,000', async () => {
    const n = 17000000,
      input = filled(n, 0);
    input[n - 1] = 4;
    const soft = (await run('softmax', { input: row(input) })).output.data;
    expect(soft[n - 1] / (Math.exp(4) / (n - 1 + Math.exp(4)))).toBeCloseTo(1, 4);
    const normed = (await run('layer-norm', { input: row(input) }, { epsilon: 0 })).output.data;
    expect(normed[n - 1] / Math.sqrt(n - 1)).toBeCloseTo(1, 4);
    const unit = (await run('normalize', { input: row(filled(n, 1)) })).output.data;
    expect(unit[n - 1] * Math.sqrt(n)).toBeCloseTo(1, 4);
    expect((await run('reduce', { input: row(input) }, { kind: 'max' })).output.data[0]).toBe(4);
  });
});

whereCut('a driver that cuts loops', () => {
  const source = (turns) => `#version 450
layout(local_size_x = 64) in;
layout(std430, binding = 0) writeonly buffer Out { uint result[]; };
layout(push_constant) uniform Push { uint turns; };
void main() {
  uint x = 0u, made = 0u;
  for (uint i = 0u; i < ${turns}; ++i) { x = x * 1664525u + 1013904223u; ++made; }
  result[gl_GlobalInvocationID.x] = made + (x & 0u);
}`;
  let ctx;
  beforeAll(async () => {
    ctx = await gpu.createContext({ device: cutting.id });
  });
  afterAll(() => ctx.close());

  test('similarity-search, cosine, of a few long rows that are too small to be squared', async () => {
    const d = 800000, // three loops of a subgroup each: more turns than a driver allows
      n = 8;
    const queries = filled(n * d, 1e-25),
      base = filled(n * d, 1e-25);
    for (let i = 0; i < n; ++i) base.fill(0, i * d, i * d + (i * d) / 10);
    const { scores, indices } = (
      await ctx.run({
        type: 'similarity-search',
        inputs: { queries: { data: queries, shape: [n, d] }, base: { data: base, shape: [n, d] } },
        params: { k: n, metric: 'cosine' },
      })
    ).outputs;
    for (let i = 0; i < n * n; ++i) expect(scores.data[i]).toBeCloseTo(Math.sqrt(1 - (i % n) / 10), 4);
    for (let i = 0; i < n * n; ++i) expect(indices.data[i]).toBe(i % n);
  });

  test('is found by the self-test, and says so', () => {
    expect(cutting.maxLoopTurns).toBeLessThanOrEqual(kMostTurns + 1);
    expect(cutting.maxLoopTurns).toBeGreaterThan(1000);
    expect(cutting.warning).toMatch(/loops of your own shaders end after \d+ turns/);
    expect(ctx.device.maxLoopTurns).toBe(cutting.maxLoopTurns);
  });

  test('a loop that may be cut is among the problems of its kernel, and really is cut', async () => {
    const kernel = await ctx.compileKernel({ name: 'open', glsl: source('turns') });
    expect(kernel.problems).toEqual([expect.stringContaining(`may make more than ${cutting.maxLoopTurns} turns`)]);
    const { outputs } = await ctx.run({
      type: 'kernel',
      kernel,
      params: { turns: 100000 },
      outputs: { result: { shape: [64], dtype: 'uint32' } },
      threads: 64,
    });
    expect([...new Set(outputs.result.data)]).toEqual([cutting.maxLoopTurns]);
  });

  test.each(['1000u', '64000u'])('a loop of %s turns is none', async (turns) => {
    expect((await ctx.compileKernel({ name: 'bounded', glsl: source(turns) })).problems).toEqual([]);
  });

  test.each(['70000u', 'min(turns, 10u)'])('a loop of %s turns is one', async (turns) => {
    expect((await ctx.compileKernel({ name: 'long', glsl: source(turns) })).problems).toHaveLength(1);
  });
});

const vulkan = devices.filter((device) => device.startsWith('vulkan'));
(vulkan.length ? describe.each(vulkan) : describe.skip.each(['']))('long launches on %s', (device) => {
  let ctx, cpu;
  beforeAll(async () => {
    ctx = await gpu.createContext({ device });
    cpu = await gpu.createContext({ device: 'cpu:0' });
  });
  afterAll(() => Promise.all([ctx.close(), cpu.close()]));

  const cube = (h, s, d, seed) => ({ data: spread(h * s * d, seed), shape: [h, s, d] });
  const small = { type: 'add', inputs: { a: new Float32Array(8), b: new Float32Array(8) } };

  test('a job that is canceled ends soon', async () => {
    const q = cube(1, 3000, 1024, 1);
    const waits = [];
    for (let i = 0; i < 3; ++i) {
      const controller = new AbortController();
      const job = failure(
        ctx.run({ type: 'attention', inputs: { query: q, key: q, value: q } }, { signal: controller.signal }),
      );
      await new Promise((resolve) => {
        setTimeout(resolve, 300);
      });
      controller.abort();
      const start = performance.now();
      expect(await job).toMatchObject({ code: 'ERR_CANCELED' });
      await ctx.run(small); // the context is free
      waits.push(performance.now() - start);
    }
    expect(Math.min(...waits)).toBeLessThan(250); // without pieces: seconds
  });

  const close = (got, right, error) => {
    let worst = 0;
    for (let i = 0; i < right.length; ++i) worst = Math.max(worst, Math.abs(got[i] - right[i]));
    expect(worst).toBeLessThan(error);
  };
  const computed = [
    [
      'matmul',
      { a: { data: spread(700 * 600, 1), shape: [700, 600] }, b: { data: spread(600 * 650, 2), shape: [600, 650] } },
    ],
    ['attention', { query: cube(2, 500, 64, 3), key: cube(2, 500, 64, 4), value: cube(2, 500, 64, 5) }],
    ['softmax', { input: { data: spread(3000 * 1001, 6), shape: [3000, 1001] } }],
  ];
  test.each(rounds(computed.slice(0, 2), computed))('%s in pieces is what the CPU gives', async (type, inputs) => {
    const right = (await cpu.run({ type, inputs })).outputs.output.data;
    for (let i = 0; i < 2; ++i) close((await ctx.run({ type, inputs })).outputs.output.data, right, 1e-3);
  });

  test('a sort in pieces', async () => {
    const input = { data: spread(300000, 7), shape: [1, 300000] };
    const { values } = (await ctx.run({ type: 'top-k', inputs: { input }, params: { k: 100000 } })).outputs;
    expect(values.data).toEqual(Float32Array.from(input.data).sort().reverse().slice(0, 100000));
  });

  // A thread writes its place, after so many turns.
  const kernelOf = (more) => `#version 450
layout(local_size_x = 8, local_size_y = 4, local_size_z = 2) in;
layout(std430, binding = 0) writeonly buffer Out { uint result[]; };
layout(std140, binding = 1) uniform Params { uint width; uint height; uint turns; };
void main() {
  const uvec3 at = gl_GlobalInvocationID;
  const uint i = (at.z * height + at.y) * width + at.x;
  uint x = i;
  for (uint turn = 0u; turn < turns; ++turn) x = x * 1664525u + 1013904223u;
  result[i] = x${more};
}`;
  const turned = (x, turns) => {
    for (let i = 0; i < turns; ++i) x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return x;
  };
  const kernelJob = (kernel, [width, height, depth], turns) => ({
    type: 'kernel',
    kernel,
    params: { width, height, turns },
    outputs: { result: { shape: [depth, height, width], dtype: 'uint32' } },
    threads: [width, height, depth],
  });
  const users = [
    ['in pieces of x', '', [65536, 4, 2], 0],
    ['in pieces of y', '', [8, 16384, 4], 0],
    ['that counts its groups is not cut', ' + gl_NumWorkGroups.y', [64, 64, 64], 16],
    ['in pieces of all axes', '', [64, 88, 102], 0],
  ];
  test.each(rounds(users.slice(-1), users))("a user's kernel %s", async (_, more, size, added) => {
    const kernel = await ctx.compileKernel({ name: 'pieces', glsl: kernelOf(more) });
    for (const turns of [1, 3000]) {
      const { outputs } = await ctx.run(kernelJob(kernel, size, turns));
      const { data } = outputs.result;
      const wrong = data.findIndex(
        (value, i) => (turns === 1 || i % 997 === 0) && value !== (turned(i, turns) + added) >>> 0,
      );
      expect(wrong).toBe(-1);
    }
  });

  // Without pieces they end after their second or more.
  test.each([
    ['large', [512, 512, 1]],
    ['one that few threads and few bytes make look small', [128, 64, 8]],
    ['one of long groups along one axis', [16, 8, 2048]],
  ])("a user's kernel that is canceled, %s", async (_, size) => {
    const kernel = await ctx.compileKernel({ name: 'canceled', glsl: kernelOf('') });
    await ctx.run(kernelJob(kernel, size, 1)); // fast: what is learned of it is not true of the next
    const waits = [];
    for (let i = 0; i < 3; ++i) {
      const controller = new AbortController();
      const job = failure(ctx.run(kernelJob(kernel, size, 65000), { signal: controller.signal }));
      await new Promise((resolve) => {
        setTimeout(resolve, 50);
      });
      controller.abort();
      const start = performance.now();
      expect(await job).toMatchObject({ code: 'ERR_CANCELED' });
      await ctx.run(small);
      waits.push(performance.now() - start);
    }
    expect(Math.min(...waits)).toBeLessThan(250);
  });

  // Whole, they take seconds: by their pixels, by their vertices, by how often they cover the picture.
  test.each([
    ['pixels', { count: 3, uniforms: { pixels: 60000, vertices: 0 } }],
    ['vertices', { count: 300000, uniforms: { pixels: 0, vertices: 60000 } }],
    ['triangles over each other', { count: 30000, uniforms: { pixels: 300, vertices: 0 }, blend: 'additive' }],
  ])('a picture that is canceled, long by its %s', async (_, drawn) => {
    const loop = (x, turns) => `for (uint i = 0u; i < ${turns}; ++i) ${x} = fract(${x} * 1.7 + uv.y);`;
    const block = 'layout(push_constant) uniform P { uint pixels; uint vertices; };';
    const shader = await ctx.compileShader(
      'long',
      `#version 450
layout(location = 0) out vec2 uv;
${block}
void main() {
  uv = vec2(gl_VertexIndex % 3 == 1 ? 2.0 : 0.0, gl_VertexIndex % 3 == 2 ? 2.0 : 0.0);
  float x = uv.x;
  ${loop('x', 'vertices')}
  gl_Position = vec4(vertices > 0u && gl_VertexIndex > 2 ? uv * 0.01 : uv * 2.0 - 1.0, x * 0.0, 1.0);
}`,
      `#version 450
layout(location = 0) in vec2 uv;
layout(location = 0) out vec4 colour;
${block}
void main() {
  float x = uv.x;
  ${loop('x', 'pixels')}
  colour = vec4(x, uv, 0.5);
}`,
    );
    const job = { type: 'render', shader, width: 1280, height: 720, primitive: 'triangles', ...drawn };
    const waits = [];
    for (let i = 0; i < 3; ++i) {
      const controller = new AbortController();
      const picture = failure(ctx.run(job, { signal: controller.signal }));
      await new Promise((resolve) => {
        setTimeout(resolve, 100);
      });
      controller.abort();
      const start = performance.now();
      expect(await picture).toMatchObject({ code: 'ERR_CANCELED' });
      await ctx.run(small);
      waits.push(performance.now() - start);
    }
    expect(Math.min(...waits)).toBeLessThan(250);
  });
});
