// Takeovers of an index that a cluster shares, by processes that stand by: which of them die, and when, is the test's
// to say. Nothing is lost, each write is done once, and who stood by goes on without reading everything again.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { setTimeout: wait } = require('node:timers/promises');
const { churn, compare, searches, stop } = require('../../../support/memory-churn');
const { MemoryCluster } = require('../../../support/memory-cluster');
const { rounds } = require('../../../support/rounds');
const { until } = require('../../../support/waiting');

jest.setTimeout(rounds(90_000, 600_000));
process.env.LOG_LEVEL = 'silent';

const kLib = path.resolve(__dirname, '../../../../lib');
let cluster, folder, store, shy, running;
beforeAll(async () => {
  cluster = new MemoryCluster();
  [shy] = await cluster.fork(1, { GPU_OWNS_MEMORY: 'false' });
});
afterAll(() => cluster.end());
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-takeovers-'));
  store = path.join(folder, 'store');
  running = [];
});
afterEach(async () => {
  for (const worker of cluster.workers) await cluster.on(worker, close);
  for (const worker of cluster.workers) if (worker !== shy) await cluster.kill(worker);
  fs.rmSync(folder, { recursive: true });
});

const close = async ({ kept }) => {
  kept.isEnding = true;
  await kept.index?.close();
  await kept.store?.close();
  kept.index = kept.store = undefined;
};
/** Opens it in a process that counts what it has read of it from the beginning, and knows when it stands by. */
const open = async ({ gpu: { openStore, createIndex }, require, kept }, at, lib) => {
  if (!kept.isWatched) {
    kept.isWatched = true;
    const { StandBy } = require(`${lib}/memory/cluster/stand-by`);
    const { IndexCore } = require(`${lib}/memory/vectors/index-core`);
    const { follow } = StandBy.prototype;
    const { recover } = IndexCore.prototype;
    Object.assign(kept, { standsBy: 0, recovers: 0 });
    StandBy.prototype.follow = async function followed(how) {
      const is = await follow.call(this, how);
      if (is) kept.standsBy = how.turn;
      return is;
    };
    IndexCore.prototype.recover = function recovered() {
      kept.recovers += 1;
      return recover.call(this);
    };
  }
  kept.store = await openStore(at, { durable: false });
  kept.index = await createIndex({ dimensions: 4, metric: 'dot', store: kept.store, name: 'vectors' });
};

/** One more process that may own it, once it stands by, or owns it. */
async function another() {
  const [worker] = await cluster.fork(1);
  await cluster.on(worker, open, store, kLib);
  const isReady = async () => cluster.ownerOf(store) === worker || (await standsBy(worker)) > 0;
  await until(isReady, 20_000, `worker ${worker} to stand by`);
  return worker;
}
const standsBy = (worker) => cluster.on(worker, ({ kept }) => kept.standsBy);
const recovers = (worker) => cluster.on(worker, ({ kept }) => kept.recovers);

/** Calls go on in the process that never dies, until end(). */
async function begin() {
  await cluster.on(shy, open, store, kLib);
  running = [cluster.on(shy, churn, 's', 4), cluster.on(shy, searches)];
  for (const each of running) each.catch(() => {});
  await wait(100);
}
async function end() {
  await cluster.on(shy, stop);
  const [there, searched] = await Promise.all(running);
  expect(searched).toBeGreaterThan(0);
  expect(there.length).toBeGreaterThan(0);
  expect(await cluster.on(shy, compare, there)).toBe(there.length);
}
/** An answer, so the next owner has begun. */
const answered = () => cluster.on(shy, ({ kept }) => kept.index.has('nobody'));

test('who stands by goes on without reading it again, owner after owner', async () => {
  let [owner, next] = [await another(), await another()];
  await begin();
  for (let i = 0; i < rounds(3, 20); ++i) {
    const after = await another();
    await cluster.kill(owner);
    await answered();
    expect(cluster.ownerOf(store)).toBe(next);
    expect(await recovers(next)).toBe(0);
    await until(async () => (await standsBy(after)) > 0, 10_000, 'the last one to follow the next owner');
    [owner, next] = [next, after];
  }
  await end();
});

test('one that stands by is killed; then both that do; then the owner and both at once', async () => {
  const owner = await another();
  let others = [await another(), await another()];
  await begin();
  await cluster.kill(others[0]);
  others = [others[1], await another()];
  await Promise.all(others.map((worker) => cluster.kill(worker)));
  await answered();
  expect(cluster.ownerOf(store)).toBe(owner);
  others = [await another(), await another()];
  const late = cluster.fork(1);
  await Promise.all([owner, ...others].map((worker) => cluster.kill(worker)));
  const [last] = await late;
  await cluster.on(last, open, store, kLib);
  await answered();
  await end();
});

test('the owner is killed while segments are sealed, merged and written, and while a copy is made', async () => {
  let owner = await another();
  await begin();
  const compacting = ({ kept }) => {
    (async () => {
      while (kept.index) await kept.index.compact();
    })().catch(() => {});
  };
  const copying = ({ kept }, to) => {
    (async () => {
      for (let i = 0; kept.store; ++i) await kept.store.snapshot(`${to}-${i}`);
    })().catch(() => {});
  };
  for (let i = 0; i < rounds(4, 40); ++i) {
    const next = await another();
    await cluster.on(next, i % 2 ? compacting : copying, path.join(folder, `copy-${i}`));
    await wait(20 + Math.random() * 100);
    await cluster.kill(owner);
    await answered();
    owner = next;
  }
  await end();
});

test('one that has not kept up goes on with what is in the files', async () => {
  const [owner, slow] = [await another(), await another()];
  await begin();
  process.kill(cluster.pids.get(slow), 'SIGSTOP');
  await wait(300);
  await cluster.on(shy, ({ kept }) => kept.index.compact()); // its files are others by now
  await wait(100);
  await cluster.kill(owner);
  process.kill(cluster.pids.get(slow), 'SIGCONT');
  await answered();
  expect(cluster.ownerOf(store)).toBe(slow);
  await end();
});
