// Every row of the report, in the order in which they are measured: what matters most comes first. docs/gpu.md has a
// line for each, made from here (npm run generate).
'use strict';
const { cases } = require('./cases');

/**
 * @typedef {object} Row
 * @property {string} part which of parts/ measures it
 * @property {string} name
 * @property {string} unit of the value
 * @property {string} limit what it is a fraction of
 * @property {number|null} expect the fraction that we expect on a card of the H100's class; null: none is foretold
 * @property {string} binds
 * @property {string} why
 * @property {import('./cases/sizes').Case} [case]
 * @property {boolean} [cudaOnly]
 */

const kNoLimit = 'none';
const all = (part, name, what, why) => ({ part, name, unit: 'cases', limit: 'all', expect: 1, binds: what, why });

const kChecks = [
  {
    part: 'devices',
    name: 'devices',
    unit: 'devices',
    limit: kNoLimit,
    expect: null,
    binds: '',
    why: 'what is here, and why not what is not',
  },
  all('conformance', 'conformance, one case in eight', '', 'the quick list: every workload, an eighth of its cases'),
  all('conformance-rest', 'conformance, the other cases', '', 'against arithmetic in double precision'),
  all(
    'end-to-end',
    'end to end from JavaScript',
    '',
    "test/gpu/end-to-end.js: tensors, graphs, users' kernels, errors",
  ),
];

const kTypes = [
  ['float32', 'float32 units: 67 TFLOP/s', 0.75, 'power: a square of 8,192 runs below the boost clock'],
  ['tf32', 'tensor cores: 495 TFLOP/s', 0.75, 'power'],
  ['bfloat16', 'tensor cores: 989 TFLOP/s', 0.72, 'power: random factors cost more of it than zeros'],
  ['float16', 'tensor cores: 989 TFLOP/s', 0.72, 'power'],
  ['int8', 'tensor cores: 1,979 TOP/s', 0.65, 'power, and int32 results of 4 bytes'],
];

const kCard = [
  {
    part: 'card',
    name: 'copy on the device',
    unit: 'GB/s',
    limit: "what its memory's clock allows",
    expect: 0.9,
    binds: 'memory: 3,350 GB/s of HBM3',
    why: 'refresh, and turning between reads and writes; everything bound by memory is measured against this',
  },
  ...kTypes.map(([type, binds, expect, why]) => ({
    part: 'card',
    name: `product of the library, ${type}`,
    unit: 'TFLOP/s',
    limit: `the card's sheet, which the report does not know`,
    expect,
    binds,
    why,
    ...(type === 'int8' && { cudaOnly: true }),
  })),
];

const kHost = [
  {
    name: 'host to host, add of 1K',
    words: 'add a=float32:1024:uniform b=float32:1024:uniform',
    up: 8192,
    down: 4096,
    expect: 0.02,
    binds: 'latency: two copies, a launch, a copy back, an event',
    why: 'some 25 us in all, where the bytes take 0.3; nothing waits in a loop of its own but the completion thread',
  },
  {
    name: 'host to host, normalize',
    words: 'normalize input=float32:20000x384:uniform',
    up: 20000 * 384 * 4,
    down: 20000 * 384 * 4,
    expect: 0.4,
    binds: "the processor's copies into and out of pinned memory",
    why: 'one thread copies some 12 GB/s, and both ways follow each other; from pinned memory 0.8',
  },
  {
    name: 'host to host, matmul 1024',
    words: 'matmul a=float32:1024x1024:uniform b=float32:1024x1024:uniform',
    up: 8 << 20,
    down: 4 << 20,
    expect: 0.4,
    binds: "the processor's copies; the product takes 0.05 ms",
    why: 'as above',
  },
  {
    name: 'host to host, search of 64 queries in 20,000',
    words: 'similarity-search queries=float32:64x384:uniform base=float32:20000x384:uniform -k=10',
    up: 20064 * 384 * 4,
    down: 64 * 10 * 8,
    expect: 0.35,
    binds: "the processor's copies",
    why: 'the base goes up with each job: whoever searches twice keeps it on the device',
  },
].map((row) => ({ part: 'host', unit: 'ms', limit: 'pinned copies of its bytes, both ways at once', ...row }));

const transfer = (name, command, expect, why, more = {}) => ({
  part: 'transfers',
  name,
  unit: 'GB/s',
  limit: "the same by CUDA's own calls, pinned",
  expect,
  binds: 'PCIe 5: 63 GB/s each way, some 55 of them payload',
  why,
  command,
  ...more,
});
const kTransfers = [
  ...['up', 'down', 'both'].map((way) =>
    transfer(`CUDA's own copy, pinned, ${way}`, `raw ${way} pinned`, null, 'the limit of all transfers here', {
      limit: kNoLimit,
      cudaOnly: true,
    }),
  ),
  ...['up', 'down'].map((way) =>
    transfer(
      `CUDA's own copy, pageable, ${way}`,
      `raw ${way} plain`,
      0.25,
      'the driver copies through its own buffer',
      {
        cudaOnly: true,
      },
    ),
  ),
  ...['up', 'down', 'both'].map((way) =>
    transfer(`transfer, pinned, ${way}`, `transfer ${way} pinned`, 0.97, 'one cudaMemcpyAsync'),
  ),
  transfer(
    'transfer, up',
    'transfer up plain',
    0.3,
    'a thread copies into pinned blocks of 4 MB while the last one goes',
  ),
  transfer('transfer, down', 'transfer down plain', 0.25, 'the completion thread copies out of pinned blocks'),
  transfer('transfer, both', 'transfer both plain', 0.3, 'two threads of the processor'),
];

const kProcesses = [
  {
    part: 'contexts',
    name: 'switch between contexts of a process',
    unit: 'us',
    limit: 'jobs on one context',
    expect: 0.95,
    binds: 'latency',
    why: 'jobs in turns against jobs on one: a stream is as good as another; nothing is reloaded',
  },
  {
    part: 'contexts',
    name: 'switch between processes',
    unit: 'us',
    limit: 'jobs of one process',
    expect: 0.8,
    binds: 'latency: the driver changes the context on the card',
    why: "jobs in turns against jobs of one: some 10 us more; they wait for each other's processes to wake, too",
  },
  {
    part: 'contexts',
    name: 'memory of a process',
    unit: 'MB',
    limit: kNoLimit,
    expect: null,
    binds: "CUDA's own context: 300 to 560 MB",
    why: 'code of all kernels is loaded lazily; cuBLASLt adds its own at the first product',
  },
  {
    part: 'contexts',
    name: 'memory of a context',
    unit: 'MB',
    limit: kNoLimit,
    expect: null,
    binds: 'streams and a slab of scratch memory',
    why: 'two streams, and what its first job takes; a context with products has 32 MB of workspace',
  },
  {
    part: 'two-processes',
    name: 'two processes, small jobs',
    unit: 'jobs/s',
    limit: 'twice what one does',
    expect: 0.6,
    binds: 'latency: the card works for one process at a time',
    why: 'time slices without MPS; small jobs leave most of each slice empty',
  },
  {
    part: 'two-processes',
    name: 'two processes, matmul 1024',
    unit: 'jobs/s',
    limit: 'twice what one does',
    expect: 0.7,
    binds: "the processor's copies and PCIe",
    why: 'one process computes while the other one copies',
  },
];

const kText = [
  {
    part: 'text',
    name: 'texts of 128 tokens, bfloat16',
    unit: 'sentences/s',
    limit: 'product bfloat16, of its products',
    expect: 0.4,
    binds: 'tensor cores on products of 384 columns, then memory between them',
    why:
      "MiniLM's shape, jobs of the model's own budget, two at a time, vectors to the host: 2.9 GFLOP a text, of " +
      'which attention is a twentieth; 100,000 a second are 0.29 of the peak',
  },
  {
    part: 'text',
    name: 'texts of 128 tokens, tokenized',
    unit: 'sentences/s',
    limit: 'the same without tokenizing',
    expect: null,
    binds: 'tokenizing, where the processor is slower than the card',
    why: 'embed() of strings: some 6 million tokens a second for each thread that tokenizes',
  },
];

const kSanitizers = ['memcheck', 'racecheck', 'initcheck', 'synccheck'].map((tool) => ({
  part: 'sanitizer',
  name: `compute-sanitizer, ${tool}`,
  unit: 'cases',
  limit: 'all',
  expect: 1,
  binds: '',
  why: 'chosen small cases, where the tool is installed',
  tool,
  cudaOnly: true,
}));

/**
 * @param {boolean} card whether sizes are those for a card
 * @returns {Row[]}
 */
function rows(card) {
  return [
    ...kChecks,
    ...kCard,
    ...cases(card).map((one) => ({ part: 'resident', unit: 'ms', case: one, ...one })),
    ...kHost,
    ...kTransfers,
    ...kProcesses,
    ...kText,
    ...kSanitizers,
  ];
}

module.exports = { rows, kNoLimit };
