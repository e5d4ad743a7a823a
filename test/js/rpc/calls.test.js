// Every method on a real manager, through the dispatcher: what it gives is what its schema says, and what the same call
// gives in process.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const gpu = require('../../../lib');
const { kMethods, kLocal, Dispatcher, makeParts, describeError } = require('../../../lib/rpc');
const { checkOf } = require('../../../lib/rpc/validate');
const { tensorsOf } = require('../../../lib/rpc/tensors');
const { Gate, Room, Section, doorHere } = require('../../../lib/exchange');
const { readServiceConfig } = require('../../../lib/config');
const { temporaryFolder } = require('../../support/rpc-service');

const folder = temporaryFolder();
const used = new Set();
let manager, parts, dispatcher;

const logger = { isLevelEnabled: () => false, error: () => {}, debug: () => {} };
function makeDispatcher(more = {}) {
  const config = { ...readServiceConfig({}, {}), memoryDir: path.join(folder, 'kept'), ...more };
  const gate = new Gate(doorHere(new Room(config.answerLimit)));
  const made = makeParts({ manager, config, logger, gate });
  return { made, dispatcher: new Dispatcher(made) };
}

beforeAll(async () => {
  manager = gpu.createGPUClusterManager({ contextTypes: ['cpu'], logLevel: 'error' });
  await manager.ready;
  ({ made: parts, dispatcher } = makeDispatcher());
});
afterAll(async () => {
  await parts.close();
  await manager.close();
  expect([...used].sort()).toEqual(
    kMethods
      .map(({ name }) => name)
      .filter((name) => name !== 'subscribe')
      .sort(), // sockets.test.js has that
  );
});

/** What was kept is closed, and there again for whoever asks next. */
async function reopen() {
  await parts.close();
  ({ made: parts, dispatcher } = makeDispatcher());
}

/** A result with numbers in the place of tensors, checked by the schema. */
async function call(name, params = {}, options = {}) {
  used.add(name);
  const { result, end } = await dispatcher.call(name, JSON.parse(JSON.stringify(params)), {
    caller: kLocal,
    ...options,
  });
  const plain = JSON.parse(JSON.stringify(result, (_, value) => (ArrayBuffer.isView(value) ? [...value] : value)));
  const check = checkOf(kMethods.find((method) => method.name === name).result);
  expect([check(plain), check.errors]).toEqual([true, null]);
  const tensors = [...tensorsOf(result)].map(({ data, shape, dtype }) => ({ data: data.slice(), shape, dtype }));
  end();
  return Object.assign(plain, { tensors });
}
const failure = (name, params, options) =>
  call(name, params, options).then(
    () => undefined,
    (error) => describeError(error).error.data,
  );

describe('vectors and texts', () => {
  const rows = Array.from({ length: 9 }, (_, i) => Array.from({ length: 5 }, (__, j) => Math.sin(i * j + i + 1)));

  test('processEmbeddings gives what the call in process gives', async () => {
    for (const options of [{}, { quantization: true }, { normalize: false }, { dimension_reduction: 2, basis: 'b' }]) {
      const expected = await manager.processEmbeddings({ embeddings: rows, options });
      const { embeddings, scales, basis } = await call('processEmbeddings', { embeddings: rows, options });
      expect(embeddings).toEqual({ ...expected.embeddings, data: [...expected.embeddings.data] });
      expect(scales?.data).toEqual(expected.scales && [...expected.scales.data]);
      expect(basis?.version).toBe(expected.basis?.version);
      expect(basis?.mean).toBeUndefined();
    }
  });

  test('a basis can be had, and given again', async () => {
    const options = { dimension_reduction: 2 };
    const { basis, embeddings } = await call('processEmbeddings', { embeddings: rows, options, includeBasis: true });
    const again = await call('processEmbeddings', { embeddings: rows, options: { basis } });
    expect(again.embeddings.data).toEqual(embeddings.data);
    expect(again.basis.version).toBe(basis.version);
  });

  test('texts are embedded with the usual model', async () => {
    const expected = await (await manager.loadModel(gpu.defaultModel)).embed(['a text', 'another']);
    const steps = [];
    const { embeddings, tokens, model } = await call(
      'embed',
      { texts: ['a text', 'another'] },
      { onProgress: (progress) => steps.push(progress) },
    );
    expect(embeddings.data).toEqual([...expected.embeddings.data]);
    expect(tokens).toEqual(expected.tokens);
    expect(model).toMatchObject({ name: 'model-embeddings-en', dimensions: 512 });
    for (const step of steps) expect(step).toMatchObject({ done: expect.any(Number), total: expect.any(Number) });
    const short = await call('embed', { texts: ['a text'], dimensions: 4 });
    expect(short.embeddings.shape).toEqual([1, 4]);
    const { models } = await call('listKept');
    expect(models).toEqual([
      {
        name: 'model-embeddings-en',
        isOpen: true,
        kind: 'encoder',
        family: expect.any(String),
        dimensions: 512,
        maxLength: expect.any(Number),
        precision: expect.any(String),
        bytes: expect.any(Number),
      },
    ]);
  });

  test('the attention of a layer comes where it is asked for, as in process', async () => {
    const model = await manager.loadModel(gpu.defaultModel);
    const expected = (await model.embed(['one text'], { returnAttention: 0 })).attention;
    const { attention } = await call('embed', { texts: ['one text'], returnAttention: 0 });
    expect(attention.map(({ labels }) => labels)).toEqual(expected.map(({ labels }) => labels));
    expect(attention[0].weights.shape).toEqual(expected[0].weights.shape);
    expect(attention[0].weights.data).toEqual([...expected[0].weights.data]);
    expect((await call('embed', { texts: ['one text'] })).attention).toBeUndefined();
    expect((await failure('embed', { texts: ['x'], returnAttention: 99 })).code).toBe('ERR_INVALID_ARGUMENT');
  });

  test('without a cross-encoder documents are put in order by the cosine, which is said', async () => {
    const documents = ['the weather of tomorrow', 'you may sell copies', 'selling is allowed'];
    const { results, by } = await call('rerank', { query: 'may I sell it?', documents, topK: 2 });
    expect(by).toBe('cosine');
    expect(results.map(({ index }) => index).sort()).toEqual([1, 2]);
    const [first, second] = results;
    expect(first.score).toBeGreaterThanOrEqual(second.score);
  });

  test('a client names models, and no paths', async () => {
    expect(await failure('embed', { texts: ['a'], model: 'nothing' })).toMatchObject({
      code: 'ERR_NOT_FOUND',
      argument: 'model',
    });
    for (const model of ['/etc', '../x', 'a/b', ''])
      expect((await failure('embed', { texts: ['a'], model })).code).toBe('ERR_INVALID_ARGUMENT');
    const models = path.join(folder, 'models');
    fs.mkdirSync(path.join(models, 'broken'), { recursive: true });
    const { made, dispatcher: own } = makeDispatcher({ modelsDir: models });
    expect(await made.models.names()).toEqual(['broken']);
    const error = await own.call('embed', { texts: ['a'], model: 'broken' }, { caller: kLocal }).catch((each) => each);
    expect(JSON.stringify(describeError(error).error)).not.toContain(folder);
    for (const model of ['..', '.']) {
      const refused = await own.call('embed', { texts: ['a'], model }, { caller: kLocal }).catch((each) => each);
      expect(refused.code).toBe('ERR_NOT_FOUND');
    }
    await made.close();
  });
});

describe('what is kept', () => {
  test('a memory: remembered, recalled, forgotten, and there after it was closed', async () => {
    const documents = [
      { id: 'mit', text: 'You may use, copy and sell the work.', metadata: { kind: 'licence' } },
      'The weather of tomorrow will be fine.',
    ];
    const { ids, passages } = await call('memory_remember', { documents });
    expect([ids[0], passages]).toEqual(['mit', [1, 1]]);
    const kept = () => call('listKept');
    expect((await kept()).memories).toEqual([
      { name: 'memory', isOpen: true, documents: 2, passages: 2, dimensions: 512 },
    ]);
    await reopen();
    expect((await kept()).memories).toEqual([{ name: 'memory', isOpen: false }]);
    expect((await kept()).indexes).toEqual([]);
    const { passages: found } = await call('memory_recall', { query: 'may I sell it?', k: 1 });
    expect(found).toEqual([
      {
        id: 'mit',
        text: documents[0].text,
        score: expect.any(Number),
        start: 0,
        end: 36,
        metadata: { kind: 'licence' },
      },
    ]);
    expect((await call('memory_recall', { query: 'x', memory: 'another' })).passages).toEqual([]);
    expect(await call('memory_forget', { ids: ['mit', 'nobody'] })).toMatchObject({ forgotten: 1 });
    expect((await failure('memory_forget', {})).code).toBe('ERR_INVALID_ARGUMENT');
    expect((await failure('memory_recall', { query: 'x', memory: '../x' })).argument).toBe('memory');
    expect((await call('memory_recall', { query: 'x', memory: '..' })).passages).toEqual([]); // m-.., no other folder
    expect(fs.readdirSync(path.join(folder, 'kept')).sort()).toEqual(['memories']);
  });

  test('indexes: made once, searched as the vectors are, there again', async () => {
    const index = 'vectors';
    expect(await call('index_create', { index, dimensions: 2 })).toMatchObject({ created: true, size: 0 });
    expect((await call('listKept')).indexes).toEqual([
      {
        name: index,
        dimensions: 2,
        metric: 'cosine',
        dtype: 'float32',
        isOpen: true,
        size: 0,
        bytes: expect.any(Number),
      },
    ]);
    expect(await call('index_create', { index, dimensions: 2 })).toMatchObject({ created: false });
    expect(await failure('index_create', { index, dimensions: 3 })).toMatchObject({ argument: 'dimensions' });
    const vectors = [
      [1, 0],
      [0, 1],
      [1, 1],
    ];
    const metadata = [{ n: 1 }, null, { n: 3 }];
    expect(await call('index_add', { index, ids: ['a', 2, 'c'], vectors, metadata })).toMatchObject({ size: 3 });
    expect((await failure('index_add', { index, ids: ['a'], vectors: [[1, 0]] })).code).toBe('ERR_INVALID_ARGUMENT');
    await reopen();
    const search = {
      index,
      vectors: [
        [1, 0.1],
        [0, 1],
      ],
      k: 2,
      includeMetadata: true,
      includeVectors: true,
    };
    const { results } = await call('index_search', search);
    expect(results.map(({ ids, metadata: fields }) => [ids, fields])).toEqual([
      [
        ['a', 'c'],
        [{ n: 1 }, { n: 3 }],
      ],
      [
        [2, 'c'],
        [null, { n: 3 }],
      ],
    ]);
    expect(results[1].scores).toEqual([1, Math.fround(Math.SQRT1_2)]);
    expect(results[0].vectors.data).toEqual([1, 0, 1, 1]);
    const one = await call('index_search', { index, vectors: [1, 0], filter: { n: 3 } });
    expect(one.results).toEqual([{ ids: ['c'], scores: [expect.any(Number)] }]);
    // Several at a time, which run as one, have each its own answer; one that is given up is none of them.
    const asked = [
      [1, 0],
      [0, 1],
      [1, 1],
      [1, 0],
    ];
    const found = await Promise.all(asked.map((query) => call('index_search', { index, vectors: query, k: 1 })));
    expect(found.map((each) => each.results[0].ids[0])).toEqual(['a', 2, 'c', 'a']);
    const canceled = { signal: AbortSignal.abort() };
    expect((await failure('index_search', { index, vectors: [1, 0] }, canceled)).code).toBe('ERR_CANCELED');
    expect(await call('index_upsert', { index, ids: ['a'], vectors: [[0, 1]] })).toMatchObject({ size: 3 });
    expect(await call('index_remove', { index, ids: ['a', 'x'] })).toMatchObject({ removed: 1, size: 2 });
    expect((await call('index_stats', { index })).indexes[0]).toMatchObject({ name: index, size: 2, dimensions: 2 });
    expect((await call('index_stats')).indexes).toEqual([
      { name: index, dimensions: 2, metric: 'cosine', dtype: 'float32' },
    ]);
    expect(await failure('index_search', { index: 'none', vectors: [1] })).toMatchObject({
      code: 'ERR_NOT_FOUND',
      argument: 'index',
    });
    expect(await failure('index_search', { index, vectors: Array(700_000).fill([1, 0]), k: 9 })).toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      argument: 'k',
    });
    for (const wrong of [{ ref: 'x' }, { shape: [1, 2], offset: 0 }, {}, []])
      expect((await failure('index_search', { index, vectors: wrong })).code).toBe('ERR_INVALID_ARGUMENT');
    expect(await failure('index_search', { index, vectors: [[1, 2, 3]] })).toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
    });
  });

  test('objects: texts, base64 and bytes', async () => {
    const bytes = [0, 255, 195, 40];
    const base64 = Buffer.from(bytes).toString('base64');
    expect(await call('store_put', { key: 'text', value: 'hé' })).toMatchObject({ bytes: 3 });
    await call('store_put', { key: 'raw', value: base64, encoding: 'base64' });
    await call('store_put', { key: 'tensor', value: { data: bytes, shape: [4], dtype: 'uint8' } });
    expect(await call('store_get', { key: 'text' })).toMatchObject({ found: true, value: 'hé' });
    for (const key of ['raw', 'tensor']) {
      expect(await call('store_get', { key, encoding: 'base64' })).toMatchObject({ value: base64 });
      expect((await call('store_get', { key, encoding: 'bytes' })).value).toEqual({
        data: bytes,
        shape: [4],
        dtype: 'uint8',
      });
      expect(await failure('store_get', { key })).toMatchObject({ argument: 'encoding' });
    }
    expect(await call('store_list', { prefix: 't' })).toMatchObject({ keys: ['tensor', 'text'] });
    expect(await call('store_list', { after: 'raw', limit: 1 })).toMatchObject({ keys: ['tensor'] });
    expect(await call('store_delete', { key: 'raw' })).toMatchObject({ deleted: true });
    expect(await call('store_get', { key: 'raw' })).toEqual({ found: false, tensors: [] });
    for (const [value, encoding] of [['a', 'base64'], ['!!!!', 'base64'], [{ data: [1], dtype: 'float32' }], [[1, 2]]])
      expect((await failure('store_put', { key: 'k', value, encoding })).argument).toMatch(/value/);
  });
});

describe('jobs and the service', () => {
  const input = [
    [3, 4],
    [6, 8],
  ];
  test('executeWorkload', async () => {
    const { outputs, contextType, tensors } = await call('executeWorkload', { type: 'normalize', inputs: { input } });
    expect(outputs.output.shape).toEqual([2, 2]);
    expect(contextType).toBe('cpu');
    expect([...tensors[0].data]).toEqual([3 / 5, 4 / 5, 3 / 5, 4 / 5].map(Math.fround));
    const graph = {
      type: 'graph',
      inputs: { x: input },
      nodes: [{ id: 'n', type: 'normalize', inputs: { input: 'x' } }],
      outputs: { y: 'n.output' },
    };
    expect((await failure('executeWorkload', graph)) ?? 'ran').toBeDefined();
    // kLocal may bring kernels, but has to bring one.
    expect(await failure('executeWorkload', { type: 'kernel' })).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    expect(await failure('executeWorkload', { type: 'normalize', inputs: { input: { ref: 'none' } } })).toMatchObject({
      code: 'ERR_NOT_FOUND',
      argument: 'inputs.input',
    });
  });

  test('a published tensor is an input by its name', async () => {
    await manager.publish('base', gpu.tensor(input));
    const { outputs } = await call('executeWorkload', { type: 'normalize', inputs: { input: { ref: 'base' } } });
    expect(outputs.output.data).toEqual([3 / 5, 4 / 5, 3 / 5, 4 / 5].map(Math.fround));
    await manager.unpublish('base');
  });

  test('what there is, and how it is', async () => {
    const { workloads } = await call('listWorkloads');
    expect(workloads.find(({ type }) => type === 'matmul').inputs.map(({ name }) => name)).toContain('a');
    const { devices } = await call('listDevices');
    expect(devices).toEqual([
      { id: 'cpu:0', contextType: 'cpu', name: expect.any(String), contexts: expect.any(Array) },
    ]);
    expect((await call('getMetrics')).totalContexts).toBeGreaterThan(0);
    const health = await call('health');
    expect(health.status).toBe('ok');
    expect(JSON.stringify(health)).not.toMatch(/"pid"/);
    expect(await call('cleanup')).toMatchObject({ done: true });
  });

  test('a deadline beyond what a client may have, one that passes, and a signal', async () => {
    expect(await failure('embed', { texts: ['a'], job: { timeout: 1e9 } })).toMatchObject({
      argument: 'job.timeout',
    });
    const aborted = AbortSignal.abort();
    expect((await failure('embed', { texts: ['a'] }, { signal: aborted })).code).toBe('ERR_CANCELED');
  });

  test('tensors in a frame that claim too little or too much', () => {
    const section = new Section(new Uint8Array(16));
    const params = { embeddings: { shape: [1, 2], offset: 0 } };
    const method = dispatcher.method('processEmbeddings');
    dispatcher.prepare(method, params, { caller: kLocal, section });
    expect(params.embeddings.data).toEqual(new Float32Array(2));
    expect(() => section.refuseLeftovers()).toThrow(/16 bytes follow the header, but its tensors take 8/);
  });
});
