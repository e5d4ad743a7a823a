// The public types of models of texts, as the compiler sees them: never run, only checked. What stands under a comment
// that expects an error must be refused.
import gpu = require('../../../lib/index');
import { createContext, createGPUClusterManager, defaultModel, loadModel, TextModel } from '../../../lib/index';
import type {
  EmbedOptions,
  Embeddings,
  LoadModelOptions,
  LoadProgress,
  Precision,
  Ranked,
  Tensor,
  TextAttention,
  Tokens,
} from '../../../lib/index';

export async function everything(): Promise<void> {
  const options: LoadModelOptions = {
    precision: 'int8',
    maxLength: 256,
    contextType: 'cuda',
    signal: AbortSignal.timeout(5),
    onProgress: ({ loaded, total, step }: LoadProgress) => console.log(step, loaded / total),
  };
  const manager = createGPUClusterManager();
  const model: TextModel = await manager.loadModel('./models/all-MiniLM-L6-v2', options);
  const ctx = await createContext();
  const own: TextModel = await ctx.loadModel(new URL('file:///models/e5'), { precision: 'auto', maxLength: 12 });
  const byName: TextModel = await loadModel(gpu.defaultModel);
  const name: string = defaultModel;
  // @ts-expect-error: a context has no kinds of contexts
  await ctx.loadModel(name, { contextType: 'cpu' });
  // @ts-expect-error: no such precision
  await manager.loadModel(name, { precision: 'float64' });

  const wishes: EmbedOptions = { promptName: 'query', normalize: true, truncate: false, dimensions: 64, priority: 1 };
  const result: Embeddings = await model.embed(['a', 'b'], { ...wishes, dtype: 'float16', returnAttention: 5 });
  const embeddings: Tensor = result.embeddings;
  const [tokens]: number[] = result.tokens;
  const attention: TextAttention | undefined = result.attention?.[0];
  const one: Tensor = (await model.embed('a', { timeout: 5, signal: AbortSignal.timeout(5) })).embeddings;
  // @ts-expect-error: targets are not for texts
  await model.embed('a', { into: {} });
  // @ts-expect-error: no text
  await model.embed(5);

  const ranked: Ranked[] = await byName.rerank('query', ['a', 'b'] as const, { topK: 1, affinity: 'x' });
  const { ids, offsets, spans, truncated }: Tokens = await own.tokenize('a', { offsets: true });
  const text: string = own.decode([1, 2]) + own.decode(ids);
  const counts: number[] = await own.count(['a']);
  const precision: Exclude<Precision, 'auto'> = model.precision;
  const { weights, perContext } = model.memory;
  const kind: 'encoder' | 'cross-encoder' = model.kind;
  await model.close();
  await using held = await manager.loadModel(name);
  // @ts-expect-error: made by loadModel() alone
  void new TextModel();
  void [embeddings, tokens, attention, one, ranked, offsets, spans, truncated, text, counts, precision];
  void [weights, perContext, kind, held, model.prompts.query, model.digest, model.family, model.maxLength];
}
