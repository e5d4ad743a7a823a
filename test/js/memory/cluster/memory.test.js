// One memory of documents for all processes of a cluster: any of them remembers and recalls, one owns it.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { MemoryCluster } = require('../../../support/memory-cluster');
const { rounds } = require('../../../support/rounds');
const { makeModel, writeModel, temporaryFolder } = require('../../../support/text/models');

jest.setTimeout(rounds(90_000, 600_000));
process.env.LOG_LEVEL = 'silent';

let cluster, root, model, a, b, shy;
beforeAll(async () => {
  root = temporaryFolder();
  model = path.join(root, 'model');
  writeModel(model, makeModel('bert', { positions: 64 }), { pooling: { pooling_mode_mean_tokens: true } });
  cluster = new MemoryCluster();
  [a, b] = await cluster.fork(2);
  [shy] = await cluster.fork(1, { GPU_OWNS_MEMORY: 'false' });
});
afterAll(async () => {
  await cluster.end();
  fs.rmSync(root, { recursive: true });
});
afterEach(async () => {
  for (const worker of [0, ...cluster.workers]) await cluster.on(worker, close);
});

const open = async ({ gpu: { Memory }, manager, kept }, options) => {
  kept.memory = await manager.createMemory(options);
  return kept.memory instanceof Memory;
};
const close = async ({ kept }) => {
  await kept.memory?.close();
  kept.memory = undefined;
};
const remember = ({ kept }, documents, options) => kept.memory.remember(documents, options);
const recall = ({ kept }, query, options) => kept.memory.recall(query, options);
const chunk = { tokens: 8, overlap: 2 };
const errorOf = async (call) => {
  try {
    await call();
  } catch (error) {
    const { code, message, argument, isOurs } = error;
    return { code, message, argument, isOurs };
  }
  throw new Error('it was taken');
};

test.each([
  ['a path', () => ({ path: path.join(root, 'by-path') })],
  ['a name', () => ({ name: 'shared' })],
])('by %s: what one process remembers the others recall', async (_, where) => {
  const options = { model, chunk, ...where() };
  for (const worker of [a, b, 0]) expect(await cluster.on(worker, open, options)).toBe(true);
  const texts = ['the cat sat on the mat', 'a dog ran over the hill', 'birds fly south in the winter'];
  for (const [i, worker] of [a, b, 0].entries()) {
    const { ids, passages } = await cluster.on(
      worker,
      remember,
      { id: `d${i}`, text: texts[i] },
      { metadata: { by: worker } },
    );
    expect([ids, passages.length]).toEqual([[`d${i}`], 1]);
  }
  const found = await cluster.on(a, recall, texts[1], { k: 2 });
  expect(found[0]).toMatchObject({ id: 'd1', metadata: { by: b }, start: 0 });
  for (const worker of [b, 0]) expect(await cluster.on(worker, recall, texts[1], { k: 2 })).toEqual(found);
  expect(await cluster.on(b, recall, texts[0], { filter: { by: 0 } })).toMatchObject([{ id: 'd2' }]);
  expect(await cluster.on(0, ({ kept }) => kept.memory.stats())).toMatchObject({ documents: 3 });
  expect(await cluster.on(b, ({ kept }) => kept.memory.forget({ ids: ['d0', 'zz'] }))).toBe(1);
  expect(await cluster.on(a, ({ kept }, by) => kept.memory.forget({ filter: { by } }), b)).toBe(1);
  expect((await cluster.on(0, recall, 'x', {})).map(({ id }) => id)).toEqual(['d2']);
});

test('bad input and other options are refused', async () => {
  const options = { model, chunk, path: path.join(root, 'bad') };
  await cluster.on(a, open, options);
  expect(await errorOf(() => cluster.on(b, open, { ...options, chunk: { tokens: 9 } }))).toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    argument: 'options.chunk',
  });
  await cluster.on(b, open, options);
  const calls = [
    [`({ kept }) => kept.memory.remember(7)`, 'documents'],
    [`({ kept }) => kept.memory.remember('x', { metadata: { $own: 1 } })`, undefined],
    [`({ kept }) => kept.memory.recall(7)`, 'query'],
    [`({ kept }) => kept.memory.recall('x', { k: 0 })`, 'options.k'],
    [`({ kept }) => kept.memory.recall('x', { rerank: true })`, 'options.rerank'],
    [`({ kept }) => kept.memory.forget({})`, 'ids'],
  ];
  for (const [call, argument] of calls) {
    const [here, there] = [await answerOf(a, call), await answerOf(b, call)];
    expect(there).toEqual(here);
    if (argument) expect(here).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', argument, isOurs: true });
  }
  const given = async ({ manager }, from, at) => {
    const loaded = await manager.loadModel(from);
    try {
      await manager.createMemory({ model: loaded, path: at });
    } finally {
      await loaded.close();
    }
  };
  expect(await errorOf(() => cluster.on(b, given, model, path.join(root, 'given')))).toMatchObject({
    argument: 'options.model',
    message: expect.stringMatching(/loads its models itself/),
  });
  expect(
    await errorOf(() =>
      cluster.on(b, open, { ...options, path: path.join(root, 'no-model'), model: path.join(root, 'none') }),
    ),
  ).toMatchObject({
    code: 'ERR_NOT_FOUND',
    isOurs: true,
  });
});

test('its writes are as durable as the store’s owner has them, or it is refused', async () => {
  const at = path.join(root, 'not-durable');
  const openStore = async ({ gpu: { openStore: openAt }, kept }, where, durable) => {
    kept.store = await openAt(where, { durable });
  };
  const inStore = async ({ manager, kept }, options) => {
    kept.memory = await manager.createMemory({ ...options, store: kept.store });
  };
  const options = { model, chunk };
  await cluster.on(a, openStore, at, false);
  const refusal = { code: 'ERR_INVALID_ARGUMENT', argument: 'options.durable', isOurs: true };
  try {
    for (const worker of [a, b]) {
      const error = await errorOf(() => cluster.on(worker, open, { ...options, path: at }));
      expect(error).toMatchObject(refusal);
      expect(error.message).toContain('was opened in this cluster with false');
    }
    await cluster.on(b, openStore, at, true);
    expect(await errorOf(() => cluster.on(b, inStore, options))).toMatchObject(refusal);
    await cluster.on(a, inStore, options);
    await cluster.on(a, remember, { id: 'd', text: 'the cat sat on the mat' });
    expect(await cluster.on(a, recall, 'the cat', {})).toMatchObject([{ id: 'd' }]);
  } finally {
    await cluster.on(a, close);
    for (const worker of [a, b]) await cluster.on(worker, ({ kept }) => kept.store?.close());
  }
});

async function answerOf(worker, call) {
  return errorOf(() => cluster.on(worker, call)).catch(() => 'taken');
}

test('owners are killed while others remember and recall: what was acknowledged is there', async () => {
  const options = { model, chunk, path: path.join(root, 'killed') };
  for (const worker of [a, b, shy]) await cluster.on(worker, open, options);
  const churn = async ({ kept }) => {
    kept.isEnding = false;
    const there = new Map();
    for (let i = 0; !kept.isEnding; ++i) {
      const id = `d${i % 20}`;
      if (i % 6 === 5) {
        await kept.memory.forget({ ids: [id] });
        there.delete(id);
      } else {
        await kept.memory.remember({ id, text: `document number ${i} about the ${i % 7} hills`, metadata: { i } });
        there.set(id, i);
      }
      await kept.memory.recall('about hills', { k: 3 });
    }
    return [...there];
  };
  const running = cluster.on(shy, churn);
  running.catch(() => {});
  await cluster.killOwners(options.path, rounds(2, 30), [shy], (next) => cluster.on(next, open, options));
  [a, b] = cluster.workers.filter((worker) => worker !== shy);
  await cluster.on(shy, ({ kept }) => {
    kept.isEnding = true;
  });
  const there = new Map(await running);
  const found = await cluster.on(shy, recall, 'x', { k: 1000 });
  const versions = new Map(found.map(({ id, metadata: { i } }) => [id, i]));
  expect([...versions].sort()).toEqual([...there].sort());
});
