// The soak's jobs: a mix of workloads and sizes, each made from its number, so that a result that belongs to another
// job is wrong. Whole numbers, small enough that every device and every order of summation gives the same; normalize
// alone has a tolerance.
'use strict';

const kSmall = 1024,
  kLarge = 262_144,
  kMatrix = 128,
  kWideMatrix = 512,
  kDimensions = 64,
  kRows = 2000,
  kNearest = 10,
  kQueries = 4,
  kVariants = 16;

// A whole number from -3 to 3 that depends on both.
const whole = (seed, i) => (((i + 1) * 7919 + seed * 104_729 + ((i * i) % 1013)) % 7) - 3;
const wholes = (seed, length) => Float32Array.from({ length }, (_, i) => whole(seed, i));
const tensor = (data, shape) => ({ data, shape, dtype: 'float32' });

// Two elements in each column: a worker that takes another's place should not spend its first second on answers.
function matrices(side, seed) {
  const a = wholes(seed, side * side),
    b = new Float32Array(side * side),
    answer = new Float32Array(side * side);
  for (let j = 0; j < side; ++j) {
    for (const row of [(j * 7) % side, (j * 13 + 5) % side]) {
      const factor = (j % 3) + 1;
      b[row * side + j] += factor;
      for (let i = 0; i < side; ++i) answer[i * side + j] += a[i * side + row] * factor;
    }
  }
  return { side, a, b, answer };
}

function normalized(data, row) {
  const out = new Float32Array(data.length);
  for (let at = 0; at < data.length; at += row) {
    let sum = 0;
    for (let i = 0; i < row; ++i) sum += data[at + i] ** 2;
    for (let i = 0; i < row; ++i) out[at + i] = data[at + i] / Math.max(Math.sqrt(sum), 1e-12);
  }
  return out;
}

// The best first, ties by the lower index.
function nearest(query, base) {
  const scores = Array.from({ length: kRows }, (_, row) => {
    let sum = 0;
    for (let i = 0; i < kDimensions; ++i) sum += query[i] * base[row * kDimensions + i];
    return sum;
  });
  const order = scores
    .map((_, row) => row)
    .sort((a, b) => scores[b] - scores[a] || a - b)
    .slice(0, kNearest);
  return { indices: order, scores: order.map((row) => scores[row]) };
}

const baseData = () => wholes(1, kRows * kDimensions);

function same(actual, expected, tolerance = 0) {
  if (actual.length !== expected.length) return `${actual.length} elements instead of ${expected.length}`;
  for (let i = 0; i < expected.length; ++i)
    if (!(Math.abs(actual[i] - expected[i]) <= tolerance))
      return `element ${i} is ${actual[i]}, but must be ${expected[i]}`;
  return undefined;
}

function scaled(actual, data, factor, offset = 0) {
  if (actual.length !== data.length) return `${actual.length} elements instead of ${data.length}`;
  for (let i = 0; i < data.length; ++i)
    if (actual[i] !== data[i] * factor + offset)
      return `element ${i} is ${actual[i]}, but must be ${data[i] * factor + offset}`;
  return undefined;
}

// What is asked how often, of 20 jobs.
const kShares = [
  ['normalize', 9],
  ['graph', 3],
  ['search', 3],
  ['matmul', 2],
  ['wide-matmul', 1],
  ['large', 1],
  ['shared', 1],
];
const kOrder = kShares.flatMap(([name, times]) => Array(times).fill(name));

class Mix {
  // base: the search's rows, in memory that every process shares.
  constructor(manager, base) {
    this.manager = manager;
    this.base = base;
    this.small = Array.from({ length: kVariants }, (_, i) => wholes(i + 10, kSmall));
    this.smallAnswers = this.small.map((data) => normalized(data, 256));
    this.large = wholes(3, kLarge);
    this.matrices = matrices(kMatrix, 4);
    this.wideMatrices = matrices(kWideMatrix, 6);
    const rows = baseData();
    this.queries = Array.from({ length: kVariants }, (_, i) => wholes(i + 40, kQueries * kDimensions));
    this.searchAnswers = this.queries.map((data) => {
      const found = Array.from({ length: kQueries }, (_, q) =>
        nearest(data.subarray(q * kDimensions, (q + 1) * kDimensions), rows),
      );
      return { indices: found.flatMap((it) => it.indices), scores: found.flatMap((it) => it.scores) };
    });
    this.graphSums = this.small.map((data) =>
      Array.from({ length: 4 }, (_, row) =>
        data.subarray(row * 256, (row + 1) * 256).reduce((sum, value) => sum + Math.max(value, 0), 0),
      ),
    );
  }

  // { type, workload, options, check(outputs) -> what is wrong, end() }
  job(n) {
    const type = kOrder[(n * 7) % kOrder.length],
      variant = n % kVariants,
      factor = 1 + (n % 1000);
    switch (type) {
      case 'normalize':
        return {
          type,
          workload: { type: 'normalize', inputs: { input: tensor(this.small[variant], [4, 256]) } },
          check: ({ output }) => same(output.data, this.smallAnswers[variant], 1e-6),
        };
      case 'graph':
        return {
          type,
          workload: {
            type: 'graph',
            inputs: { x: tensor(this.small[variant], [4, 256]) },
            outputs: ['sums'],
            nodes: [
              { type: 'scale', inputs: { input: 'x' }, params: { factor }, outputs: { output: 'scaled' } },
              {
                type: 'activation',
                inputs: { input: 'scaled' },
                params: { kind: 'relu' },
                outputs: { output: 'positive' },
              },
              { type: 'reduce', inputs: { input: 'positive' }, params: { kind: 'sum' }, outputs: { output: 'sums' } },
            ],
          },
          check: ({ sums }) => scaled(sums.data, this.graphSums[variant], factor),
        };
      case 'search':
        return {
          type,
          workload: {
            type: 'similarity-search',
            inputs: { queries: tensor(this.queries[variant], [kQueries, kDimensions]), base: this.base },
            params: { k: kNearest, metric: 'dot' },
          },
          check: ({ indices, scores }) =>
            same(indices.data, this.searchAnswers[variant].indices) ??
            same(scores.data, this.searchAnswers[variant].scores),
        };
      case 'matmul':
        return this.#matmul(type, this.matrices, 1 + (n % 5));
      case 'wide-matmul':
        return this.#matmul(type, this.wideMatrices, 1 + (n % 5));
      case 'large':
        return {
          type,
          workload: {
            type: 'scale',
            inputs: { input: tensor(this.large, [kLarge]) },
            params: { factor, offset: variant },
          },
          check: ({ output }) => scaled(output.data, this.large, factor, variant),
        };
      default:
        return this.#shared(type, factor, variant);
    }
  }

  #matmul(type, { side, a, b, answer }, alpha) {
    return {
      type,
      workload: {
        type: 'matmul',
        inputs: { a: tensor(a, [side, side]), b: tensor(b, [side, side]) },
        params: { alpha },
      },
      check: ({ output }) => scaled(output.data, answer, alpha),
    };
  }

  // Memory of its own, made and let go of for each job.
  #shared(type, factor, offset) {
    const input = this.manager.sharedTensor([kLarge]),
      output = this.manager.sharedTensor([kLarge]);
    input.data.set(this.large);
    return {
      type,
      workload: { type: 'scale', inputs: { input }, params: { factor, offset } },
      options: { into: { output } },
      check: () => scaled(output.data, this.large, factor, offset),
      end: () => {
        input.release();
        output.release();
      },
    };
  }
}

module.exports = { Mix, baseData, kRows, kDimensions };
