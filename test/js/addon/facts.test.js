// What the addon tells of itself: each fact has its one row in src/*.def, and both languages mean the same by it.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { facts, kCodes, codes, codeNumber, computeRank, drawRank, native } = require('../../../lib/addon');
const { kBackends, kContextTypes, kDriverBackends } = require('../../../lib/core');
const { describe: describeCall, kDTypes, kArrays, specs, tensor } = require('../../../lib/call');

const lib = path.join(__dirname, '../../../lib');

function sources(folder) {
  return fs.readdirSync(folder, { recursive: true }).filter((file) => file.endsWith('.js'));
}

describe('error codes', () => {
  test('each has its name, text, status, advice and number', () => {
    for (const { name, text, httpStatus, retry, rpcCode } of facts.codes) {
      expect(name).toMatch(/^ERR_[A-Z_]+$/);
      expect(text.length).toBeGreaterThan(10);
      expect(httpStatus).toBeGreaterThanOrEqual(400);
      expect(httpStatus).toBeLessThan(600);
      // What HTTP calls "try again later", and nothing else.
      expect(retry).toBe(httpStatus === 429 || httpStatus === 503);
      expect(rpcCode).toBeLessThan(0);
    }
    expect(new Set(kCodes).size).toBe(kCodes.length);
    expect(new Set(facts.codes.map(({ rpcCode }) => rpcCode)).size).toBe(kCodes.length);
    expect(kCodes.map(codeNumber)).toEqual(kCodes.map((_, i) => i + 1));
    expect(codeNumber('ERR_NEVER_HEARD_OF')).toBe(codeNumber('ERR_INTERNAL'));
    expect(codes.get('ERR_QUEUE_FULL')).toMatchObject({ httpStatus: 429, retry: true });
  });

  test('lib makes errors of these codes alone', () => {
    const unknown = [];
    for (const file of sources(lib)) {
      const text = fs.readFileSync(path.join(lib, file), 'utf8');
      for (const [, code] of text.matchAll(/(?:new GPUError\(\s*|\bcode: (?='ERR_))'(\w+)'/g))
        if (!codes.has(code)) unknown.push(`${file}: ${code}`);
    }
    expect(unknown).toEqual([]);
  });

  test('an error of the addon has one of them', () => {
    expect(() => native.openProgram(new Uint8Array(3))).toThrow(
      expect.objectContaining({ code: expect.stringMatching(new RegExp(`^(${kCodes.join('|')})$`)) }),
    );
  });
});

test('a dtype is as wide as the arrays that carry it', () => {
  facts.dtypes.forEach(({ name, bytes, array, alias, kind }, i) => {
    expect(kDTypes[i]).toBe(name);
    expect(kArrays[i].name).toBe(array);
    for (const carrier of [array, alias].filter(Boolean)) {
      const Carrier = globalThis[carrier];
      if (!Carrier) continue; // Float16Array is newer than some Nodes
      expect(Carrier.BYTES_PER_ELEMENT).toBe(bytes);
      expect(tensor(new Carrier(2), [2], name).dtype).toBe(name);
    }
    if (kind === 'floating') return;
    const [least, most] =
      kind === 'signed' ? [-(2 ** (8 * bytes - 1)), 2 ** (8 * bytes - 1) - 1] : [0, 2 ** (8 * bytes) - 1];
    expect([...tensor([least, most], [2], name).data]).toEqual([least, most]);
    expect(() => tensor([most + 1], [1], name)).toThrow(`holds whole numbers from ${least} to ${most}`);
    expect(() => tensor([least - 1], [1], name)).toThrow(`holds whole numbers from ${least} to ${most}`);
  });
});

test('backends: named once, ranked once', () => {
  expect(facts.backends.map(({ name }) => name)).toEqual(kBackends);
  expect(kContextTypes).toEqual(['', ...kBackends, 'gpu']);
  const order = [
    ['cuda', false],
    ['vulkan', false],
    ['cpu', false],
    ['vulkan', true],
  ];
  expect(order.map(([backend, software]) => computeRank(backend, software))).toEqual([0, 1, 2, 3]);
  expect(order.map(([backend, software]) => drawRank(backend, software))).toEqual([1, 0, 2, 3]);
  expect(kDriverBackends).toEqual(['cuda', 'vulkan']);
});

test('each workload says its kind, and a graph has the most demanding one of its nodes', () => {
  expect(new Set(facts.kinds).size).toBe(facts.kinds.length);
  for (const [type, { kind }] of specs) {
    expect(facts.kinds).toContain(kind);
    expect(kind === 'render').toBe(type.startsWith('render/'));
  }
  const x = new Float32Array(4);
  const graph = (...types) =>
    describeCall({
      type: 'graph',
      inputs: { x },
      nodes: types.map((type, i) => {
        const { inputs, outputs } = specs.get(type);
        const required = inputs.filter(({ optional }) => !optional);
        return {
          type,
          inputs: Object.fromEntries(required.map(({ name }) => [name, 'x'])),
          outputs: { [outputs[0]]: `y${i}` },
        };
      }),
      outputs: ['y0'],
    }).kind;
  expect(graph('scale')).toBe('vector');
  expect(graph('scale', 'top-k')).toBe('search');
  expect(graph('top-k', 'matmul', 'scale')).toBe('matrix');
  expect(graph('matmul', 'attention')).toBe('attention');
  expect(describeCall({ type: 'matmul', inputs: { a: x, b: x } }).kind).toBe('matrix');
  expect(describeCall({ type: 'scale', inputs: { input: x } }).kind).toBe('vector');
});

test('nobody changes them', () => {
  const walk = (value) => {
    if (value === null || typeof value !== 'object') return;
    expect(Object.isFrozen(value)).toBe(true);
    Object.values(value).forEach(walk);
  };
  walk(facts);
});

describe('workloads say', () => {
  const all = native.workloads();
  const of = (type) => all.find((each) => each.type === type);

  test('which dtypes an input may have', () => {
    for (const { inputs } of all)
      for (const { dtypes } of inputs) {
        expect(dtypes.length).toBeGreaterThan(0);
        expect(dtypes.filter((dtype) => !kDTypes.includes(dtype))).toEqual([]);
      }
    expect(of('add').inputs.map(({ dtypes }) => dtypes)).toEqual(Array(2).fill(['float32', 'float16', 'bfloat16']));
    expect(of('pagerank').inputs[0].dtypes).toEqual(['int32']);
    expect(of('dequantize').inputs[0].dtypes).toEqual(['int8', 'uint8']);
  });

  test('what a parameter is when it is left out, and what it may be', () => {
    for (const { params } of all)
      for (const { fallback, min, max, required } of params) {
        expect(min).toBeLessThan(max);
        if (!required && !Number.isNaN(fallback)) expect(fallback).toBeGreaterThanOrEqual(min);
      }
    const [temperature] = of('softmax').params;
    expect(temperature).toMatchObject({ fallback: 1, min: 0, aboveMin: true, required: false });
    expect(of('attention').params[0]).toMatchObject({ name: 'scale', fallback: NaN });
    expect(of('top-k').params).toMatchObject([
      { name: 'k', min: 1, required: true },
      { name: 'largest', fallback: 1 },
      { name: 'dtype', kind: 'choice', fallback: 0, choices: ['float32', 'float16', 'bfloat16', 'same'] },
    ]);
  });
});
