// A graph that is run again is not checked and ordered again; one that differs in anything is.
'use strict';
const { gpu } = require('../../support/random-data');
const { failure } = require('../../support/assertions');
const { describe: describeCall } = require('../../../lib/call');

let ctx;
beforeAll(async () => {
  ctx = await gpu.createContext({ device: 'cpu:0' });
});
afterAll(() => ctx.close());

const x = Float32Array.of(1, 2, 3, 4);
const y = Float32Array.of(10, 20, 30, 40);
const graphOf = () => ({
  type: 'graph',
  inputs: { x, y },
  nodes: [
    { type: 'scale', inputs: { input: 't' }, params: { factor: 2 }, outputs: { output: 'z' } },
    { type: 'add', inputs: { a: 'x', b: 'y' }, outputs: { output: 't' } },
  ],
  outputs: ['z'],
});
const run = async (graph, options) =>
  Object.fromEntries(
    Object.entries((await ctx.run(graph, options)).outputs).map(([name, { data, shape }]) => [
      name,
      [[...data], shape],
    ]),
  );
const sums = [[22, 44, 66, 88], [4]];

test('the same graph again, as the same object and as another', async () => {
  const graph = graphOf();
  expect(await run(graph)).toEqual({ z: sums });
  expect(await run(graph)).toEqual({ z: sums });
  expect(await run(graphOf())).toEqual({ z: sums });
  expect(await run({ ...graph, inputs: { y, x: Float32Array.of(0, 0, 0, 1) } })).toEqual({
    z: [[20, 40, 60, 82], [4]],
  });
  expect(await run({ ...graph, inputs: { x: { data: x, shape: [2, 2] }, y: { data: y, shape: [2, 2] } } })).toEqual({
    z: [sums[0], [2, 2]],
  });
  expect(await run(graph)).toEqual({ z: sums }); // nothing is left of the other shape
});

test.each([
  ['a parameter', (graph) => (graph.nodes[0].params.factor = 3), { z: [[33, 66, 99, 132], [4]] }],
  ['one more', (graph) => (graph.nodes[0].params.offset = 1), { z: [[23, 45, 67, 89], [4]] }],
  ['no parameters', (graph) => delete graph.nodes[0].params, { z: [[11, 22, 33, 44], [4]] }],
  ['a type', (graph) => (graph.nodes[1].type = 'subtract'), { z: [[-18, -36, -54, -72], [4]] }],
  ['an input of a node', (graph) => (graph.nodes[1].inputs.b = 'x'), { z: [[4, 8, 12, 16], [4]] }],
  ['an output of the graph', (graph) => (graph.outputs[0] = 't'), { t: [[11, 22, 33, 44], [4]] }],
  ['one more output', (graph) => graph.outputs.push('t'), { z: sums, t: [[11, 22, 33, 44], [4]] }],
  [
    'a node more',
    (graph) => graph.nodes.push({ type: 'multiply', inputs: { a: 'z', b: 'x' }, outputs: { output: 'z2' } }),
    { z: sums },
  ],
])('%s changed in place', async (_, change, expected) => {
  const graph = graphOf();
  expect(await run(graph)).toEqual({ z: sums });
  change(graph);
  expect(await run(graph)).toEqual(expected);
  expect(await run(graphOf())).toEqual({ z: sums });
});

test.each([
  ['a key of a node', (graph) => (graph.nodes[0].factor = 3), /'factor' is a parameter/],
  ['a parameter that is none', (graph) => (graph.nodes[0].params.extra = 3), /extra/],
  ['an input that is none', (graph) => (graph.nodes[1].inputs.c = 'x'), /'c'/],
  ['a name that nothing makes', (graph) => (graph.nodes[1].inputs.a = 'q'), /'q', which nothing makes/],
  ['an input that is missing', (graph) => delete graph.nodes[1].inputs.a, /input 'a' is missing/],
  ['an input of the graph that is missing', (graph) => (graph.inputs.y = undefined), /'y', which nothing makes/],
  ['an input of the graph more', (graph) => (graph.inputs.t = x), /'t', but so is an input of the graph/],
  ['inputs that are none', (graph) => (graph.nodes[1].inputs = null), /inputs is null/],
  ['no node', (graph) => (graph.nodes[0] = null), /node 0 is null/],
])('%s is refused after the graph ran', async (_, change, message) => {
  const graph = graphOf();
  await run(graph);
  change(graph);
  expect(await failure(ctx.run(graph))).toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: expect.stringMatching(message),
  });
});

test('memory for outputs is that of its call', async () => {
  const z = new Float32Array(4);
  expect((await ctx.run(graphOf(), { into: { z } })).outputs.z.data).toBe(z);
  const { outputs } = await ctx.run(graphOf());
  expect(outputs.z.data).not.toBe(z);
  expect([...z]).toEqual(sums[0]);
});

test('many at once, and more graphs than are known', async () => {
  const graphs = Array.from({ length: 40 }, (_, i) => {
    const graph = graphOf();
    graph.nodes[0].params.factor = i % 20;
    return graph;
  });
  const all = await Promise.all(graphs.map((graph) => run(graph)));
  all.forEach(({ z: [data] }, i) => expect(data).toEqual([11, 22, 33, 44].map((sum) => sum * (i % 20))));
});

test('graphs that wait for the manager are the ones that were given', async () => {
  const manager = gpu.createGPUClusterManager({ contextTypes: ['cpu'], contextsPerWorker: 1, logLevel: 'error' });
  const given = [1, 2, 3].map((factor) => {
    const graph = graphOf();
    graph.inputs.x = Float32Array.of(factor, 0, 0, 0);
    return manager.executeWorkload(graph, { cache: factor > 1 });
  });
  const results = await Promise.all(given);
  expect(results.map(({ outputs }) => outputs.z.data[0])).toEqual([22, 24, 26]);
  await manager.close();
});

const square = (data) => ({ data: Float32Array.from(data), shape: [2, 2] });
const productOf = (params, more = {}) => ({
  type: 'graph',
  inputs: { a: square([1, 2, 3, 4]), b: square([0, 1, 1, 1]) },
  nodes: [{ type: 'matmul', inputs: { a: 'a', b: 'b' }, params, outputs: { output: 'c' }, ...more }],
  outputs: ['c'],
});
const product = async (params, more) => (await run(productOf(params, more))).c[0];

test('parameters that are undefined, read by a getter, or hidden are not taken for others', async () => {
  const plain = await product({});
  const turned = await product({ transposeB: true, alpha: 2 });
  expect(turned).not.toEqual(plain);
  expect(await product({ alpha: undefined })).toEqual(plain);
  expect(await product({ alpha: 2 })).toEqual(plain.map((value) => 2 * value));
  class Params {
    #turned;
    constructor(isTurned) {
      this.#turned = isTurned;
    }
    get transposeA() {
      return this.#turned;
    }
  }
  const first = await product(new Params(false));
  expect(await product(new Params(true))).not.toEqual(first);
  const hidden = (value) => Object.defineProperty({}, 'transposeA', { value, enumerable: false });
  expect(await product(hidden(false))).toEqual(first);
  expect(await product(hidden(true))).not.toEqual(first);
});

test.each([
  ['a parameter', () => [{ bogus: 7 }], [{ alpha: undefined }]],
  ['a key of a node', () => [undefined, { param: {} }], [undefined, {}]],
])('a wrong name of %s is refused after one that was undefined', async (_, wrong, before) => {
  await product(...before);
  expect(await failure(product(...wrong()))).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
});

test('a graph of many small outputs, inside its call', async () => {
  const nodes = Array.from({ length: 200 }, (_, i) => ({
    type: 'scale',
    inputs: { input: 'x' },
    params: { factor: i },
    outputs: { output: `y${i}` },
  }));
  const outputs = nodes.map((_, i) => `y${i}`);
  for (const count of [8, 9, 10, 200]) {
    const graph = { type: 'graph', inputs: { x }, nodes: nodes.slice(0, count), outputs: outputs.slice(0, count) };
    for (let round = 0; round < 3; ++round) {
      const given = await run(graph);
      outputs
        .slice(0, count)
        .forEach((name, i) => expect(given[name][0]).toEqual([1, 2, 3, 4].map((each) => each * i)));
    }
  }
});

test('a precision that was set meanwhile', () => {
  const { encodeGraph } = require('../../../lib/call/graph');
  const { setPrecision } = require('../../../lib/call');
  const numbers = () => [...encodeGraph(productOf({}), undefined).numbers];
  const high = numbers();
  setPrecision('fast');
  const fast = numbers();
  setPrecision('high');
  expect(fast).not.toEqual(high);
  expect(numbers()).toEqual(high);
});

test('what decides its outputs has nothing of the call before', () => {
  const decisive = (graph, into) => [...describeCall(graph, into).identity().numbers];
  const first = decisive(graphOf());
  const deep = (data) => ({ data, shape: [1, 2, 2] });
  decisive({ ...graphOf(), inputs: { x: deep(x), y: deep(y) } }, { z: new Float32Array(4) });
  expect(decisive(graphOf())).toEqual(first);
});

test('more inputs than are handed over one by one', async () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  const nodes = names.slice(1).map((b, i) => ({
    type: 'add',
    inputs: { a: i ? `sum${i}` : 'a', b },
    outputs: { output: `sum${i + 1}` },
  }));
  const inputs = Object.fromEntries(names.map((name, i) => [name, Float32Array.of(10 ** i)]));
  const z = new Float32Array(1);
  await run({ type: 'graph', inputs, nodes, outputs: ['sum5'] });
  await run({ type: 'graph', inputs, nodes, outputs: ['sum5'] }, { into: { sum5: z } });
  expect([...z]).toEqual([111111]);
});

describe('nodes that are frozen', () => {
  const freeze = (value) => {
    if (value && typeof value === 'object') Object.values(Object.freeze(value)).forEach(freeze);
    return value;
  };
  const frozen = () => freeze(graphOf().nodes);

  test('are known again, whatever the graph around them is', async () => {
    const graph = { ...graphOf(), nodes: frozen() };
    expect(await run(graph)).toEqual({ z: sums });
    expect(await run({ ...graph })).toEqual({ z: sums });
    expect(await run({ ...graph, outputs: ['t'] })).toEqual({ t: [[11, 22, 33, 44], [4]] });
    expect((await failure(run({ ...graph, inputs: { x } }))).message).toMatch(/'y', which nothing makes/);
    expect(await run({ ...graph, nodes: graphOf().nodes })).toEqual({ z: sums });
  });

  test.each([
    ['a list', ([scale, add]) => [scale, add], (nodes) => (nodes[0] = { ...nodes[0], params: { factor: 3 } })],
    ['a node', ([scale, add]) => Object.freeze([{ ...scale }, add]), (nodes) => (nodes[0].params = { factor: 3 })],
    [
      'parameters',
      ([scale, add]) => Object.freeze([Object.freeze({ ...scale, params: { factor: 2 } }), add]),
      (nodes) => (nodes[0].params.factor = 3),
    ],
  ])('%s among them that is not: it may change', async (_, thaw, change) => {
    const nodes = thaw(frozen());
    const graph = { ...graphOf(), nodes };
    expect(await run(graph)).toEqual({ z: sums });
    change(nodes);
    expect(await run(graph)).toEqual({ z: [[33, 66, 99, 132], [4]] });
  });

  test('with an accessor: it is asked each time', async () => {
    let factor = 2;
    const params = Object.freeze(Object.defineProperty({}, 'factor', { get: () => factor, enumerable: true }));
    const [scale, add] = graphOf().nodes;
    const nodes = Object.freeze([freeze({ ...scale, params: undefined }), freeze(add)]);
    const graph = { ...graphOf(), nodes: Object.freeze([Object.freeze({ ...nodes[0], params }), nodes[1]]) };
    expect(await run(graph)).toEqual({ z: sums });
    factor = 3;
    expect(await run(graph)).toEqual({ z: [[33, 66, 99, 132], [4]] });
  });
});

describe('packed', () => {
  const offsets = Int32Array.of(0, 1, 4);
  const packedGraph = (packed) => ({
    type: 'graph',
    inputs: { x: gpu.tensor(x, [4, 1]), offsets },
    nodes: [
      { type: 'pool', inputs: { input: 'x', offsets: 'offsets' }, params: { kind: 'mean' }, outputs: { output: 'z' } },
    ],
    outputs: ['z'],
    packed,
  });

  test('changes nothing of what a graph gives', async () => {
    expect(await run(packedGraph({ rows: ['x'], offsets: 'offsets', most: 100 }))).toEqual({
      z: [
        [1, 3],
        [2, 1],
      ],
    });
    expect(await run(packedGraph())).toEqual({
      z: [
        [1, 3],
        [2, 1],
      ],
    });
  });

  test.each([
    [null, 'packed', /packed is null/],
    [{ rows: ['x'], offsets: 'offsets', most: 1, extra: 1 }, 'packed.extra', /extra/],
    [{ rows: [], offsets: 'offsets', most: 1 }, 'packed.rows', /1 to 8 names/],
    [{ rows: 'x', offsets: 'offsets', most: 1 }, 'packed.rows', /1 to 8 names/],
    [{ rows: ['z'], offsets: 'offsets', most: 1 }, 'packed.rows[0]', /'z', but must be an input/],
    [{ rows: ['x', 'x'], offsets: 'offsets', most: 1 }, 'packed.rows[1]', /another input/],
    [{ rows: ['x'], most: 1 }, 'packed.offsets', /undefined, but must be an input/],
    [{ rows: ['x'], offsets: 'x', most: 1 }, 'packed.rows[0]', /another input/],
    [{ rows: ['x'], offsets: 'offsets', most: 0 }, 'packed.most', /from 1 on/],
    [{ rows: ['x'], offsets: 'offsets' }, 'packed.most', /from 1 on/],
    [{ rows: ['offsets'], offsets: 'x', most: 1 }, 'packed', /offsets must be int32 \[n\+1\], not float32 \[4, 1\]/],
  ])('%j is refused', async (packed, argument, message) => {
    const error = await failure(run(packedGraph(packed)));
    expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', argument });
    expect(error.message).toMatch(message);
  });

  test('one that differs is another graph', async () => {
    const good = { rows: ['x'], offsets: 'offsets', most: 1 };
    await run(packedGraph(good));
    await failure(run(packedGraph({ ...good, rows: ['offsets'], offsets: 'x' })), 'ERR_INVALID_ARGUMENT');
    await run(packedGraph(good));
  });
});
