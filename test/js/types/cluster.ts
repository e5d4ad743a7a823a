// The public types of a cluster, as the compiler sees them: never run, only checked. A line under @ts-expect-error must
// be refused.
import { createGPUClusterManager, encodePNG, GPUClusterManager, GPUError, Kernel, tensor } from '../../../lib/index';
import type {
  ClusterHealth,
  ContextInfo,
  GPUClusterMetrics,
  GPUResult,
  GraphWorkload,
  JobOptions,
  ManagerOptions,
  MemoryStats,
  PublishedName,
  SceneWorkload,
  Shader,
  ShaderWorkload,
  SharedTensor,
  SharedTensorHandle,
  Tensor,
} from '../../../lib/index';

export async function everything(): Promise<void> {
  const options: ManagerOptions = {
    workers: 2,
    exec: 'worker.js',
    contextsPerWorker: 2,
    contextTypes: ['cuda', 'cpu'],
    gpuWorkers: 'auto',
    retries: 2,
    memoryLimit: 2 ** 29,
    maxConcurrent: 4,
    queueLimit: 100,
    timeout: Infinity,
    logLevel: 'warn',
  };
  const manager: GPUClusterManager = createGPUClusterManager(options);
  await manager.ready;
  const a: Tensor<Float32Array> = tensor([
    [1, 2],
    [3, 4],
  ]);

  // Jobs.
  const job: JobOptions = {
    priority: 5,
    timeout: 100,
    signal: AbortSignal.timeout(5),
    contextType: 'cpu',
    affinity: 'x',
    cache: true,
    retries: 0,
    into: { output: new Float32Array(4) },
  };
  const result: GPUResult<'output'> = await manager.executeWorkload({ type: 'normalize', inputs: { input: a } }, job);
  const data: Tensor = result.outputs.output;
  const { parts } = await manager.executeWorkload({ type: 'normalize', inputs: { input: a }, split: true });
  const cut: { inputs: string[]; first: number; rows: number } | undefined = parts?.[0].cut;
  // @ts-expect-error: it can't be split
  await manager.executeWorkload({ type: 'scale', inputs: { input: a }, split: true });
  const numbers: number[] = [result.workerId, result.batchSize, result.attempts, result.timings.queued];
  const cached: boolean = result.cached;
  const graph: GraphWorkload<'y'> = {
    type: 'graph',
    inputs: { x: a },
    outputs: ['y'],
    nodes: [{ type: 'scale', inputs: { input: 'x' }, params: { factor: 2 }, outputs: { output: 'y' } }],
  };
  const y: Tensor = (await manager.executeWorkload(graph)).outputs.y;

  // Shorthand.
  const product: Tensor = await manager.ops.matmul(a, a, { alpha: 2 }, { priority: 1 });
  const same: Tensor = await manager.ops.matmul({ a, b: a });
  const top = await manager.ops.topK(a, { k: 1 });
  const indices: Tensor = top.indices;
  const found: Tensor = (await manager.ops['similarity-search'](a, a, { k: 1, metric: 'dot' })).scores;
  // @ts-expect-error only where the base is int8 or of half precision
  const bound: Tensor = (await manager.ops.similaritySearch(a, a, { k: 1 })).bound;
  const bounds: Tensor | undefined = (await manager.ops.similaritySearch(a, a, { k: 1 })).bound;
  const plain: Tensor = await manager.ops.layerNorm(a);
  const shifted: Tensor = await manager.ops.layerNorm(a, null, new Float32Array(2), { epsilon: 1e-6 });
  const causal: Tensor = await manager.ops.attention(a, a, a, { causal: true });
  const { weights } = await manager.ops.attention(a, a, a, { returnWeights: true });

  // Shared memory.
  const shared: SharedTensor<'float32'> = manager.sharedTensor([2, 2]);
  shared.data[0] = 1;
  const bytes: Uint8Array = manager.sharedTensor([4], 'uint8').seal().data;
  const handle: SharedTensorHandle = shared.handle;
  const opened: SharedTensor = manager.openTensor(handle);
  await manager.ops.normalize(opened, undefined, { into: { output: shared } });
  opened.release();
  const published: PublishedName = await manager.publish('base', shared, { limit: 2 ** 30 });
  await manager.publish('plain', new Float32Array(4));
  const base: SharedTensor = await manager.lookup(published.name);
  base.release();
  const wasThere: boolean = await manager.unpublish('base');

  // Programs.
  const kernel: Kernel = await manager.compileKernel({
    name: 'k',
    glsl: { file: 'k.comp' },
    cuda: '',
    bindings: ['x', 'y'],
  });
  const scaled: GPUResult<'y'> = await manager.executeWorkload(
    {
      type: 'kernel',
      kernel,
      inputs: { x: a },
      outputs: { y: { shape: [4], dtype: 'float32' } },
      params: { factor: 2, on: true, v: new Float32Array(3) },
      threads: [4, 1, 1],
    },
    job,
  );
  // @ts-expect-error: threads is required
  manager.executeWorkload({ type: 'kernel', kernel, outputs: { y: { shape: [4] } } });
  const shader: Shader = await manager.compileShader('s', '', { file: 's.frag' });
  const drawing: ShaderWorkload = {
    type: 'render',
    shader,
    width: 8,
    height: 8,
    primitive: 'points',
    attributes: { a_position: new Float32Array(4) },
    uniforms: { u_time: 0, u_map: tensor(new Uint8Array(4), [1, 1, 4]) },
    blend: 'additive',
    background: [0, 0, 0, 1],
    antialias: false,
  };
  const image: Tensor = (await manager.executeWorkload(drawing)).outputs.image;
  const scene: SceneWorkload = {
    type: 'render',
    scene: 'attention-heatmap',
    width: 8,
    height: 8,
    time: 0.5,
    inputs: { weights: a },
    params: { labels: ['a', 'b'] },
  };
  for await (const { image: picture, frame, time, dropped } of manager.renderStream(scene, {
    fps: 30,
    signal: AbortSignal.timeout(5),
  }))
    void [picture.shape, frame + time + dropped];
  manager.renderStream((time, frame) => ({ ...drawing, uniforms: { u_time: time + frame } }), { inFlight: 2 });
  const png: Buffer = await encodePNG(image);
  const known: string[] = [kernel.id, kernel.bindings[0].element, shader.attributes[0].name, ...kernel.backends];
  const origin: false | string = kernel.cached;
  // @ts-expect-error: they are compiled, not made
  new Kernel();
  manager.on('shader-compiled', ({ name, compilationTime }) => void [name.length, compilationTime.toFixed()]);
  manager.on('shader-failed', ({ log }) => void log.length);

  // What it says of itself.
  const contexts: ContextInfo[] = manager.contexts();
  const metrics: GPUClusterMetrics = await manager.getMetrics();
  const health: ClusterHealth = await manager.health();
  const memory: MemoryStats = await manager.memoryStats('cpu:0');
  const text: string = await manager.prometheus();
  manager.on('worker-ready', ({ workerId, contexts: ids }) => void [workerId.toFixed(), ids.join()]);
  manager.once('workload-failed', ({ code }) => void (code === 'ERR_TIMEOUT'));
  manager.on('context-switch', ({ from, to, duration }) => void [from?.length, to.length, duration.toFixed()]);
  manager.on('queue-full', ({ retryAfter }) => void retryAfter.toFixed());
  manager.on('tensor-published', ({ name, version }) => void [name.length, version.toFixed()]);
  manager.cleanup();
  try {
    await manager.close({ drain: true, timeout: 1000 });
  } catch (error) {
    if (error instanceof GPUError && error.code === 'ERR_QUEUE_FULL') setTimeout(() => {}, error.retryAfter);
  }

  // @ts-expect-error: no such option
  createGPUClusterManager({ worker: 2 });
  // @ts-expect-error: no such type of context
  createGPUClusterManager({ contextTypes: ['webgpu'] });
  // @ts-expect-error: managers come from createGPUClusterManager()
  new GPUClusterManager();
  // @ts-expect-error: no such option
  await manager.executeWorkload({ type: 'normalize', inputs: { input: a } }, { prio: 1 });
  // @ts-expect-error: an input is missing
  await manager.executeWorkload({ type: 'matmul', inputs: { a } });
  // @ts-expect-error: k is required
  await manager.ops.topK(a);
  // @ts-expect-error: matmul takes two
  await manager.ops.matmul(a);
  // @ts-expect-error: no such workload
  await manager.ops.matMul(a, a);
  // @ts-expect-error: no such event
  manager.on('worker-redy', () => {});
  // @ts-expect-error: a name is a string
  await manager.lookup(5);
  // @ts-expect-error: no such type of element
  manager.sharedTensor([2], 'float64');
  // @ts-expect-error: attention gives one tensor unless asked for the weights
  (await manager.ops.attention(a, a, a)).weights;
  void [
    wasThere,
    data,
    numbers,
    cached,
    y,
    product,
    same,
    indices,
    found,
    scaled,
    png,
    known,
    origin,
    plain,
    shifted,
    causal,
    weights,
    bytes,
    contexts,
    metrics,
    health,
    memory,
    text,
  ];
}
