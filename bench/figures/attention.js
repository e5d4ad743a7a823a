// Attention whose work is less than that of a square: sequences packed one after the other against the same padded to
// one length, and causal against full. All inputs are on the device.
'use strict';
const { timeEach, median } = require('../stats');

const kHeads = 8,
  kDepth = 64,
  kLongest = 512;
// One text is as long as the longest, most are short: 64 tokens each in the mean.
const kLengths = [512, 180, 120, 100, 84, 72, 64, 56, 48, 44, 40, 36, 32, 32, 28, 28, 28, 24, 24, 24, 24, 20, 20, 20];
while (kLengths.length < 32) kLengths.push(48);

function uniform(shape, seed) {
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  let state = seed;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = state / 2147483648 - 1;
  }
  return { data, shape, dtype: 'float32' };
}

// The medians of both, in turns, round after round.
async function inTurns(device, ways, { rounds, roundMs }) {
  const gpu = require('../..');
  const context = await gpu.createContext({ device, memoryLimit: 2 * 1024 ** 3 });
  try {
    const runs = [];
    for (const { inputs, params } of ways) {
      const uploaded = {};
      for (const [name, tensor] of Object.entries(inputs))
        uploaded[name] = name === 'offsets' ? tensor : await context.upload(tensor);
      runs.push(() => context.run({ type: 'attention', inputs: uploaded, params }));
    }
    const medians = ways.map(() => []);
    for (const run of runs) await run();
    for (let round = 0; round < rounds; round++)
      for (let i = 0; i < runs.length; i++)
        medians[i].push(median(await timeEach(runs[i], { budgetMs: roundMs, least: 2 })));
    return medians.map((all) => Math.min(...all));
  } finally {
    await context.close();
  }
}

async function packed({ device, ...how }) {
  const tokens = kLengths.reduce((a, b) => a + b, 0);
  const offsets = new Int32Array(kLengths.length + 1);
  kLengths.forEach((length, i) => (offsets[i + 1] = offsets[i] + length));
  const inputs = (shape) => ({ query: uniform(shape, 1), key: uniform(shape, 2), value: uniform(shape, 3) });
  const [paddedMs, packedMs] = await inTurns(
    device,
    [
      { inputs: inputs([kLengths.length * kHeads, kLongest, kDepth]) },
      {
        inputs: {
          ...inputs([tokens, kHeads, kDepth]),
          offsets: { data: offsets, shape: [offsets.length], dtype: 'int32' },
        },
      },
    ],
    how,
  );
  return { paddedMs, packedMs, sequences: kLengths.length, mean: tokens / kLengths.length, longest: kLongest };
}

async function causal({ device, ...how }) {
  const shape = [kHeads, 2048, kDepth];
  const inputs = { query: uniform(shape, 1), key: uniform(shape, 2), value: uniform(shape, 3) };
  const [fullMs, causalMs] = await inTurns(device, [{ inputs }, { inputs, params: { causal: true } }], how);
  return { fullMs, causalMs };
}

module.exports = { packed, causal };
