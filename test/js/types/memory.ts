// The public types of the store, as the compiler sees them: never run, only checked. What stands under a comment that
// expects an error must be refused.
import { createGPUClusterManager, openStore, restoreStore, Store } from '../../../lib/index';
import type {
  ListOptions,
  PutOptions,
  StoreIndexOptions,
  StoreOptions,
  StoreProblem,
  StoreRecovery,
  StoreStats,
  StoreVerification,
  VectorIndex,
} from '../../../lib/index';

export async function everything(): Promise<void> {
  const options: StoreOptions = { durable: false, readOnly: false, limit: 2 ** 30 };
  const store: Store = await openStore('./data', options);
  const other: Store = await createGPUClusterManager().openStore(new URL('file:///data'));
  const put: PutOptions = { ttl: 1000, durable: true };
  await store.put('key', 'value', put);
  await store.put('key', new Uint8Array(3));
  // @ts-expect-error: a value is bytes or text
  await store.put('key', { some: 'object' });
  // @ts-expect-error: no such option
  await store.put('key', 'value', { ttk: 5 });
  const value: Buffer | undefined = await store.get('key');
  const was: boolean = await store.delete('key', { durable: false });
  const list: ListOptions = { prefix: 'a', after: 'ab', limit: 10 };
  const [key]: string[] = await store.list(list);
  const how: StoreIndexOptions = { dimensions: 4, dtype: 'int8', on: createGPUClusterManager() };
  const index: VectorIndex = await store.index('words', how);
  // @ts-expect-error: the store is this one
  await store.index('words', { dimensions: 4, store });
  await index.close();
  const stats: StoreStats = store.stats();
  const recovery: StoreRecovery = stats.recovery;
  const { ok, problems }: StoreVerification = await store.verify();
  const problem: StoreProblem | undefined = problems[0];
  await store.snapshot('./backup');
  await restoreStore('./backup', new URL('file:///restored'));
  await store.close();
  console.log(other.path, other.closed, value, was, key, recovery.torn, ok, problem?.offset);
  // @ts-expect-error: stores come from openStore()
  new Store();
}
