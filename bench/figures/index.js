// The figures measured from JavaScript: what each is called, what it must reach, and how it is taken.
// A measurement resolves to { value, detail }; `met` is the target's own comparison.
'use strict';
const path = require('node:path');
const { Peer } = require('../process');
const { round, median } = require('../stats');

const atMost = (limit) => ({ target: `<= ${limit}`, ok: (value) => value <= limit });
const below = (limit) => ({ target: `< ${limit}`, ok: (value) => value < limit });
const atLeast = (limit) => ({ target: `>= ${limit}`, ok: (value) => value >= limit });

// One call in a fresh process.
async function fresh(module, operation, args, execArgv = []) {
  const peer = new Peer(path.join(__dirname, 'child.js'), [module], { execArgv });
  try {
    return await peer.call(operation, args, { timeoutMs: 600_000 });
  } finally {
    await peer.close();
  }
}

const list = (values, digits = 3) => values.map((value) => round(value, digits)).join(' ');

function roundTrip(device, { quick, nativeUs }) {
  const rounds = quick ? 2 : 7,
    roundMs = quick ? 150 : 700,
    figures = [];
  const take = () => fresh('round-trip', 'oneByOne', { device, rounds, roundMs });
  if (device.startsWith('cpu'))
    figures.push({
      name: `round-trip ${device}`,
      unit: 'us',
      ...atMost(25),
      take: async () => {
        const { us, medians, runs } = await take();
        return {
          value: us,
          detail: `1K-element add awaited one by one, best of ${rounds} medians (${list(medians)}), ${runs} jobs`,
        };
      },
    });
  else
    figures.push({
      name: `round-trip ${device} over plain C++`,
      unit: 'us',
      ...atMost(50),
      take: async () => {
        const { us, medians, runs } = await take(),
          native = nativeUs(device);
        if (native === undefined)
          return {
            value: null,
            detail: `${round(us)} us here (${runs} jobs); the native bench gave no submit-and-wait to compare with`,
          };
        return {
          value: us - native,
          detail:
            `${round(us)} us here, best of ${rounds} medians (${list(medians)}); ${round(native)} us for submit ` +
            'and wait in C++',
        };
      },
    });
  const software = device.startsWith('cpu') ? 150_000 : 25_000;
  figures.push({
    name: `100 in flight ${device}`,
    unit: 'jobs/s',
    ...atLeast(software),
    take: async () => {
      const { perSecond, rates } = await fresh('round-trip', 'inFlight', { device, rounds, roundMs });
      return { value: perSecond, detail: `1K-element add, 100 always in flight, best of ${rounds} (${list(rates)})` };
    },
  });
  return figures;
}

function eventLoop(device, { quick }) {
  const rounds = quick ? 1 : 5,
    durationMs = quick ? 500 : 1000;
  const figure = (name, operation, limit, what) => ({
    name: `event loop p99, ${name}, ${device}`,
    unit: 'ms',
    ...below(limit),
    take: async () => {
      const alone = await fresh('event-loop', 'idle', { durationMs }),
        { best, all, jobs } = await fresh('event-loop', operation, { device, rounds, durationMs });
      return {
        value: best.p99,
        detail:
          `how late a 1 ms timer is while ${what} (${jobs} jobs); best of ${rounds} (${list(all)}); p50 ` +
          `${round(best.p50, 3)}, ` +
          `longest ${round(best.max, 3)}, with the interval itself ${round(best.rawP99, 3)}; idle p99 ` +
          `${round(alone.p99, 3)}`,
      };
    },
  });
  return [
    figure('matmul 1024', 'matmul', 2, '4 matmul 1024 are always in flight'),
    figure(
      '64 x 16 MB',
      'largeInto',
      5,
      '64 scale jobs of 16 MB are always in flight, each into memory the caller has',
    ),
    figure(
      '64 x 16 MB, fresh memory',
      'large',
      5,
      '64 scale jobs of 16 MB are always in flight, each into fresh memory that V8 then collects',
    ),
  ];
}

function files(device, { quick }) {
  const rounds = quick ? 1 : 5,
    durationMs = quick ? 700 : 3000;
  return [
    {
      name: `fs.readFile p99 beside 256 jobs, ${device}`,
      unit: 'times',
      ...atMost(2),
      take: async () => {
        const {
          idle: alone,
          middle: { jobs, spin, ratio },
          pairs,
        } = await fresh('files', 'measure', { device, rounds, durationMs });
        return {
          value: ratio,
          detail:
            `p99 ${round(jobs.p99, 3)} ms beside 256 matmul 256 in flight (${round(jobs.cores, 3)} cores, ` +
            `${jobs.reads} reads), ` +
            `${round(spin.p99, 3)} ms beside spinning threads (${round(spin.cores, 3)} cores), ` +
            `${round(alone.p99, 3)} ms alone; middle of ${rounds} pairs (${list(pairs.map((it) => it.ratio))})`,
        };
      },
    },
  ];
}

// The middle of the rounds of each way.
function execution(device, { quick }) {
  const rounds = quick ? 2 : 9,
    roundMs = quick ? 200 : 500;
  const figure = (what, operation, elements, digits, compare) => ({
    name: `libuv's pool over threads, ${what}, ${device}`,
    unit: 'times',
    ...compare.rule,
    take: async () => {
      const { libuv, threads } = await fresh('execution', operation, { device, rounds, roundMs, elements });
      return {
        value: compare.ratio(median(libuv), median(threads)),
        detail:
          `${compare.unit}, by turns: ${list(libuv, digits)} on libuv's pool, ${list(threads, digits)} on threads ` +
          'of the contexts',
      };
    },
  });
  const atMostOver = { rule: atMost(1.05), ratio: (libuv, threads) => libuv / threads };
  return [
    figure('round trip of 100K elements', 'oneByOne', 100_000, 4, { ...atMostOver, unit: 'us' }),
    figure('32 in flight of 20K elements', 'inFlight', 20_000, 6, {
      rule: atLeast(0.95),
      ratio: (libuv, threads) => libuv / threads,
      unit: 'jobs/s',
    }),
    figure('event loop p99 beside 4 matmul 512', 'eventLoop', 0, 3, { ...atMostOver, unit: 'ms' }),
  ];
}

function attention(device, { quick }) {
  const how = { device, rounds: quick ? 1 : 5, roundMs: quick ? 100 : 400 };
  return [
    {
      name: `attention packed over padded, ${device}`,
      unit: 'times as fast',
      ...atLeast(3),
      take: async () => {
        const { paddedMs, packedMs, sequences, mean, longest } = await fresh('attention', 'packed', how);
        return {
          value: paddedMs / packedMs,
          detail:
            `${sequences} sequences of ${round(mean)} in the mean and ${longest} at most: ${round(packedMs)} ms, ` +
            `padded ${round(paddedMs)} ms; 8 heads of 64`,
        };
      },
    },
    {
      name: `attention causal over full, ${device}`,
      unit: 'of the time',
      ...atMost(0.6),
      take: async () => {
        const { fullMs, causalMs } = await fresh('attention', 'causal', how);
        return { value: causalMs / fullMs, detail: `8 x 2048 x 64: ${round(causalMs)} ms, full ${round(fullMs)} ms` };
      },
    },
  ];
}

function halves(device, { quick }) {
  const how = { device, rounds: quick ? 1 : 5, roundMs: quick ? 100 : 300 };
  return [
    {
      name: `float16 over float32, the slowest of three, ${device}`,
      unit: 'of the time',
      ...atMost(0.65),
      take: async () => {
        const times = Object.entries(await fresh('halves', 'overFloats', how)).map(([type, { float32, float16 }]) => ({
          ratio: float16 / float32,
          text: `${type} ${round(float16)} ms of ${round(float32)} (${round(float16 / float32)})`,
        }));
        return {
          value: Math.max(...times.map(({ ratio }) => ratio)),
          detail: `16 Mi elements, 64 MB as float32, on the device: ${times.map(({ text }) => text).join(', ')}`,
        };
      },
    },
  ];
}

function memory(device, { quick }) {
  const gc = ['--expose-gc'],
    cycles = quick ? 1000 : 10_000,
    jobs = quick ? 10_000 : 100_000;
  const figure = (what, operation, count, rule, leak = false) => ({
    name: `${what}, ${device}`,
    unit: 'MB',
    ...rule,
    take: async () => {
      const { growthMb, startMb, halfMb, endMb, kept } = await fresh('memory', operation, { device, count, leak }, gc);
      return {
        value: growthMb,
        detail:
          `resident ${round(startMb)} MB at 1%, ${round(halfMb)} at half, ${round(endMb)} at the end of ${count}` +
          (leak ? `; ${kept} outputs of 4 KB kept on purpose: this check must fail` : ''),
      };
    },
  });
  const figures = [
    figure(`memory over ${cycles} create-run-close cycles`, 'cycles', cycles, below(5)),
    figure(`memory over ${jobs} jobs`, 'jobs', jobs, below(5)),
  ];
  if (device.startsWith('cpu')) {
    // As much kept over the quick run as over the whole one would be too little to see: the control is always whole.
    figures.push(figure('memory control that leaks, cycles', 'cycles', 10_000, atLeast(5), true));
    figures.push(figure('memory control that leaks, jobs', 'jobs', 100_000, atLeast(5), true));
  }
  return figures;
}

function idle({ quick }) {
  const durationMs = quick ? 2000 : 6000;
  return [
    {
      name: 'idle contexts',
      unit: '% of a core',
      ...below(1),
      take: async () => {
        const { percent, bare, devices } = await fresh('idle', 'measure', { durationMs });
        return {
          value: percent,
          detail:
            `CPU time over ${durationMs / 1000} s with a context that has run open on each of ` +
            `${devices.join(', ')}; the process without any: ${round(bare, 3)}%`,
        };
      },
    },
  ];
}

// devices: the ids to measure on. options: { quick, nativeUs(device) }.
function scriptFigures(devices, options) {
  return [
    ...devices.flatMap((device) => roundTrip(device, options)),
    ...devices.flatMap((device) => eventLoop(device, options)),
    ...devices.filter((device) => !device.startsWith('cpu')).flatMap((device) => files(device, options)),
    ...devices.flatMap((device) => execution(device, options)),
    ...devices.flatMap((device) => attention(device, options)),
    ...devices.flatMap((device) => halves(device, options)),
    ...devices.flatMap((device) => memory(device, options)),
    ...idle(options),
  ];
}

module.exports = { scriptFigures };
