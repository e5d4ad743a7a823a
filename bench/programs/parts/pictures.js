// Pictures from host memory to host memory: frames one after the other, and a stream of them.
'use strict';
const gpu = require('../../..');
const { random } = require('../sources');
const { now, median, percentile } = require('../../stats');

const kWarmFrames = 3;

function weights(rows, columns) {
  const next = random(3),
    data = new Float32Array(rows * columns);
  for (let r = 0; r < rows; ++r)
    for (let c = 0; c < columns; ++c)
      data[r * columns + c] = Math.exp(-Math.abs(r - c) / 40) * (0.5 + 0.5 * next()) + 0.02 * next();
  return { data, shape: [rows, columns], dtype: 'float32' };
}

// Nodes in groups: most edges lead to a node that is near by number, some far away.
function graph(nodes, edges) {
  const next = random(5),
    rowOffsets = new Int32Array(nodes + 1),
    columns = new Int32Array(edges),
    values = new Float32Array(edges);
  for (let i = 0; i <= nodes; ++i) rowOffsets[i] = Math.floor((i * edges) / nodes);
  for (let i = 0; i < nodes; ++i)
    for (let e = rowOffsets[i]; e < rowOffsets[i + 1]; ++e) {
      columns[e] = next() < 0.9 ? (i + 1 + Math.floor(next() * 50)) % nodes : Math.floor(next() * nodes);
      values[e] = 0.2 + 0.8 * next();
    }
  return { rowOffsets, columns, weights: values };
}

function timeline(points) {
  const next = random(7),
    data = new Float32Array(points * 4);
  for (let i = 0; i < points; ++i) data.set([next(), next(), next(), Math.floor(next() * 6)], i * 4);
  return { data, shape: [points, 4], dtype: 'float32' };
}

const size = { width: 1280, height: 720 };
const heatmapAt = (input) => (time) => ({
  type: 'render',
  scene: 'attention-heatmap',
  ...size,
  time,
  inputs: { weights: input },
});

const frames = {
  heatmap(context) {
    const at = heatmapAt(weights(512, 512));
    return async (time) => context.run(at(time));
  },
  // One step of the layout, then the picture of where everything is now. settled: steps that were made before.
  async network(context, { settled }) {
    const inputs = graph(10_000, 50_000),
      {
        outputs: { ranks },
      } = await context.run({ type: 'pagerank', inputs });
    const step = (positions, iterations) =>
      context.run({
        type: 'force-layout',
        inputs: { ...inputs, ...(positions ? { positions } : {}) },
        params: { iterations },
      });
    let { positions } = (await step(undefined, settled)).outputs;
    return async (time) => {
      positions = (await step(positions, 1)).outputs.positions;
      return context.run({
        type: 'render',
        scene: 'document-network',
        ...size,
        time,
        inputs: { ...inputs, positions, ranks },
      });
    };
  },
  timeline(context) {
    const input = timeline(10_000);
    return async (time) =>
      context.run({ type: 'render', scene: 'evidence-timeline', ...size, time, inputs: { timeline: input } });
  },
};

// Resolves to { ms, p99, perSecond, frames }, or { missing } where the engine does not know the scene.
async function measure({ scene, budgetMs, options = {} }) {
  const context = await gpu.createContext({ device: 'vulkan' });
  try {
    const drawFrame = await frames[scene](context, options),
      all = [];
    for (let i = 0; i < kWarmFrames; ++i) await drawFrame(i / 60);
    const start = now();
    for (let i = 0; now() - start < budgetMs || i < 3; ++i) {
      const from = now();
      await drawFrame(1 + i / 60);
      all.push(now() - from);
    }
    return {
      ms: median(all),
      p99: percentile(all, 99),
      perSecond: (all.length * 1000) / (now() - start),
      frames: all.length,
    };
  } catch (error) {
    if (error.code === 'ERR_UNKNOWN_WORKLOAD') return { missing: error.message };
    throw error;
  } finally {
    await context.close();
  }
}

// The heatmap as a stream, read as fast as it comes.
async function stream({ fps, durationMs }) {
  const manager = gpu.createGPUClusterManager({ contextTypes: ['vulkan'], contextsPerWorker: 1, logLevel: 'error' });
  await manager.ready;
  const workload = heatmapAt(weights(512, 512))(0);
  for (let i = 0; i < kWarmFrames; ++i) await manager.executeWorkload(workload);
  let delivered = 0,
    dropped = 0,
    start = now();
  for await (const frame of manager.renderStream(workload, { fps })) {
    if (delivered++ === 0) start = now();
    ({ dropped } = frame);
    if (now() - start >= durationMs) break;
  }
  const seconds = (now() - start) / 1000;
  await manager.close();
  return { delivered, dropped, seconds, perSecond: (delivered - 1) / seconds };
}

// The same pictures for each driver.
async function draw() {
  const context = await gpu.createContext({ device: 'vulkan' }),
    images = {},
    missing = {};
  const grid = weights(48, 64),
    small = graph(400, 1600),
    names = (count) => Array.from({ length: count }, (_, i) => `token ${i + 1}`);
  const base = { type: 'render', ...size, time: 1.5 };
  const scenes = {
    heatmap: async () => ({
      ...base,
      scene: 'attention-heatmap',
      inputs: { weights: grid },
      params: { title: 'Attention', rowLabels: names(48), columnLabels: names(64) },
    }),
    'heatmap of points': async () => ({
      ...base,
      scene: 'attention-heatmap',
      inputs: { weights: grid },
      params: { form: 'points' },
    }),
    'heatmap of 512 x 512': async () => heatmapAt(weights(512, 512))(1.5),
    timeline: async () => ({
      ...base,
      scene: 'evidence-timeline',
      inputs: { timeline: timeline(300) },
      params: { title: 'Evidence', categories: ['a', 'b', 'c', 'd', 'e', 'f'] },
    }),
    // The layout is the host's, so that both drivers draw the same.
    network: async () => {
      const positions = {
        data: Float32Array.from(
          { length: 800 },
          (_, i) => Math.sqrt(i >> 1) * (i % 2 ? Math.sin : Math.cos)((i >> 1) * 2.4),
        ),
        shape: [400, 2],
        dtype: 'float32',
      };
      return {
        ...base,
        scene: 'document-network',
        inputs: { ...small, positions, ranks: Float32Array.from({ length: 400 }, (_, i) => 1 / (i + 20)) },
      };
    },
  };
  for (const [name, make] of Object.entries(scenes)) {
    try {
      images[name] = (await context.run(await make())).outputs.image.data;
    } catch (error) {
      if (error.code !== 'ERR_UNKNOWN_WORKLOAD') throw error;
      missing[name] = error.message;
    }
  }
  const { name } = context.device;
  await context.close();
  return { images, missing, device: name };
}

module.exports = { measure, stream, draw };
