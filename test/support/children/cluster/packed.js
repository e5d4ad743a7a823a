// Graphs over packed sequences as one launch, on one worker with one context; the primary and the worker ask.
'use strict';
const { assert, failure, expectClose } = require('../../assertions');
const { until } = require('../../waiting');
const { slowJob } = require('../../jobs');

exports.options = { workers: 1, contextTypes: ['cpu'], contextsPerWorker: 1 };

const kWidth = 24;
const kIds = 50;

/** Sealed weights, or their handles for the worker. */
function makeWeights({ manager }) {
  const make = (rows, seed) => {
    const tensor = manager.sharedTensor([rows, kWidth]);
    for (let i = 0; i < tensor.data.length; ++i) tensor.data[i] = Math.sin(seed + i * 1.7);
    return tensor.seal();
  };
  return { table: make(kIds, 1), weight: make(kWidth, 2) };
}

function textsOf(...lengths) {
  const offsets = Int32Array.from([0, ...lengths]);
  for (let i = 1; i < offsets.length; ++i) offsets[i] += offsets[i - 1];
  return { ids: Int32Array.from({ length: offsets.at(-1) }, (_, i) => (i * 7 + lengths.length) % kIds), offsets };
}

const kNodes = [
  { type: 'gather', inputs: { table: 'table', indices: 'ids' }, outputs: { output: 'x' } },
  { type: 'linear', inputs: { input: 'x', weight: 'weight', residual: 'x' }, outputs: { output: 'y' } },
  { type: 'reshape', inputs: { input: 'y' }, params: { shape: [-1, 2, kWidth / 2] }, outputs: { output: 'heads' } },
  {
    type: 'attention',
    inputs: { query: 'heads', key: 'heads', value: 'heads', offsets: 'offsets' },
    outputs: { output: 'seen' },
  },
  { type: 'reshape', inputs: { input: 'seen' }, params: { shape: [-1, kWidth] }, outputs: { output: 'rows' } },
  { type: 'pool', inputs: { input: 'rows', offsets: 'offsets' }, params: { kind: 'mean' }, outputs: { output: 'z' } },
];

/** A vector for each text, and one for each token. */
const graphOf = (weights, texts, most = 4096) => ({
  type: 'graph',
  inputs: { ...weights, ...texts },
  nodes: kNodes,
  outputs: ['z', 'rows'],
  packed: { rows: ['ids'], offsets: 'offsets', most },
});

/** Keeps the only context busy until it is told to stop. */
async function occupy({ manager }) {
  const controller = new AbortController();
  const ended = manager
    .executeWorkload(slowJob(400), { signal: controller.signal, timeout: 60000 })
    .catch((error) => error.released);
  await until(async () => (await manager.health()).queue.running === 1);
  return async () => {
    controller.abort();
    await ended;
  };
}

const depth = async ({ manager }) => (await manager.health()).queue.depth;

/** Jobs that wait together, and how each ends: { result } or { error }. */
async function together(trial, jobs) {
  const free = await occupy(trial);
  const ended = jobs.map(([graph, options]) =>
    trial.manager.executeWorkload(graph, options).then(
      (result) => ({ result }),
      (error) => ({ error }),
    ),
  );
  await until(async () => (await depth(trial)) === jobs.length);
  await free();
  return Promise.all(ended);
}

async function expectAlone(trial, weights, texts, { outputs }) {
  const alone = await trial.manager.executeWorkload(graphOf(weights, texts));
  for (const name of ['z', 'rows']) {
    assert.deepEqual(outputs[name].shape, alone.outputs[name].shape);
    expectClose(outputs[name].data, alone.outputs[name].data, 1e-5, name);
  }
}

exports.inWorker = {
  run: async (trial, handles, lengths) => {
    const weights = Object.fromEntries(
      Object.entries(handles).map(([name, handle]) => [name, trial.manager.openTensor(handle)]),
    );
    const { outputs, batchSize } = await trial.manager.executeWorkload(graphOf(weights, textsOf(...lengths)));
    for (const tensor of Object.values(weights)) tensor.release();
    return { batchSize, z: [...outputs.z.data], shape: outputs.z.shape };
  },
};

let weights;
exports.cases = {
  'each gets what it gets alone': async (trial) => {
    weights = makeWeights(trial);
    const texts = [textsOf(3, 1, 9), textsOf(5), textsOf(), textsOf(0, 2), textsOf(40, 33), textsOf(1)];
    const ended = await together(
      trial,
      texts.map((each) => [graphOf(weights, each)]),
    );
    for (const [i, { result, error }] of ended.entries()) {
      assert.equal(error, undefined, String(error));
      assert.equal(result.batchSize, texts.length);
      await expectAlone(trial, weights, texts[i], result);
    }
  },

  'of two processes, with one copy of the weights': async (trial) => {
    const handles = Object.fromEntries(Object.entries(weights).map(([name, { handle }]) => [name, handle]));
    const free = await occupy(trial);
    const mine = trial.manager.executeWorkload(graphOf(weights, textsOf(2, 3)));
    const its = trial.call(0, 'run', handles, [4, 5, 6]);
    await until(async () => (await depth(trial)) === 2);
    await free();
    assert.equal((await mine).batchSize, 2);
    const { z, shape, batchSize } = await its;
    assert.equal(batchSize, 2);
    assert.deepEqual(shape, [3, kWidth]);
    expectClose(z, (await trial.manager.executeWorkload(graphOf(weights, textsOf(4, 5, 6)))).outputs.z.data);
  },

  'as many tokens as a launch may have': async (trial) => {
    const texts = [30, 30, 30, 30, 30, 90, 100].map((length) => textsOf(length));
    const ended = await together(
      trial,
      texts.map((each) => [graphOf(weights, each, 100)]),
    );
    assert.deepEqual(
      ended.map(({ result }) => result.batchSize),
      [3, 3, 3, 2, 2, 1, 1],
    );
  },

  'not with other weights, another limit, or without saying so': async (trial) => {
    const others = makeWeights(trial);
    const { packed, ...plain } = graphOf(weights, textsOf(5));
    const jobs = [graphOf(weights, textsOf(5)), graphOf(others, textsOf(5)), graphOf(weights, textsOf(5), 99), plain];
    const ended = await together(
      trial,
      jobs.map((job) => [job]),
    );
    for (const { result } of ended) assert.equal(result.batchSize, 1);
    for (const tensor of Object.values(others)) tensor.release();
  },

  'one that is canceled, and one that is late, leave the others': async (trial) => {
    const controller = new AbortController();
    const free = await occupy(trial);
    const start = () => trial.manager.executeWorkload(graphOf(weights, textsOf(4)));
    const stay = [start(), start()];
    const gone = failure(
      trial.manager.executeWorkload(graphOf(weights, textsOf(4)), { signal: controller.signal }),
      'ERR_CANCELED',
    );
    const late = failure(trial.manager.executeWorkload(graphOf(weights, textsOf(4)), { timeout: 30 }), 'ERR_TIMEOUT');
    await until(async () => (await depth(trial)) >= 3);
    controller.abort();
    await (
      await gone
    ).released;
    await (
      await late
    ).released;
    await free();
    for (const { batchSize } of await Promise.all(stay)) assert.equal(batchSize, 2);
  },

  'one that is wrong fails by itself': async (trial) => {
    const wrong = textsOf(3, 4);
    wrong.ids[5] = kIds;
    const cut = textsOf(3, 4);
    cut.offsets[2] = 6; // not all of its tokens
    const ended = await together(trial, [
      [graphOf(weights, textsOf(2))],
      [graphOf(weights, wrong)],
      [graphOf(weights, textsOf(6))],
      [graphOf(weights, cut)],
    ]);
    assert.equal(ended[1].error?.code, 'ERR_INVALID_ARGUMENT', JSON.stringify(ended[1]));
    assert.equal(ended[3].error?.code, 'ERR_INVALID_ARGUMENT', JSON.stringify(ended[3]));
    for (const i of [0, 2]) assert.equal(ended[i].error, undefined, String(ended[i].error));
    await expectAlone(trial, weights, textsOf(6), ended[2].result);
  },

  'a higher priority goes first and takes others along': async (trial) => {
    const order = [];
    const free = await occupy(trial);
    const run = (name, graph, priority) =>
      trial.manager.executeWorkload(graph, { priority }).then(({ batchSize }) => order.push([name, batchSize]));
    const jobs = [
      run('low', graphOf(weights, textsOf(5)), 0),
      run('other', graphOf(weights, textsOf(5), 77), 1),
      run('high', graphOf(weights, textsOf(5)), 2),
    ];
    await until(async () => (await depth(trial)) === 3);
    await free();
    await Promise.all(jobs);
    assert.deepEqual(order.slice(0, 2).sort(), [
      ['high', 2],
      ['low', 2],
    ]);
  },
};
