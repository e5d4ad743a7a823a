// Jobs of programs before anybody runs them: parameter blocks laid out as reflection says, call blocks, and what is
// refused with which words.
'use strict';
const { writeParams, checkParamNames } = require('../../../lib/call/param-block');
const { Kernel, Shader } = require('../../../lib/call/program');
const { describeProgramCall, encodeProgramCall } = require('../../../lib/call/program-call');
const { describe: describeCall } = require('../../../lib/call/describe');
const { digestOf } = require('../../../lib/call/digest');

const param = (name, fields = {}) => ({
  name,
  scalar: 'float',
  rows: 1,
  columns: 1,
  elements: 0,
  offset: 0,
  arrayStride: 0,
  matrixStride: 0,
  ...fields,
});
function pack(params, values, bytes) {
  const block = new Uint8Array(bytes + 8);
  writeParams(params, values, block, 8, 'k');
  expect(Array.from(block.subarray(0, 8))).toEqual(Array(8).fill(0));
  return new DataView(block.buffer, 8);
}

describe('parameter blocks', () => {
  test('scalars of every kind, where they belong', () => {
    const view = pack(
      [
        param('a'),
        param('b', { scalar: 'int', offset: 4 }),
        param('c', { scalar: 'uint', offset: 8 }),
        param('d', { scalar: 'bool', offset: 12 }),
        param('e', { scalar: 'bool', offset: 16 }),
      ],
      { a: 1.5, b: -7, c: 4294967295, d: true, e: 0 },
      20,
    );
    expect([
      view.getFloat32(0, true),
      view.getInt32(4, true),
      view.getUint32(8, true),
      view.getUint32(12, true),
      view.getUint32(16, true),
    ]).toEqual([1.5, -7, 4294967295, 1, 0]);
  });

  test('vectors, matrices by columns, and arrays with their strides', () => {
    const view = pack(
      [
        param('v', { rows: 3 }),
        param('m', { rows: 2, columns: 2, offset: 16, matrixStride: 16 }),
        param('a', { elements: 3, offset: 48, arrayStride: 16 }),
        param('p', { rows: 2, columns: 2, elements: 2, offset: 96, arrayStride: 32, matrixStride: 16 }),
      ],
      { v: new Float32Array([1, 2, 3]), m: [4, 5, 6, 7], a: [8, 9, 10], p: new Float64Array([1, 2, 3, 4, 5, 6, 7, 8]) },
      160,
    );
    const at = (...offsets) => offsets.map((offset) => view.getFloat32(offset, true));
    expect(at(0, 4, 8)).toEqual([1, 2, 3]);
    expect(at(16, 20, 32, 36)).toEqual([4, 5, 6, 7]);
    expect(at(48, 64, 80)).toEqual([8, 9, 10]);
    expect(at(96, 100, 112, 116, 128, 132, 144, 148)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test.each([
    ['nothing', undefined, /k: parameter 'x' \(float\) is missing/],
    ['a string', '1', /'x' is '1', but must be a number/],
    ['a list', [1, 2], /'x' has 2 values, but float takes 1/],
    ['true', true, /'x' is true, but must be a number/],
  ])('a float that is %s', (_, value, message) => {
    expect(() => pack([param('x')], { x: value }, 4)).toThrow(message);
  });

  test.each([[1.5], [2 ** 31], [-(2 ** 31) - 1], [NaN], [true], ['1']])('an int that is %p', (value) => {
    expect(() => pack([param('x', { scalar: 'int' })], { x: value }, 4)).toThrow(
      /'x' is .*, but must be a whole number from -2147483648 to 2147483647/,
    );
  });

  test.each([[-1], [2 ** 32], [0.5]])('a uint that is %p', (value) => {
    expect(() => pack([param('x', { scalar: 'uint' })], { x: value }, 4)).toThrow(
      /must be a whole number from 0 to 4294967295/,
    );
  });

  test('a bool is a uint where reflection finds one', () => {
    const view = pack(
      [param('x', { scalar: 'uint' }), param('v', { scalar: 'uint', rows: 2, offset: 8 })],
      { x: true, v: [false, true] },
      16,
    );
    expect([view.getUint32(0, true), view.getUint32(8, true), view.getUint32(12, true)]).toEqual([1, 0, 1]);
  });

  test('a bool is no number, a vector no scalar, and its elements are looked at', () => {
    expect(() => pack([param('x', { scalar: 'bool' })], { x: 2 }, 4)).toThrow(/'x' is 2, but must be true or false/);
    expect(() => pack([param('x', { rows: 3 })], { x: 1 }, 12)).toThrow(
      /'x' is 1, but must be an array of 3 numbers \(vec3\)/,
    );
    expect(() => pack([param('x', { rows: 2, columns: 2 })], { x: [1, 2, 3] }, 16)).toThrow(
      /has 3 values, but mat2 takes 4/,
    );
    expect(() => pack([param('x', { scalar: 'int', rows: 2 })], { x: [1, 0.5] }, 8)).toThrow(/'x', element 1, is 0.5/);
    expect(() => pack([param('x', { scalar: 'int', rows: 2 })], { x: new BigInt64Array(2) }, 8)).toThrow(
      /must be an array of 2 numbers \(ivec2\)/,
    );
  });

  test("names are suggested; what the engine fills in is nobody's", () => {
    const params = [param('factor'), param('sy_viewport', { rows: 2, offset: 8 })];
    expect(() => checkParamNames(params, { facter: 1 }, 'k')).toThrow(
      /unknown parameter 'facter' \(did you mean 'factor'\?\)/,
    );
    expect(() => checkParamNames(params, 5, 'k')).toThrow(/params is 5/);
    pack(params, { factor: 1 }, 16);
  });
});

const binding = (name, fields = {}) => ({
  name,
  kind: 'buffer',
  element: 'float32',
  elementBytes: 4,
  minBytes: 4,
  readOnly: false,
  writeOnly: false,
  ...fields,
});
const infoOf = (fields) => ({
  kind: 'kernel',
  name: 'k',
  bindings: [binding('x', { readOnly: true }), binding('y'), binding('z', { element: 'other' })],
  params: [],
  paramBytes: 0,
  groupSize: [64, 1, 1],
  attributes: [],
  unused: { attributes: [], buffers: [], uniforms: [] },
  vulkan: true,
  cuda: false,
  bytes: 100,
  ...fields,
});
const owner = {
  closed: false,
  used: [],
  programUsed(id) {
    owner.used.push(id);
  },
};
const kernel = (fields) =>
  new Kernel('k', { handle: { id: 'ab'.repeat(32), info: infoOf(fields) }, ms: 1, cached: false, problems: [] }, owner);
const shader = (fields) =>
  new Shader(
    's',
    {
      handle: {
        id: 'cd'.repeat(32),
        info: infoOf({
          kind: 'shader',
          name: 's',
          bindings: [binding('u_map', { kind: 'image' }), binding('lights')],
          attributes: [
            { name: 'a_position', scalar: 'float', rows: 2, columns: 1 },
            { name: 'a_size', scalar: 'float', rows: 1, columns: 1 },
          ],
          params: [param('u_time')],
          paramBytes: 4,
          ...fields,
        }),
      },
      ms: 1,
      cached: false,
      problems: [],
    },
    owner,
  );
const job = (fields) => ({
  type: 'kernel',
  kernel: kernel(),
  inputs: { x: new Float32Array(4) },
  outputs: { y: { shape: [4] } },
  threads: 4,
  ...fields,
});
const picture = (fields) => ({
  type: 'render',
  shader: shader(),
  width: 8,
  height: 4,
  primitive: 'points',
  attributes: { a_position: new Float32Array(20), a_size: new Float32Array(7) },
  uniforms: { u_time: 1 },
  ...fields,
});
const numbersOf = ({ block }) => Array.from(new Float64Array(block.buffer));

describe('call blocks', () => {
  test('of a kernel', () => {
    const call = describeProgramCall(
      job({
        kernel: kernel({ params: [param('n', { scalar: 'uint' })], paramBytes: 4 }),
        outputs: { y: { shape: [2, 2] }, z: { shape: [3], dtype: 'uint8' } },
        params: { n: 7 },
        threads: [4, 2],
      }),
    );
    expect(numbersOf(call).slice(0, -1)).toEqual([1, 4, 2, 1, 1, 0, 2, 1, 0, 2, 2, 2, 2, 6, 1, 3, 4]);
    expect(new Uint32Array(call.block.buffer).slice(-2)).toEqual(new Uint32Array([7, 0]));
    expect(call.outputs).toEqual(['y', 'z']);
    expect(call.program.workload).toBe(2 ** 20 + 0xabababab);
    expect(owner.used.pop()).toBe('ab'.repeat(32));
  });

  test('of a shader: attributes, buffers, images; as many vertices as there is data for', () => {
    const call = describeProgramCall(
      picture({
        uniforms: { u_time: 2, u_map: { data: new Uint8Array(4), shape: [1, 1, 4] } },
        inputs: { lights: new Float32Array(2) },
        blend: 'additive',
        background: [0, 0.5, 1],
        antialias: false,
      }),
    );
    expect(numbersOf(call).slice(0, -1)).toEqual([2, 8, 4, 0, 7, 1, 2, 1, 0, 0.5, 1, 1, 4, 0, 0, 0, 1, 1, 0, 2, 0, 4]);
    expect(call.inputs.map(({ name }) => name)).toEqual(['a_position', 'a_size', 'lights', 'u_map']);
    expect(call.outputs).toEqual(['image']);
    expect(numbersOf(describeProgramCall(picture())).slice(3, 12)).toEqual([0, 7, 1, 1, 4, 0, 0, 0, 0]);
  });

  test('tensors have a place each, and unused places are empty', () => {
    const call = describeProgramCall(job());
    const arrays = encodeProgramCall(call);
    expect(arrays[0]).toBe(call.block);
    expect(arrays[1]).toHaveLength(4);
    expect(arrays.slice(2).every((each) => each === undefined)).toBe(true);
  });

  test.each([
    ['no kernel', { kernel: undefined }, /kernel is undefined, but must be what compileKernel\(\) gave/],
    [
      'sources for a kernel',
      { kernel: { glsl: '' } },
      /must be what compileKernel\(\) gave \(sources are compiled first\)/,
    ],
    ['a shader for a kernel', { kernel: shader() }, /\(it is a Shader\)/],
    [
      'a key that is not there',
      { thread: 4 },
      /unknown key of the workload 'kernel' 'thread' \(did you mean 'threads'\?\)/,
    ],
    ['no threads', { threads: undefined }, /threads is missing/],
    ['threads that are no number', { threads: '4' }, /threads is '4', but must be a whole number/],
    ['half a thread', { threads: [1, 0.5] }, /threads along y is 0.5/],
    ['four axes', { threads: [1, 1, 1, 1] }, /threads has 4 numbers/],
    [
      'an input that the kernel has not',
      { inputs: { xs: new Float32Array(1) } },
      /kernel 'k': unknown input 'xs' \(did you mean 'x'\?\)/,
    ],
    [
      'an output that the kernel has not',
      { outputs: { out: { shape: [1] } } },
      /unknown output 'out' \(there are: x, y, z\)/,
    ],
    ['no outputs', { outputs: {} }, /must name at least one binding to get back.*\(it has: y, z\)/],
    ['an output without a shape', { outputs: { y: {} } }, /output 'y' has shape undefined/],
    [
      'an output of a strange dtype',
      { outputs: { y: { shape: [1], dtype: 'float' } } },
      /output 'y' has dtype 'float' \(there are: float32/,
    ],
    [
      'an output with other keys',
      { outputs: { y: { shape: [1], data: 1 } } },
      /unknown key of kernel 'k': output 'y' 'data'/,
    ],
    ['a parameter that the kernel has not', { params: { n: 1 } }, /unknown parameter 'n' \(there are none\)/],
    ['a plain array', { inputs: { x: [1] } }, /kernel 'k': input 'x' is a plain array/],
  ])('a kernel with %s is refused', (_, fields, message) => {
    expect(() => encodeProgramCall(describeProgramCall(job(fields)))).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringMatching(message) }),
    );
  });

  test.each([
    ['neither a scene nor a shader', { shader: undefined }, /neither a scene nor a shader/],
    ['a kernel', { shader: kernel() }, /\(it is a Kernel\)/],
    ['no width', { width: undefined }, /width is undefined, but must be a whole number of at least 1/],
    ['no height', { height: 0 }, /height is 0/],
    [
      'another primitive',
      { primitive: 'point' },
      /primitive is 'point', but must be 'points', 'lines', 'triangles' \(did you mean 'points'\?\)/,
    ],
    ['another blend', { blend: 1 }, /blend is 1, but must be 'none', 'alpha', 'additive'/],
    ['a colour out of range', { background: [0, 0, 256] }, /background is \[0, 0, 256\]/],
    ['antialias by number', { antialias: 4 }, /antialias is 4, but must be true or false/],
    ['an attribute that it has not', { attributes: { a_pos: new Float32Array(2) } }, /unknown attribute 'a_pos'/],
    ['a uniform that it has not', { uniforms: { u_tim: 1 } }, /unknown uniform 'u_tim' \(did you mean 'u_time'\?\)/],
    ['a uniform missing', { uniforms: {} }, /uniform 'u_time' is missing/],
    ['nothing that tells the count', { attributes: {} }, /count is missing/],
  ])('a picture with %s is refused', (_, fields, message) => {
    expect(() => describeProgramCall(picture(fields))).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringMatching(message) }),
    );
  });

  test.each([
    ['an array', [1]],
    ['a typed array', new Uint8Array(4)],
  ])('%s for an image has no filter of its own', (_, image) => {
    const call = () => encodeProgramCall(describeProgramCall(picture({ uniforms: { u_time: 2, u_map: image } })));
    if (Array.isArray(image)) expect(call).toThrow(/uniform 'u_map' is a plain array/);
    else expect(call).not.toThrow();
  });

  test('a program of a closed owner runs no more', () => {
    const closed = new Kernel(
      'k',
      { handle: { id: 'ab'.repeat(32), info: infoOf() }, ms: 1, cached: false, problems: [] },
      { closed: true },
    );
    expect(() => describeProgramCall(job({ kernel: closed }))).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
  });
});

test('which contexts can run it', () => {
  const needs = ({ kind, contextType }) => ({ kind, contextType });
  const one = describeCall(job());
  expect(needs(one)).toEqual({ kind: 'vector', contextType: 'vulkan' });
  const both = describeCall(job({ kernel: kernel({ cuda: true }) }));
  expect(needs(both)).toEqual({ kind: 'vector', contextType: 'gpu' });
  expect(both.contextTypeFor(undefined)).toBe('gpu');
  expect(both.contextTypeFor('cuda')).toBe('cuda');
  expect(() => one.contextTypeFor('cuda')).toThrow(
    expect.objectContaining({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringMatching(/kernel 'k' has code for Vulkan only/),
    }),
  );
  const drawing = describeCall(picture());
  expect(() => drawing.contextTypeFor('cpu')).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED' }));
  expect(drawing.contextTypeFor('vulkan')).toBe('vulkan');
});

test('jobs are equal when program, call and inputs are', async () => {
  const digest = (fields) => digestOf(describeCall(job(fields)).keep(), undefined);
  const base = await digest({});
  expect(await digest({})).toEqual(base);
  expect(await digest({ threads: 5 })).not.toEqual(base);
  expect(await digest({ inputs: { x: new Float32Array([0, 0, 0, 1]) } })).not.toEqual(base);
  expect(await digest({ outputs: { y: { shape: [2, 2] } } })).not.toEqual(base);
  expect(await digest({ inputs: { y: new Float32Array(4) } })).not.toEqual(base);
});
