// An index that a cluster shares while the process that owns it is killed each second: two processes search and upsert
// a thousand times a second each way together. node bench/memory/owner-kills.js [--seconds 60] [--rows 60000]
// [--dimensions 384] [--at FOLDER] [--rate 1000] [--quiet] [--takeovers 5] [--json]. FOLDER: a store there, on that
// disk; without one the index is in none, on memory. --quiet: nobody is killed, for comparison. --takeovers 5: instead,
// so many owners are killed, and what passes from each kill to the first answer is told.
'use strict';
const cluster = require('node:cluster');
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const gpu = require('../..');
const { now, sleep, percentile, round } = require('../stats');

const flag = { type: 'boolean' };
const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    rows: { type: 'string', default: '60000' },
    dimensions: { type: 'string', default: '384' },
    rate: { type: 'string', default: '1000' },
    at: { type: 'string' },
    takeovers: { type: 'string' },
    quiet: flag,
    json: flag,
  },
});
const kSeconds = Number(options.seconds);
const kRows = Number(options.rows);
const kDimensions = Number(options.dimensions);
const kRate = Number(options.rate) / 2; // of each of the two
const kStandBy = 3; // processes that may own it
const kBatch = 1000;
const manager = gpu.createGPUClusterManager({ contextTypes: ['cpu'], contextsPerWorker: 1 });

async function open() {
  await manager.ready; // before anything that holds the event loop
  const kind = { dimensions: kDimensions, metric: 'cosine', name: 'bench' };
  const store = options.at === undefined ? undefined : await gpu.openStore(options.at, { durable: false });
  return manager.createIndex({ ...kind, ...(store && { store }) });
}

let state = 1;
const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32 - 0.5;
const vector = () => Float32Array.from({ length: kDimensions }, next);

/** Calls at a steady rate, whatever each takes: `most` at a time, and their times from when they were due. */
async function atRate(rate, ms, call, most = 512) {
  const took = [];
  const [began, running] = [now(), new Set()];
  for (let i = 0; now() - began < ms;) {
    const due = Math.floor(((now() - began) / 1000) * rate);
    for (; i < due && running.size < most; ++i) {
      const from = began + (i * 1000) / rate; // when it was due: what waits for others has waited, too
      const mine = call(i).then(() => {
        took.push(now() - from);
        running.delete(mine);
      });
      running.add(mine);
    }
    await sleep(1);
  }
  await Promise.all(running);
  return took;
}

/** One of the two that call: ids of its own, each of which it writes with a larger number each time. */
async function load({ own, ms }) {
  const index = await open();
  state = own * 7919;
  const last = new Map(); // the number that was acknowledged last, by id
  let added = 0;
  let doubled = 0;
  const queries = Array.from({ length: 64 }, vector);
  const write = async (i) => {
    if (i % 4 === 0) {
      const id = `${own}-new-${i}`;
      try {
        await index.add([id], vector(), { metadata: [{ n: 1 }] });
        added += 1;
        last.set(id, 1);
      } catch (error) {
        if (!/is in the index already/.test(error.message)) throw error;
        doubled += 1; // by its own first try
      }
      return;
    }
    const id = `${own}-${i % 4096}`;
    await index.upsert([id], vector(), { metadata: [{ n: i }] });
    last.set(id, Math.max(i, last.get(id) ?? 0));
  };
  const [writes, searches] = await Promise.all([
    atRate(kRate, ms, write),
    atRate(kRate, ms, (i) => index.search(queries[i % 64], { k: 10 })),
  ]);
  const removed = [...last.keys()].filter((id) => id.includes('-new-'));
  let lost = 0;
  for (const [id, number] of last) {
    const there = await index.has(id);
    const { metadata } = there ? await index.get([id]) : { metadata: [{ n: -1 }] };
    if (metadata[0].n < number) lost += 1;
  }
  const counted = await index.remove(removed);
  await index.close();
  return { writes, searches, lost, doubled: doubled + Math.abs(counted - removed.length), added };
}

async function fill(index) {
  for (let at = 0; at < kRows; at += kBatch) {
    const count = Math.min(kBatch, kRows - at);
    const data = Float32Array.from({ length: count * kDimensions }, next);
    await index.add(
      Array.from({ length: count }, (_, i) => at + i),
      gpu.tensor(data, [count, kDimensions]),
    );
  }
}

const answer = (worker, name) =>
  new Promise((resolve) => {
    const onMessage = (message) => {
      if (message?.[name] === undefined) return;
      worker.off('message', onMessage);
      resolve(message[name]);
    };
    worker.on('message', onMessage);
  });

async function standBy(isFirst = false) {
  const worker = cluster.fork();
  worker.on('error', () => {}); // it may be killed while it is told something
  const opened = answer(worker, 'opened');
  worker.send({ open: true, fill: isFirst });
  await opened;
  return worker;
}

/** The pid that has the lock of the store open. */
function ownerAmong(workers) {
  return workers.find(({ process: { pid } }) => {
    try {
      return fs.readdirSync(`/proc/${pid}/fd`).some((fd) => {
        try {
          return path.basename(fs.readlinkSync(`/proc/${pid}/fd/${fd}`)) === 'lock';
        } catch {
          return false;
        }
      });
    } catch {
      return false;
    }
  });
}

/** From a kill to the first answer of a search that was called right after it, and of a write. */
async function takeovers(workers) {
  const index = await open();
  const query = vector();
  await index.search(query, { k: 10 });
  const took = [];
  for (let i = 0; i < Number(options.takeovers); ++i) {
    const owner = ownerAmong(workers);
    workers.splice(workers.indexOf(owner), 1);
    const from = now();
    owner.process.kill('SIGKILL');
    const since = (call) => call.then(() => now() - from);
    const [search, write] = await Promise.all([
      since(index.search(query, { k: 10 })),
      since(index.upsert(['mine'], query)),
    ]);
    took.push({ search: round(search, 3), write: round(write, 3) });
    workers.push(await standBy());
    await sleep(1000);
  }
  console.log(options.json ? JSON.stringify(took) : took);
  await manager.close();
  process.exit();
}

async function main() {
  const workers = [await standBy(true)];
  while (workers.length < kStandBy) workers.push(await standBy());
  if (options.takeovers !== undefined) return takeovers(workers);
  process.env.GPU_OWNS_MEMORY = 'false'; // of those that are forked from here on, unless it is taken away
  const callers = [cluster.fork(), cluster.fork()];
  delete process.env.GPU_OWNS_MEMORY;
  for (const worker of callers)
    worker.on('exit', (code) => code && process.exit(console.error(`a caller ended: ${code}`) ?? 1));
  const done = callers.map((worker, i) => {
    const answered = answer(worker, 'done');
    worker.send({ load: { own: i + 1, ms: kSeconds * 1000 } });
    return answered;
  });
  let ended = false;
  const results = Promise.all(done).finally(() => (ended = true));
  let kills = 0;
  const began = now();
  while (!ended && !options.quiet && now() - began < kSeconds * 1000) {
    await sleep(1000);
    const owner = ownerAmong(workers);
    if (!owner) continue;
    workers.splice(workers.indexOf(owner), 1);
    owner.process.kill('SIGKILL');
    kills += 1;
    standBy().then((worker) => workers.push(worker));
  }
  report(await results, kills);
  await manager.close();
  return process.exit();
}

function report(results, kills) {
  const of = (name) => results.flatMap((result) => result[name]);
  const sum = (name) => results.reduce((total, result) => total + result[name], 0);
  const times = (list) => ({
    count: list.length,
    p50: round(percentile(list, 50), 3),
    p99: round(percentile(list, 99), 3),
    max: round(
      list.reduce((most, ms) => Math.max(most, ms), 0),
      3,
    ),
  });
  const figures = {
    kills,
    acknowledgedLost: sum('lost'),
    doubled: sum('doubled'),
    searches: times(of('searches')),
    writes: times(of('writes')),
  };
  if (options.json) console.log(JSON.stringify(figures));
  else console.log(figures);
}

if (cluster.isPrimary) main();
else
  process.on('message', async (message) => {
    if (message.load) process.send({ done: await load(message.load) });
    if (message.open) {
      const index = await open();
      if (message.fill) await fill(index);
      process.send({ opened: index.size });
    }
  });
