// The public types of indexes of vectors, as the compiler sees them: never run, only checked.
import { createContext, createGPUClusterManager, createIndex, tensor, VectorIndex } from '../../../lib/index';
import type { Filter, IndexStats, SearchResult, SearchResults, Tensor, VectorId } from '../../../lib/index';

export async function indexes(): Promise<void> {
  await using index = await createIndex({ dimensions: 2, metric: 'l2', dtype: 'int8' });
  const onManager: VectorIndex = await createGPUClusterManager().createIndex({ dimensions: 2 });
  const onContext: VectorIndex = await (await createContext()).createIndex({ dimensions: 2 });
  // @ts-expect-error: there are no dimensions
  await createIndex({});
  // @ts-expect-error: there is no such metric
  await createIndex({ dimensions: 2, metric: 'manhattan' });
  // @ts-expect-error: it is made by createIndex()
  new VectorIndex();

  await index.add(['a', 7], tensor([1, 2, 3, 4], [2, 2]), { metadata: [{ year: 1990 }, undefined] });
  await index.upsert(['a'], new Float32Array(2));
  await index.add([8], [[1, 2]]);
  // @ts-expect-error: ids are strings and numbers
  await index.add([8n], [[1, 2]]);
  // @ts-expect-error: metadata is objects
  await index.add([8], [[1, 2]], { metadata: ['x'] });
  const count: number = await index.remove(['a']);
  const isThere: boolean = await index.has(7);
  const { vectors, metadata }: { vectors: Tensor<Float32Array>; metadata: (Record<string, unknown> | undefined)[] } =
    await index.get([7]);

  const one: SearchResult = await index.search(new Float32Array(2), { k: 3 });
  const same: SearchResult = await index.search([1, 2]);
  const many: SearchResults = await index.search(tensor([1, 2, 3, 4], [2, 2]), { includeVectors: true });
  const within: SearchResult = await index.range([1, 2], { distance: 0.5, limit: 10 });
  // @ts-expect-error: how far?
  await index.range([1, 2], {});
  // @ts-expect-error: no such option
  await index.search([1, 2], { top: 3 });
  const filter: Filter = {
    lang: 'en',
    year: { $gte: 2000, $lt: 2010 },
    'place.city': { $in: ['x', null] },
    $or: [{ draft: true }, { $not: { tags: 'a' } }],
  };
  await index.search([1, 2], { filter, ids: ['a', 7], threshold: 0.1, approximate: true, explain: true });
  const ids: VectorId[] = one.ids;
  const lists: VectorId[][] = many.ids;
  const stats: IndexStats = index.stats();
  await index.save('x.index');
  const loaded: VectorIndex = await VectorIndex.load('x.index', { on: await createContext() });
  const size: number = loaded.size;
  // @ts-expect-error: it is not to be written
  loaded.size = 3;
  await index.compact();
  await index.close();
  void [onManager, onContext, count, isThere, vectors, metadata, same, within, ids, lists, stats, size];
}
