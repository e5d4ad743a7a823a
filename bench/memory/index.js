// Indexes of vectors on the processor, as ratios taken in one run: beside USearch's exact search with the same threads,
// codes beside float32, filters, writes while searches run. `node bench/memory/index.js [--json] [--quick] [--rows
// 100000] [--dimensions 384] [--only name]... [--usearch folder]`, after the build; USearch from
// bench/node_modules, else that is left out.
'use strict';
const path = require('node:path');
const { parseArgs } = require('node:util');
const gpu = require('../..');
const { machine } = require('../machine');
const { now, sleep, median, percentile, round, timeEach } = require('../stats');

const flag = { type: 'boolean' };
const { values: options } = parseArgs({
  options: {
    json: flag,
    quick: flag,
    rows: { type: 'string', default: '100000' },
    dimensions: { type: 'string', default: '384' },
    only: { type: 'string', multiple: true },
    usearch: { type: 'string', default: path.join(__dirname, '../node_modules/usearch') },
  },
});
const kRows = Number(options.rows);
const kDimensions = Number(options.dimensions);
const kBudgetMs = options.quick ? 300 : 4000;
const kK = 10;

/** Numbers of a normal distribution, the same in every run. */
function normal(length, seed) {
  let state = seed >>> 0;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  return Float32Array.from({ length }, () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()));
}

const vectors = normal(kRows * kDimensions, 1);
const queries = normal(64 * kDimensions, 2);
const queryOf = (q) => queries.subarray(q * kDimensions, (q + 1) * kDimensions);
const many = gpu.tensor(queries, [64, kDimensions]);
const ids = Array.from({ length: kRows }, (_, i) => i);
// One in a hundred has rare: true, in no order.
const metadata = ids.map((i) => ({ rare: Math.imul(i, 2654435761) >>> 0 < 2 ** 32 / 100, year: 1950 + (i % 75) }));

const chosen = (name) => !options.only || options.only.some((each) => name.includes(each));
const figures = [];
function tell(name, value, target, detail) {
  figures.push({ name, value: round(value, 3), target, detail });
  if (!options.json) console.log(`${name}: ${round(value, 3)} (${target})  ${detail}`);
}
const ms = (samples) => `${round(median(samples), 3)} ms`;

/** Runs two things in turn, so that what the machine does meets both. */
async function inTurn(first, second) {
  const [a, b] = [[], []];
  await first();
  await second();
  const end = now() + 2 * kBudgetMs;
  do {
    a.push(...(await timeEach(first, { budgetMs: 0, least: 1 })));
    b.push(...(await timeEach(second, { budgetMs: 0, least: 1 })));
  } while (now() < end || a.length < 3);
  return [a, b];
}

async function filled(dtype) {
  const index = await context.createIndex({ dimensions: kDimensions, metric: 'cosine', dtype });
  const step = 1000;
  for (let at = 0; at < kRows; at += step)
    await index.add(ids.slice(at, at + step), vectors.subarray(at * kDimensions, (at + step) * kDimensions), {
      metadata: metadata.slice(at, at + step),
    });
  await index.compact();
  return index;
}

function usearch() {
  try {
    return require(path.resolve(options.usearch));
  } catch {
    return undefined;
  }
}

async function besideUsearch(index) {
  const library = usearch();
  if (!library) return console.error('usearch is not installed in bench/: npm ci there');
  const { exactSearch, MetricKind } = library;
  for (const [name, count, target] of [
    ['one query', 1, 1.3],
    ['64 queries', 64, 5],
  ]) {
    const some = queries.subarray(0, count * kDimensions);
    const tensor = gpu.tensor(some, [count, kDimensions]);
    let ours, theirs;
    const [a, b] = await inTurn(
      async () => (ours = await index.search(tensor, { k: kK })),
      () => (theirs = exactSearch(vectors, some, kDimensions, kK, MetricKind.Cos, threads)),
    );
    const equal = ours.ids.flat().filter((id, i) => BigInt(id) === theirs.keys[i]).length;
    tell(
      `${name}, beside USearch`,
      median(b) / median(a),
      `${target}x`,
      `${ms(a)}, theirs ${ms(b)}, ${equal} of ${count * kK} equal`,
    );
  }
}

async function codes(exact) {
  for (const dtype of ['int8', 'bfloat16']) {
    const index = await filled(dtype);
    for (const [name, run] of [
      ['one query', (each) => each.search(queryOf(3), { k: kK })],
      ['64 queries', (each) => each.search(many, { k: kK })],
    ]) {
      let ours, theirs;
      const [a, b] = await inTurn(
        async () => (ours = await run(index)),
        async () => (theirs = await run(exact)),
      );
      const same = JSON.stringify(ours) === JSON.stringify(theirs);
      tell(
        `${name}, ${dtype} beside float32`,
        median(b) / median(a),
        dtype === 'int8' ? '2.5x' : '-',
        `${ms(a)}, ${ms(b)}, ${same ? 'equal' : 'DIFFERENT'}`,
      );
    }
    await index.close();
  }
}

async function filters(index) {
  const filter = { rare: true };
  let found;
  for (const [name, asked] of [
    ['one query', queryOf(5)],
    ['64 queries', many],
  ]) {
    const [a, b] = await inTurn(
      async () => (found = await index.search(asked, { k: kK, filter })),
      () => index.search(asked, { k: kK }),
    );
    tell(
      `${name}, 1% left by a filter`,
      median(a) / median(b),
      'at most 0.2',
      `${ms(a)}, ${ms(b)}, ${found.ids.flat().length} found`,
    );
  }
}

async function adds() {
  const index = await context.createIndex({ dimensions: kDimensions });
  const batches = Math.floor(kRows / 256);
  const names = Array.from({ length: batches }, (_, i) => ids.slice(i * 256, (i + 1) * 256));
  const from = now();
  for (let i = 0; i < batches; ++i)
    await index.add(names[i], vectors.subarray(i * 256 * kDimensions, (i + 1) * 256 * kDimensions));
  const rate = (batches * 256 * 1000) / (now() - from);
  tell('adds of 256 a call, a second', rate, '200000', `${batches * 256} vectors`);
  await index.close();
}

async function underWrites(index) {
  const quiet = await timeEach(() => index.search(queryOf(7), { k: kK }), { budgetMs: 2 * kBudgetMs });
  const every = 5; // ms: 50 upserts each
  let ended = false;
  let written = 0;
  const writer = (async () => {
    const from = now();
    while (!ended) {
      const due = Math.floor((now() - from) / every) * 50;
      while (written < due) {
        const at = (written * 7) % (kRows - 50);
        await index.upsert(ids.slice(at, at + 50), vectors.subarray(at * kDimensions, (at + 50) * kDimensions));
        written += 50;
      }
      await sleep(every);
    }
    return (written * 1000) / (now() - from);
  })();
  const busy = await timeEach(() => index.search(queryOf(7), { k: kK }), { budgetMs: 2 * kBudgetMs });
  ended = true;
  const rate = await writer;
  const [a, b] = [percentile(busy, 99), percentile(quiet, 99)];
  tell(
    'p99 of a search while upserts arrive',
    a / b,
    'at most 2',
    `${round(a, 3)} ms, quiet ${round(b, 3)} ms; ${round(rate, 3)} upserts a second`,
  );
}

async function joined(index) {
  const [a, b] = await inTurn(
    () => Promise.all(Array.from({ length: 16 }, (_, q) => index.search(queryOf(q), { k: kK }))),
    () => index.search(gpu.tensor(queries.subarray(0, 16 * kDimensions), [16, kDimensions]), { k: kK }),
  );
  tell('16 searches in one turn beside one of 16 queries', median(a) / median(b), '-', `${ms(a)}, ${ms(b)}`);
}

let context, threads;
async function main() {
  const about = machine();
  threads = require('node:os').availableParallelism();
  context = await gpu.createContext({ device: 'cpu', threads });
  const exact = await filled('float32');
  if (chosen('usearch')) await besideUsearch(exact);
  if (chosen('codes')) await codes(exact);
  if (chosen('filter')) await filters(exact);
  if (chosen('joined')) await joined(exact);
  if (chosen('adds')) await adds();
  if (chosen('writes')) await underWrites(exact);
  await exact.close();
  await context.close();
  if (options.json)
    console.log(JSON.stringify({ machine: about, rows: kRows, dimensions: kDimensions, figures }, null, 2));
}

main();
