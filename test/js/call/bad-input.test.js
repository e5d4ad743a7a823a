// Bad input: each its own error code and a message that names the culprit; the context goes on working and nothing
// leaks.
'use strict';
const { gpu, matrix } = require('../../support/random-data');
const { devices } = require('../../support/devices');
const { failure } = require('../../support/assertions');
const { table, f32, add, topK, INVALID } = require('../../support/bad-workloads');

const { tensor } = gpu;
jest.setTimeout(120000); // software Vulkan on a busy machine
const options = [
  ['an unknown option', { timout: 5 }, INVALID, /unknown option of run\(\) 'timout' \(did you mean 'timeout'/],
  ['options that are a number', 5, INVALID, /options are 5/],
  ['options that are null', null, INVALID, /options are null/],
  ['a timeout of zero', { timeout: 0 }, INVALID, /timeout is 0/],
  ['a NaN timeout', { timeout: NaN }, INVALID, /timeout is NaN/],
  ['a timeout past what timers take', { timeout: 2 ** 40 }, INVALID, /timeout/],
  ['a signal that is none', { signal: {} }, INVALID, /signal is an object, but must be an AbortSignal/],
  ['into with an unknown output', { into: { out: f32(2) } }, INVALID, /unknown output 'out'/],
  ['into that is an array', { into: f32(2) }, INVALID, /unknown output '0'/],
  [
    'into of another shape',
    { into: { output: tensor(f32(2), [1, 2]) } },
    INVALID,
    /into 'output' is float32 \[1, 2\], but the result is float32 \[2\]/,
  ],
  [
    'into of another length',
    { into: { output: f32(3) } },
    INVALID,
    /into 'output' is float32 \[3\], but the result is float32 \[2\]/,
  ],
  [
    'into of another dtype',
    { into: { output: new Int32Array(2) } },
    INVALID,
    /into 'output' is int32 \[2\], but the result is float32/,
  ],
  [
    'into a shared array',
    { into: { output: new Float32Array(new SharedArrayBuffer(8)) } },
    INVALID,
    /SharedArrayBuffer/,
  ],
];

describe.each(devices)('on %s', (device) => {
  let ctx;
  beforeAll(async () => {
    ctx = await gpu.createContext({ device });
  });
  afterAll(() => ctx.close());
  afterEach(async () => {
    const { outputs } = await ctx.run(add(f32(3, 2), f32(3, 5))); // still usable
    expect(Array.from(outputs.output.data)).toEqual([7, 7, 7]);
    expect(ctx.memoryUsage.used).toBe(0);
  });
  const check = (error, code, message) => {
    expect(error).toBeInstanceOf(Error);
    expect(error.code).toMatch(code);
    expect(error.message).toMatch(message);
  };

  test.each(table)('%s', async (_, workload, code, message) => {
    check(await failure(ctx.run(typeof workload === 'function' ? workload() : workload)), code, message);
  });

  test.each(options)('%s', async (_, given, code, message) => {
    check(await failure(ctx.run(add(f32(2), f32(2)), given)), code, message);
  });

  test('into that shares memory with an input or another output', async () => {
    const memory = f32(8);
    check(
      await failure(ctx.run(add(memory.subarray(0, 4), f32(4)), { into: { output: memory.subarray(3, 7) } })),
      INVALID,
      /shares memory with an input/,
    );
    const values = new Float32Array(memory.buffer, 0, 2),
      indices = new Int32Array(memory.buffer, 4, 2);
    check(
      await failure(ctx.run(topK({ k: 1 }), { into: { values, indices } })),
      INVALID,
      /shares memory with another output/,
    );
  });

  test('accessors that throw', async () => {
    const workload = {
      type: 'add',
      get inputs() {
        throw new RangeError('mine');
      },
    };
    const error = await failure(ctx.run(workload));
    check(error, 'ERR_INTERNAL', /mine/);
    expect(error.cause).toBeInstanceOf(RangeError);
  });

  test('a graph that is wrong', async () => {
    const x = matrix(2, 3);
    const scale = (input, output) => ({ type: 'scale', inputs: { input }, outputs: { output } });
    const graph = (nodes, outputs = ['y'], more = {}) =>
      ctx.run({ type: 'graph', inputs: { x }, nodes, outputs, ...more });
    const wrong = [
      [graph([]), /nodes is \[\]/],
      [graph([scale('x', 'y')], []), /outputs is \[\]/],
      [graph([scale('x', 'y')], ['z']), /output 'z' is made by no node/],
      [graph([scale('x', 'y')], ['x']), /output 'x' is one of its inputs/],
      [graph([scale('x', 'y')], ['y', 'y']), /'y' is named twice/],
      [graph([scale('q', 'y')]), /node 0 \('scale'\): input 'input' names 'q', which nothing makes/],
      [graph([scale('x', 'y'), scale('y', 'y')]), /node 1 \('scale'\).*'y', but so is an output of node 0/],
      [graph([scale('x', 'x')], ['x']), /'x', but so is an input of the graph/],
      [graph([scale('z', 'y'), scale('y', 'z')]), /cycle/],
      [graph([scale('y', 'y')]), /cycle through node 0/],
      [graph([{ type: 'scal', inputs: {}, outputs: {} }]), /node 0: unknown workload 'scal' \(did you mean 'scale'/],
      [graph([{ ...scale('x', 'y'), factor: 2 }]), /node 0 \('scale'\): 'factor' is a parameter/],
      [graph([{ ...scale('x', 'y'), params: { facto: 2 } }]), /node 0 \('scale'\): unknown parameter 'facto'/],
      [
        graph([{ type: 'scale', inputs: {}, outputs: { output: 'y' } }]),
        /node 0 \('scale'\): input 'input' is missing/,
      ],
      [graph([{ type: 'scale', inputs: { input: 'x' }, outputs: { result: 'y' } }]), /unknown output 'result'/],
      [graph([{ type: 'scale', inputs: { input: 5 }, outputs: { output: 'y' } }]), /input 'input' is 5/],
      [graph([null]), /node 0 is null/],
      [graph([{ type: 'graph' }]), /node 0 is a graph itself/],
      [graph([{ type: 'kernel' }]), /node 0 is a 'kernel', which is a job of its own/],
      [graph([{ type: 'render', scene: 'attention-heatmap' }]), /node 0 is a 'render', which is a job of its own/],
      [graph([scale('x', 'y')], ['y'], { params: {} }), /no params of its own/],
      // Found by the core, after the nodes were put in order: the number is still the user's.
      [
        graph([{ type: 'matmul', inputs: { a: 'z', b: 'z' }, outputs: { output: 'y' } }, scale('x', 'z')]),
        /node 0 \('matmul'\).*matmul/,
      ],
      [
        graph([{ type: 'attention', inputs: { query: 'x', key: 'x', value: 'x' }, outputs: { weights: 'y' } }]),
        /node 0 \('attention'\)/,
      ],
    ];
    for (const [promise, message] of wrong)
      check(
        await failure(promise),
        message.source.includes('unknown workload') ? 'ERR_UNKNOWN_WORKLOAD' : INVALID,
        message,
      );
  });

  test('upload and read', async () => {
    check(await failure(ctx.upload([1, 2])), INVALID, /plain array/);
    check(await failure(ctx.upload(null)), INVALID, /'tensor' is null/);
    check(await failure(ctx.upload(f32(2), { into: f32(2) })), INVALID, /unknown option of upload\(\) 'into'/);
    const held = await ctx.upload(f32(4));
    check(await failure(ctx.upload(held)), INVALID, /already/);
    check(await failure(held.read({ into: f32(3) })), INVALID, /\[3\].*\[4\]/);
    check(
      await failure(ctx.run(add(f32(4), f32(4)), { into: { output: held } })),
      INVALID,
      /DeviceTensor, but must be host memory/,
    );
    held.release();
    held.release();
    check(await failure(held.read()), 'ERR_CLOSED', /released/);
    check(await failure(ctx.run(add(held, f32(4)))), 'ERR_CLOSED', /released/);
  });
});

describe('tensor()', () => {
  test.each([
    ['nothing', [], /data is undefined/],
    ['a number', [5], /data is 5/],
    ['a ragged array', [[[1, 2], [3]]], /ragged/],
    ['numbers beside arrays', [[1, [2]]], /ragged/],
    ['a string inside', [[1, '2']], /element 1, is '2'/],
    [
      'a wrong shape',
      [
        [1, 2, 3],
        [2, 2],
      ],
      /takes 4 elements, but its data has 3/,
    ],
    ['an unknown dtype', [[1], [1], 'float64'], /dtype 'float64'/],
    ['another dtype', [new Float32Array(1), [1], 'int8'], /int8 is carried by a Int8Array/],
    ['300 as uint8', [[300], [1], 'uint8'], /element 0, is 300, but uint8 holds whole numbers from 0 to 255/],
    ['0.5 as int32', [[0.5], [1], 'int32'], /element 0, is 0.5/],
    ['a shared array', [new Uint8Array(new SharedArrayBuffer(4))], /SharedArrayBuffer/],
  ])('refuses %s', (_, args, message) => {
    expect(() => tensor(...args)).toThrow(
      expect.objectContaining({ code: INVALID, message: expect.stringMatching(message) }),
    );
  });

  test('makes what one would expect', () => {
    expect(tensor([1, 2, 3, 4], [2, 2])).toEqual({
      data: Float32Array.from([1, 2, 3, 4]),
      shape: [2, 2],
      dtype: 'float32',
    });
    expect(
      tensor([
        [1, 2, 3],
        [4, 5, 6],
      ]),
    ).toEqual({ data: Float32Array.from([1, 2, 3, 4, 5, 6]), shape: [2, 3], dtype: 'float32' });
    expect(tensor([[], []]).shape).toEqual([2, 0]);
    expect(tensor([-1, 2], undefined, 'int8')).toEqual({ data: Int8Array.from([-1, 2]), shape: [2], dtype: 'int8' });
    expect(tensor([1, -2, 65504, 1e6, 2 ** -24, NaN, 0.1], undefined, 'float16').data).toEqual(
      Uint16Array.from([0x3c00, 0xc000, 0x7bff, 0x7c00, 1, 0x7e00, 0x2e66]),
    );
    // 1 + 2^-8 and 1 + 3 * 2^-8 lie between two: the even one is taken.
    const between = [1 + 2 ** -8, 1 + 3 * 2 ** -8, 3.4e38, -1e39, 2 ** -133, NaN, 0.1, -0];
    expect(tensor(between, undefined, 'bfloat16')).toEqual({
      data: Uint16Array.from([0x3f80, 0x3f82, 0x7f80, 0xff80, 1, 0x7fc0, 0x3dcd, 0x8000]),
      shape: [8],
      dtype: 'bfloat16',
    });
    const bits = new Uint16Array(2);
    expect(tensor(bits).dtype).toBe('float16');
    expect(tensor(bits, [2], 'bfloat16')).toEqual({ data: bits, shape: [2], dtype: 'bfloat16' });
    expect(() => tensor(new Float32Array(2), [2], 'bfloat16')).toThrow(
      "the tensor has dtype 'bfloat16', but its data is a Float32Array, which is float32: " +
        'bfloat16 is carried by a Uint16Array',
    );
    expect(tensor([5], []).shape).toEqual([]);
    const bytes = Buffer.from([1, 2, 3]);
    expect(tensor(bytes).dtype).toBe('uint8');
    expect(tensor(bytes).data).toBe(bytes);
    const shape = [1];
    const made = tensor(new Float32Array(1), shape);
    shape[0] = 7;
    expect(made.shape).toEqual([1]);
  });
});

describe('createContext()', () => {
  test.each([
    [
      'an unknown option',
      { devise: 'cpu' },
      INVALID,
      /unknown option of createContext\(\) 'devise' \(did you mean 'device'/,
    ],
    ['an unknown device', { device: 'tpu' }, INVALID, /device is 'tpu', but must be 'auto'/],
    ['no kind of device', { device: 'gpu' }, INVALID, /device is 'gpu', which is no backend: 'auto' takes a GPU where/],
    ['a misspelt device', { device: 'vulcan' }, INVALID, /did you mean 'vulkan'/],
    ['a device number that is none', { device: 'cpu:x' }, INVALID, /'cpu:x'/],
    ['a device that is not here', { device: 'vulkan:77' }, 'ERR_UNSUPPORTED', /vulkan:77/],
    ['a device that is a number', { device: 0 }, INVALID, /device is 0/],
    ['a memory limit of NaN', { memoryLimit: NaN }, INVALID, /memoryLimit is NaN/],
    [
      'a memory limit too small to be meant',
      { memoryLimit: 512 },
      INVALID,
      /memoryLimit is 512, but must be a whole number of bytes/,
    ],
    ['zero threads', { threads: 0 }, INVALID, /threads is 0/],
    ['options that are null', null, INVALID, /options are null/],
  ])('refuses %s', async (_, given, code, message) => {
    expect(await failure(gpu.createContext(given))).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  test.each([
    ['ENABLE_VULKAN', 'maybe', /ENABLE_VULKAN is 'maybe', but must be true or false/],
    ['ENABLE_CUDA', '2', /ENABLE_CUDA is '2'/],
    ['ENABLE_WEBGPU', 'x', /ENABLE_WEBGPU is 'x'/],
    ['GPU_MEMORY_LIMIT', '-1', /GPU_MEMORY_LIMIT is '-1', but must be a whole number/],
    ['GPU_MEMORY_LIMIT', '512MiB', /GPU_MEMORY_LIMIT is '512MiB'/],
  ])('refuses %s=%s', async (name, value, message) => {
    const before = process.env[name];
    process.env[name] = value;
    try {
      expect(await failure(gpu.createContext({ device: 'cpu' }))).toMatchObject({
        code: INVALID,
        message: expect.stringMatching(message),
      });
      if (name !== 'GPU_MEMORY_LIMIT') expect(() => gpu.devices()).toThrow(message);
    } finally {
      if (before === undefined) delete process.env[name];
      else process.env[name] = before;
    }
  });

  test('ENABLE_VULKAN=false leaves Vulkan out, and so does ENABLE_WEBGPU', async () => {
    for (const name of ['ENABLE_VULKAN', 'ENABLE_WEBGPU']) {
      process.env[name] = 'false';
      try {
        expect(gpu.devices().every(({ backend }) => backend !== 'vulkan')).toBe(true);
        expect(await failure(gpu.createContext({ device: 'vulkan' }))).toMatchObject({
          code: 'ERR_UNSUPPORTED',
          message: expect.stringMatching(/ENABLE_VULKAN/),
        });
      } finally {
        delete process.env[name];
      }
    }
  });
});
