// Whether an index of int8 codes answers as one of float32 rows does, on rows that codes can't tell apart: `node
// bench/memory/near-duplicates.js [--json] [--quick] [--queries 10000]`, after the build. It fails where an answer
// differs.
'use strict';
const gpu = require('../..');
const { now, round } = require('../stats');
const { readOptions, normal, Figures } = require('./shared');

const options = readOptions({ queries: { type: 'string' } });
const kDimensions = 384;
const kRows = 10_000; // near-duplicates, and as many others
const kQueries = Number(options.queries ?? (options.quick ? 500 : 10_000));
const kAtOnce = 100;
const kK = 10;

/** Rows that are one row, but for less than one step of its codes in each element. */
function nearDuplicates() {
  const one = normal(kDimensions, 1);
  const step = Math.max(...one.map(Math.abs)) / 127;
  const noise = normal(kRows * kDimensions, 2);
  return noise.map((x, i) => one[i % kDimensions] + Math.max(-0.5, Math.min(0.5, x / 4)) * step);
}

async function filled(context, dtype, rows) {
  const index = await context.createIndex({ dimensions: kDimensions, metric: 'cosine', dtype });
  const count = rows.length / kDimensions;
  for (let at = 0; at < count; at += 1000)
    await index.add(
      Array.from({ length: 1000 }, (_, i) => at + i),
      rows.subarray(at * kDimensions, (at + 1000) * kDimensions),
    );
  await index.compact();
  return index;
}

async function main() {
  const figures = new Figures(options.json);
  const context = await gpu.createContext({ device: 'cpu' });
  const rows = new Float32Array(2 * kRows * kDimensions);
  rows.set(nearDuplicates());
  rows.set(normal(kRows * kDimensions, 3), kRows * kDimensions);
  const [exact, coded] = [await filled(context, 'float32', rows), await filled(context, 'int8', rows)];
  // Every other query is one of the near-duplicates, moved a little.
  const moved = normal(kQueries * kDimensions, 4);
  const near = (q, d) => rows[((q * 7919) % kRows) * kDimensions + d] + moved[q * kDimensions + d] * 0.001;
  const queries = moved.map((x, i) => {
    const q = Math.floor(i / kDimensions);
    return q % 2 ? x : near(q, i % kDimensions);
  });
  let equal = 0;
  const took = { float32: 0, int8: 0 };
  for (let q = 0; q < kQueries; q += kAtOnce) {
    const some = queries.subarray(q * kDimensions, (q + kAtOnce) * kDimensions);
    const asked = gpu.tensor(some, [some.length / kDimensions, kDimensions]);
    const from = now();
    const theirs = await exact.search(asked, { k: kK });
    const between = now();
    const ours = await coded.search(asked, { k: kK });
    took.float32 += between - from;
    took.int8 += now() - between;
    for (let i = 0; i < theirs.ids.length; ++i)
      if (
        JSON.stringify(ours.ids[i]) === JSON.stringify(theirs.ids[i]) &&
        JSON.stringify([...ours.scores[i]]) === JSON.stringify([...theirs.scores[i]])
      )
        equal += 1;
  }
  figures.tell(
    'answers by int8 codes that are those by float32',
    equal / kQueries,
    '1',
    `${equal} of ${kQueries}, ${kRows} near-duplicates among ${2 * kRows} rows; a query ` +
      `${round(took.int8 / kQueries, 3)} ms, by float32 ${round(took.float32 / kQueries, 3)} ms`,
  );
  await exact.close();
  await coded.close();
  await context.close();
  figures.end({ rows: 2 * kRows, dimensions: kDimensions });
  if (equal !== kQueries) process.exitCode = 1;
}

main();
