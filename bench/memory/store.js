// The figures of a store, as ratios of one run: node bench/memory/store.js [--json] [--quick] [--at FOLDER]. FOLDER: on
// the disk that is measured; else the system's for temporary files.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const gpu = require('../..');
const { collectionOf } = require('../../lib/memory/store');
const { median } = require('../stats');

const kRows = 256,
  kDimensions = 384,
  kCallBytes = kRows * kDimensions * 4;
const { values: options } = parseArgs({
  options: { json: { type: 'boolean' }, quick: { type: 'boolean' }, at: { type: 'string', default: os.tmpdir() } },
});
const say = (text) => process.stderr.write(`${text}\n`);
const seconds = (from) => Number(process.hrtime.bigint() - from) / 1e9;
const vectors = (() => {
  const data = new Float32Array(kRows * kDimensions);
  for (let i = 0; i < data.length; ++i) data[i] = Math.sin(i * 0.7);
  return new Uint8Array(data.buffer);
})();

/**
 * What a program without a store does: appends the same bytes, and waits for the disk each time. In a file that has its
 * size already, as the store's have, no sync has one to write.
 */
function bareLoop(folder, calls, isAllocated) {
  const file = fs.openSync(path.join(folder, 'bare'), 'w');
  if (isAllocated) {
    for (let i = 0; i < calls; ++i) fs.writeSync(file, vectors, 0, vectors.length, i * vectors.length);
    fs.fsyncSync(file);
  }
  const from = process.hrtime.bigint();
  for (let i = 0; i < calls; ++i) {
    fs.writeSync(file, vectors, 0, vectors.length, i * vectors.length);
    fs.fdatasyncSync(file);
  }
  const took = seconds(from);
  fs.closeSync(file);
  fs.unlinkSync(path.join(folder, 'bare'));
  return calls / took;
}

/** What the disk takes at most, in calls' bytes a second: 64 MB in one write and one wait each time. */
function diskRate(folder, rounds) {
  const file = fs.openSync(path.join(folder, 'bare'), 'w');
  const block = Buffer.alloc(64 << 20, vectors);
  const write = (at) => {
    fs.writeSync(file, block, 0, block.length, at);
    fs.fdatasyncSync(file);
  };
  for (let i = 0; i < rounds; ++i) write(i * block.length);
  const from = process.hrtime.bigint();
  for (let i = 0; i < rounds; ++i) write(i * block.length);
  const took = seconds(from);
  fs.closeSync(file);
  fs.unlinkSync(path.join(folder, 'bare'));
  return (rounds * block.length) / kCallBytes / took;
}

/** Calls a second of so many callers, each with one call under way. */
async function callers(count, calls, call) {
  let left = calls;
  const from = process.hrtime.bigint();
  await Promise.all(
    Array.from({ length: count }, async () => {
      while (left-- > 0) await call();
    }),
  );
  return calls / seconds(from);
}

async function writing(folder) {
  const rounds = options.quick ? 2 : 5,
    calls = options.quick ? 40 : 200;
  const rates = { bare: [], allocated: [], disk: [], one: [], many: [], smallOne: [], smallMany: [], notDurable: [] };
  for (let round = 0; round < rounds; ++round) {
    const store = await gpu.openStore(path.join(folder, `store-${round}`));
    const collection = await collectionOf(store, 'vectors');
    await collection.append([vectors]);
    rates.bare.push(bareLoop(folder, calls, false));
    rates.allocated.push(bareLoop(folder, calls, true));
    rates.disk.push(diskRate(folder, options.quick ? 1 : 3));
    rates.one.push(await callers(1, calls, () => collection.append([vectors])));
    rates.many.push(await callers(64, calls * 4, () => collection.append([vectors])));
    const small = Buffer.alloc(1000, 1);
    let key = 0;
    rates.smallOne.push(await callers(1, calls, () => store.put(`k${key++}`, small)));
    rates.smallMany.push(await callers(64, calls * 32, () => store.put(`k${key++}`, small)));
    rates.notDurable.push(await callers(4, calls * 4, () => collection.append([vectors], { durable: false })));
    await store.close();
    fs.rmSync(path.join(folder, `store-${round}`), { recursive: true });
  }
  const rate = (name) => median(rates[name]);
  return {
    bareCallsPerSecond: rate('bare'),
    oneCallerToBare: rate('one') / rate('bare'),
    oneCallerToAllocated: rate('one') / rate('allocated'),
    manyCallersToOne: rate('many') / rate('one'),
    diskToOneCaller: rate('disk') / rate('one'), // no number of callers can have more
    manyCallersToDisk: rate('many') / rate('disk'),
    smallManyCallersToOne: rate('smallMany') / rate('smallOne'),
    notDurableVectorsPerSecond: rate('notDurable') * kRows,
    notDurableToBare: rate('notDurable') / rate('bare'),
  };
}

async function opening(folder) {
  const objects = options.quick ? 100_000 : 1_000_000,
    at = path.join(folder, 'large');
  const store = await gpu.openStore(at, { durable: false });
  const value = Buffer.alloc(64, 7);
  let next = 0;
  await callers(512, objects, () => store.put(`object:${next++}`, value));
  await store.close();
  const times = [];
  for (let round = 0; round < 3; ++round) {
    const from = process.hrtime.bigint();
    const again = await gpu.openStore(at);
    if (!(await again.get(`object:${objects - 1}`))) throw new Error('an object is missing');
    times.push(seconds(from));
    await again.close();
  }
  return { objects, openSeconds: median(times), diskBytesToValues: diskBytes(at) / (objects * value.length) };
}

const diskBytes = (at) => fs.readdirSync(at).reduce((sum, name) => sum + fs.statSync(path.join(at, name)).size, 0);

async function main() {
  const folder = fs.mkdtempSync(path.join(options.at, 'switchyard-bench-'));
  try {
    say('writing');
    const written = await writing(folder);
    say('opening');
    const figures = { callBytes: kCallBytes, ...written, ...(await opening(folder)) };
    if (options.json) console.log(JSON.stringify(figures, null, 2));
    else
      for (const [name, value] of Object.entries(figures)) console.log(name.padEnd(30), Number(value.toPrecision(4)));
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

main().catch((error) => {
  say(`bench/memory/store.js: ${error.stack}`);
  process.exitCode = 1;
});
