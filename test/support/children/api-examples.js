// Runs examples of docs/api.md: `node api-examples.js MODULE RESULTS`. MODULE exports [{ title, names, alone, run }],
// whose run takes an object of the names; RESULTS gets { title: 'ok' or the error }. An example that closes or makes a
// manager is `alone`: it has one of its own. The others share one, so what one publishes another finds.
'use strict';
const fs = require('node:fs');
const { ServerResponse, IncomingMessage } = require('node:http');
const { Socket } = require('node:net');
const gpu = require('../../../lib');

const kCompute = `#version 450
layout(local_size_x = 64) in;
layout(binding = 0) buffer X { float x[]; };
void main() { if (gl_GlobalInvocationID.x < x.length()) x[gl_GlobalInvocationID.x] *= 2.0; }`;
const kVertex = `#version 450
void main() { gl_Position = vec4(gl_VertexIndex == 1 ? 3 : -1, gl_VertexIndex == 2 ? 3 : -1, 0, 1); }`;
const kFragment = `#version 450
layout(location = 0) out vec4 colour;
void main() { colour = vec4(1); }`;

const numbers = (count) => Float32Array.from({ length: count }, (_, index) => Math.sin(index + 1));
const rows = (count, length) => gpu.tensor(numbers(count * length), [count, length]);
const fail = (what) => () => {
  throw new Error(what);
};

// What an example may name without making it.
const kNames = {
  fs: () => fs,
  pino: () => require('pino'),
  input: () => rows(4, 8),
  queries: () => rows(2, 384),
  a: () => rows(4, 4),
  b: () => rows(4, 4),
  vectors: () => rows(1000, 384).data,
  query: () => Float32Array.of(1, 0.5),
  params: () => ({ k: 3 }),
  workload: () => ({ type: 'normalize', inputs: { input: rows(4, 8) } }),
  source: () => kCompute,
  vertexSource: () => kVertex,
  fragmentSource: () => kFragment,
  scene: () => ({ type: 'render', scene: 'attention-heatmap', width: 64, height: 64, inputs: { weights: rows(4, 4) } }),
  outputs: () => ({ image: gpu.tensor(new Uint8Array(16).fill(255), [2, 2, 4]) }),
  show: () => (image) => image.shape.length === 3 || fail('no image')(),
  alarm: () => fail('the cluster is down'),
  worker: () => ({ send: (text) => JSON.parse(text).base.region >= 0 || fail('no handle')() }),
  documents: () => ['the copy of a work', 'any warranty', 'you may sell it'],
  ids: () => Int32Array.of(5, 6),
  response: () => new ServerResponse(new IncomingMessage(new Socket())),
};

const draws = () => gpu.devices().find(({ features }) => features.graphics)?.id;

/** The folders of models that examples name, below the current one. */
const kModels = { model: './models/all-MiniLM-L6-v2', reranker: './models/ms-marco-MiniLM-L6-v2' };

/** A store of an example's own, below the current folder. */
async function ownStore() {
  const store = await gpu.openStore(fs.mkdtempSync('./store-'));
  await store.put('session', '{"user":7}');
  return store;
}

/** What an example uses: contexts and tensors are its own, the manager may be the others' too. */
async function provide(names, { contexts, manager }) {
  const given = { ...gpu, require };
  for (const name of names) if (Object.hasOwn(kNames, name)) given[name] = kNames[name]();
  if (names.includes('ctx')) {
    const programs = names.some((name) => /source$/i.test(name));
    given.ctx = await gpu.createContext({ device: programs ? draws() : 'cpu' });
    contexts.push(given.ctx);
  }
  for (const [name, folder] of Object.entries(kModels))
    if (names.includes(name)) contexts.push((given[name] = await gpu.loadModel(folder)));
  if (names.includes('service')) contexts.push((given.service = await gpu.createService({ device: 'cpu' })));
  if (names.includes('memory')) contexts.push((given.memory = await gpu.createMemory({ model: kModels.model })));
  if (names.includes('index')) contexts.push((given.index = await indexOf()));
  if (names.includes('store')) contexts.push((given.store = await ownStore()));
  if (names.includes('restoreStore') && !fs.existsSync('./snapshot')) {
    const store = await ownStore();
    await store.snapshot('./snapshot');
    await store.close();
  }
  if (names.includes('manager')) given.manager = await manager();
  if (names.includes('error') && given.manager)
    given.error = await given.manager.executeWorkload({ type: 'normalize', inputs: { input: rows(4, 8) } });
  if (names.includes('handle')) given.handle = given.manager.sharedTensor([2, 2]).handle;
  if (names.includes('base') && given.manager) given.base = given.manager.sharedTensor([1000, 384]);
  else if (names.includes('base')) given.base = await baseOf(names, contexts, manager);
  return given;
}

/** An index of two vectors. */
async function indexOf() {
  const index = await gpu.createIndex({ dimensions: 2 });
  const metadata = [
    { lang: 'en', year: 1990 },
    { lang: 'en', year: 2020 },
  ];
  await index.add(['a', 'b'], gpu.tensor([1, 0, 0, 1], [2, 2]), { metadata });
  return index;
}

/** Of a DeviceTensor's example one on a device, of a SharedTensor's one of the manager. */
async function baseOf(names, contexts, manager) {
  if (names.includes('shared')) return (await manager()).sharedTensor([8, 8]);
  const ctx = await gpu.createContext({ device: 'cpu' });
  contexts.push(ctx);
  return ctx.upload(rows(8, 8));
}

async function main([module, results]) {
  const outcome = {};
  let shared;
  const ready = async () => {
    const manager = gpu.createGPUClusterManager();
    await manager.ready;
    return manager;
  };
  const close = () => gpu.createGPUClusterManager().close();
  for (const { title, names, alone, run } of require(module)) {
    const contexts = [];
    try {
      const manager = async () => (alone ? ready() : (shared = await ready()));
      if (alone && shared) await close();
      if (alone) shared = undefined;
      await run(await provide(names, { contexts, manager }));
      outcome[title] = 'ok';
    } catch (error) {
      outcome[title] = error.stack;
    }
    for (const ctx of contexts) await ctx.close();
    if (alone) await close();
  }
  if (shared) await close();
  fs.writeFileSync(results, JSON.stringify(outcome));
}

main(process.argv.slice(2));
