// The public types of documents, as the compiler sees them: never run, only checked. What stands under a comment that
// expects an error must be refused.
import gpu = require('../../../lib/index');
import { createGPUClusterManager, createMemory, Memory, openStore } from '../../../lib/index';
import type {
  DocumentStats,
  Forgotten,
  GivenDocument,
  MemoryOptions,
  Recalled,
  RecallOptions,
  Remembered,
  RememberOptions,
} from '../../../lib/index';

export async function everything(): Promise<void> {
  const store = await openStore('./data');
  const model = await gpu.loadModel(gpu.defaultModel);
  const options: MemoryOptions = {
    model,
    store,
    name: 'notes',
    chunk: { tokens: 100 },
    dtype: 'int8',
    reranker: './x',
  };
  const memory: Memory = await createMemory(options);
  await using own = await createGPUClusterManager().createMemory({ path: new URL('file:///data') });
  await using plain = await createMemory();
  // @ts-expect-error: no such dtype
  await createMemory({ dtype: 'int4' });
  // @ts-expect-error: a path is no number
  await createMemory({ path: 5 });

  const document: GivenDocument = { id: 'a', text: 'b', metadata: { year: 1999, tags: ['x'] } };
  const wishes: RememberOptions = { metadata: { kind: 'note' }, timeout: 5, priority: 1 };
  const { ids, passages }: Remembered = await memory.remember(['a text', document] as const, wishes);
  await own.remember('a text');
  // @ts-expect-error: a document has a text
  await plain.remember({ id: 'a' });

  const asked: RecallOptions = { k: 3, filter: { year: { $gte: 1990 } }, rerank: 20, signal: AbortSignal.timeout(5) };
  const found: Recalled[] = await memory.recall('a question', asked);
  const [{ id, text, score, start, end, metadata }] = found;
  const cut: string = text.slice(0, end - start) + id + String(score) + String(metadata.year);
  // @ts-expect-error: a question is a string
  await memory.recall(['a question']);

  const what: Forgotten = { ids: ['a'] };
  const count: number = (await memory.forget(what)) + (await memory.forget({ filter: { kind: 'note' } }));
  // @ts-expect-error: one of them
  await memory.forget({ ids: ['a'], filter: {} });
  const stats: DocumentStats = await memory.stats();
  const numbers: number[] = [stats.documents, stats.passages, stats.chunk.tokens, count, ...passages];
  await memory.close();
  // @ts-expect-error: made by createMemory() alone
  void new Memory();
  void [ids, cut, numbers, memory.closed];
}
