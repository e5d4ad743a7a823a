// The public types of embeddings, services and documents, as the compiler sees them: never run, only checked. What
// stands under a comment that expects an error must be refused.
import gpu = require('../../../lib/index');
import {
  createGPUClusterManager,
  createService,
  EmbeddingService,
  GPUError,
  hpcServiceFactory,
  processEmbeddings,
  ResourceError,
  tensor,
} from '../../../lib/index';
import type {
  BasisStore,
  EmbeddingBasis,
  EmbeddingsOptions,
  EmbeddingsRequest,
  EmbeddingVectors,
  ProcessedEmbeddings,
  ServiceHealth,
  ServiceMetrics,
  Tensor,
} from '../../../lib/index';

export async function everything(): Promise<void> {
  const manager = createGPUClusterManager();
  const vectors: EmbeddingVectors[] = [[1, 2], [[1, 2]], [new Float32Array(2)], new Float32Array(2), tensor([[1, 2]])];
  const kept = new Map<string, Uint8Array>();
  const store: BasisStore = { get: async (key) => kept.get(key), put: async (key, value) => kept.set(key, value) };
  const options: EmbeddingsOptions = {
    normalize: true,
    reduce_dimensions: true,
    dimension_reduction: 256,
    quantization: 4,
    batch_size: 64,
    basis: 'name',
    store,
  };
  const request: EmbeddingsRequest = { embeddings: vectors[0], options };
  const made: ProcessedEmbeddings = await processEmbeddings(request, { signal: AbortSignal.timeout(5), priority: 1 });
  const embeddings: Tensor = made.embeddings;
  const scales: Float32Array | undefined = made.scales?.data;
  const basis: EmbeddingBasis | undefined = made.basis;
  await manager.processEmbeddings(
    { embeddings: vectors[1], options: { basis } },
    { contextType: 'cpu', affinity: 'x' },
  );
  const model = await gpu.loadModel(gpu.defaultModel);
  await processEmbeddings({ texts: ['a'] as const, options: { model, dimensionReduction: 2, quantization: true } });
  await processEmbeddings({ texts: 'a', options: { model: './models/x' } });
  // @ts-expect-error: one of them
  await processEmbeddings({ texts: 'a', embeddings: [[1]] });
  // @ts-expect-error: neither
  await processEmbeddings({ options });
  // @ts-expect-error: no such codes
  await processEmbeddings({ embeddings: [[1]], options: { quantization: 16 } });
  // @ts-expect-error: without a manager there is nothing to choose
  await processEmbeddings({ embeddings: [[1]] }, { contextType: 'cpu' });
  // @ts-expect-error: outputs are fresh
  await manager.processEmbeddings({ embeddings: [[1]] }, { into: {} });

  const service: EmbeddingService = await createService({ device: 'gpu' });
  await using held = await hpcServiceFactory.initialize();
  const own: EmbeddingService = await manager.createService({ device: 'auto' });
  await own.processEmbeddings({ texts: 'a' }, { timeout: 5 });
  const metrics: ServiceMetrics = await service.getMetrics();
  const health: ServiceHealth = await service.health();
  const texts: string[] = [service.device, service.reason, health.status, ...health.problems];
  const numbers: number[] = [metrics.calls, metrics.latency.p99, metrics.memory?.used ?? 0];
  await service.cleanup();
  await service.close();
  // @ts-expect-error: no such device
  await createService({ device: 'cuda' });
  // @ts-expect-error: made by createService() alone
  void new EmbeddingService();

  const error: unknown = undefined;
  if (error instanceof ResourceError) {
    const asError: GPUError = error;
    const code: string = error.code;
    void [asError, code];
  }
  void [embeddings, scales, held, texts, numbers];
}
