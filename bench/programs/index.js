// The figures of programs and pictures: what each is called, what it must reach, and how it is taken. Figures of one
// group come from the same measurement; take() resolves to { name: { value, detail } }, where a figure may bring a
// target of its own. A value of null: `detail` says why.
'use strict';
const fs = require('node:fs');
const { fresh, withFolders } = require('./fresh');
const { differences } = require('./differences');
const { newerMesa } = require('../install');
const { round, median } = require('../stats');

const below = (limit) => ({ target: `< ${limit}`, ok: (value) => value < limit });
const above = (limit) => ({ target: `> ${limit}`, ok: (value) => value > limit });
const atMost = (limit) => ({ target: `<= ${limit}`, ok: (value) => value <= limit });
const atLeast = (limit) => ({ target: `>= ${limit}`, ok: (value) => value >= limit });
const none = { target: '', ok: () => null };

const kSwiftShader = '/usr/lib/chromium/vk_swiftshader_icd.json';
// What webgpu took where it was first measured, ms: for machines on which it finds no adapter.
const kEarlier = { compile: 89, first: 700, later: 1.7 };
const list = (values, digits = 3) => values.map((value) => round(value, digits)).join(' ');
const least = (all, key) => Math.min(...all.map((it) => it[key]));
const repeat = async (count, take) => {
  const all = [];
  for (let i = 0; i < count; ++i) all.push(await take());
  return all;
};

function compiling({ quick }) {
  const same = 'second compile, same worker',
    other = 'compile in another worker',
    again = 'sources compiled again';
  return {
    name: 'compile',
    figures: [
      { name: same, unit: 'us', ...below(50) },
      { name: again, unit: 'sources', ...atMost(0) },
      { name: other, unit: 'us', ...none },
    ],
    async take() {
      const kernels = quick ? 10 : 50,
        all = await repeat(quick ? 1 : 3, () =>
          withFolders((env) => fresh('compile', 'measure', { kernels, repeats: quick ? 10 : 100 }, env)),
        );
      const extra = Math.max(...all.map((it) => Math.max(it.compilations, it.announced) - it.sources)),
        [it] = all;
      return {
        [same]: {
          value: least(all, 'againUs'),
          detail:
            `compileKernel() of equal sources in strings of their own, best of ${all.length} medians ` +
            `(${list(all.map(({ againUs }) => againUs))}), p99 ${list(all.map(({ againP99 }) => againP99))}; ` +
            `compiled for the first time: ${round(least(all, 'firstMs'))} ms (best median)`,
        },
        [again]: {
          value: extra,
          detail:
            `${it.sources} sources, half of them asked for by one worker and then by the other, half by both ` +
            `at once, then some by one again: ${it.asked} calls, ` +
            `${it.compilations} compilations told by the kernels' \`cached\`, ${it.announced} 'shader-compiled' events`,
        },
        [other]: {
          value: least(all, 'elsewhereUs'),
          detail:
            `the first time in that worker, best of ${all.length} medians ` +
            `(${list(all.map(({ elsewhereUs }) => elsewhereUs))}), p99 ` +
            `${list(all.map(({ elsewhereP99 }) => elsewhereP99))}; ` +
            `the workers' loops were late by ${round(Math.max(...all.map(({ longestMs }) => longestMs)), 3)} ` +
            'ms at most',
        },
      };
    },
  };
}

function warmStart({ quick }) {
  const name = 'warm start with 100 kernels, beyond the driver',
    count = 100;
  return {
    name: 'warm start',
    figures: [{ name, unit: 'ms', ...below(100) }],
    take: () =>
      withFolders(async (env) => {
        await fresh('warm', 'fill', { count }, env);
        const all = await repeat(quick ? 2 : 7, () => fresh('warm', 'steps', { count }, env)),
          starts = await repeat(quick ? 1 : 5, () => fresh('warm', 'start', {}, env));
        const without = await withFolders((empty) => repeat(quick ? 1 : 5, () => fresh('warm', 'start', {}, empty)));
        return {
          [name]: {
            value: median(all.map(({ beyond }) => beyond)),
            detail:
              `reading the list and ${count} programs from disk and making them ready, one after the other, in ` +
              `a fresh process: median of ${all.length} (${list(all.map(({ beyond }) => beyond))}), ` +
              'after taking off what making their modules, layouts and pipelines took ' +
              `(${list(all.map(({ driver }) => driver))}); a manager that is alone is ready after ` +
              `${round(median(starts.map(({ ready }) => ready)))} ms with them ` +
              `and ${round(median(without.map(({ ready }) => ready)))} ms without`,
          },
        };
      }),
  };
}

function hitRate({ quick }) {
  const full = 'hit rate, 200 kernels by Zipf',
    small = 'hit rate at SHADER_CACHE_SIZE=50, off the bound of LRU',
    kernels = 200;
  return {
    name: 'hit rate',
    figures: [
      { name: full, unit: '%', ...(quick ? none : above(95)) },
      { name: small, unit: '%', ...atMost(1) },
    ],
    async take() {
      const jobs = quick ? 1000 : 20_000,
        few = quick ? 300 : 5000;
      const wide = await withFolders((env) => fresh('hits', 'cluster', { kernels, jobs, lanes: 8 }, env));
      const narrow = await withFolders((env) =>
        fresh('hits', 'alone', { kernels, jobs: few, capacity: 50 }, { ...env, SHADER_CACHE_SIZE: '50' }),
      );
      return {
        [full]: {
          value: wide.percent,
          detail:
            `getMetrics().cacheHitRate after ${jobs} jobs, 8 in flight, over two workers; ` +
            wide.contexts
              .map(({ id, shaderCount, jobsRun }) => `${id} holds ${shaderCount} programs and ran ${jobsRun}`)
              .join(', '),
        },
        [small]: {
          value: Math.abs(narrow.percent - narrow.bound),
          detail:
            `${round(narrow.percent)}% over ${few} jobs, one after the other on one context that holds ` +
            `${narrow.shaderCount}; least recently used, simulated on the same sequence: ${round(narrow.bound)}%`,
        },
      };
    },
  };
}

// webgpu's times, or the known ones and why.
async function takeWebgpu({ quick, others, rounds, later }) {
  if (!others) return { ...kEarlier, note: 'webgpu was not run: known times' };
  const mesa = newerMesa(() => {});
  try {
    const all = await repeat(rounds, () =>
      withFolders((env) => fresh('webgpu', 'measure', { later }, { ...env, ...mesa.env }), { coldDriver: true }),
    );
    const ours = await repeat(quick ? 1 : rounds, () =>
      withFolders((env) => fresh('dispatch', 'measure', { later }, { ...env, ...mesa.env }), { coldDriver: true }),
    );
    return {
      compile: least(all, 'compile'),
      first: least(all, 'first'),
      later: least(all, 'later'),
      longestMs: least(all, 'longestMs'),
      picture: all[0].picture,
      note: `webgpu on ${all[0].device}`,
      ours,
    };
  } catch (error) {
    return { ...kEarlier, note: `webgpu does not run here (${error.message}): known times` };
  }
}

function dispatching({ quick, others }) {
  const names = {
    compile: 'mid-size shader, compile and pipeline, cold',
    first: 'mid-size shader, first dispatch, cold',
    later: 'mid-size shader, later dispatches',
  };
  const ready = 'mid-size shader, cold start to first result',
    lag = 'mid-size shader, event loop held';
  return {
    name: 'dispatch',
    figures: [...Object.values(names), ready]
      .map((name) => ({ name, unit: 'ms', ...none }))
      .concat({ name: lag, unit: 'ms', ...below(5) }),
    async take() {
      const rounds = quick ? 1 : 5,
        later = quick ? 20 : 200;
      const cold = await repeat(rounds, () =>
        withFolders((env) => fresh('dispatch', 'measure', { later }, env), { coldDriver: true }),
      );
      const warm = await withFolders((env) => repeat(2, () => fresh('dispatch', 'measure', { later }, env)));
      const theirs = await takeWebgpu({ quick, others, rounds, later });
      if (theirs.picture) agree(cold[0].picture, theirs.picture);
      const on = `on ${cold[0].device}, best of ${rounds} fresh processes with empty caches`,
        figures = {};
      for (const [key, name] of Object.entries(names)) {
        const values = cold.map((it) => it[key]),
          newer = theirs.ours ? `; ours on webgpu's driver ${round(least(theirs.ours, key))}` : '';
        figures[name] = {
          value: Math.min(...values),
          ...atMost(round(theirs[key])),
          detail:
            `${on} (${list(values)}); ${theirs.note}: ${round(theirs[key])}${newer}; started again, with the ` +
            `caches of the first run: ${round(warm[1][key])}`,
        };
      }
      const sums = cold.map((it) => it.compile + it.first),
        newer = theirs.ours
          ? `; ours on webgpu's driver ${round(Math.min(...theirs.ours.map((it) => it.compile + it.first)))}`
          : '';
      figures[ready] = {
        value: Math.min(...sums),
        ...atMost(round(theirs.compile + theirs.first)),
        detail: `compile, pipeline and first dispatch together, ${on} (${list(sums)})${newer}`,
      };
      const longest = cold.map((it) => it.longestMs);
      figures[lag] = {
        value: Math.min(...longest),
        detail:
          `how late a 1 ms timer was while all of that went on, the longest of each process, best of ${rounds} ` +
          `(${list(longest)})${theirs.longestMs === undefined ? '' : `; webgpu's ${round(theirs.longestMs, 3)}`}`,
      };
      return figures;
    },
  };
}

const kAgree = 1e-3; // of values from 0 to 1: the compilers order sums as they like
function agree(ours, theirs) {
  const worst = ours.reduce((most, value, i) => Math.max(most, Math.abs(value - theirs[i])), 0);
  if (!(worst <= kAgree)) throw new Error(`the pictures differ by ${worst}`);
}

function builtin({ quick }) {
  const titles = {
      timeline: 'user kernel against built-in, evidence-timeline',
      scale: 'user kernel against built-in, scale',
    },
    rows = 2 ** 20,
    runs = quick ? 15 : 60;
  return Object.entries(titles).map(([pair, name]) => ({
    name: 'user kernel',
    figures: [{ name, unit: 'times', ...atMost(1.03) }],
    async take() {
      const all = await repeat(quick ? 1 : 3, () =>
          withFolders((env) => fresh('builtin', 'measure', { pair, rows, runs }, env)),
        ),
        ratios = all.map(({ ratio }) => ratio);
      return {
        [name]: {
          value: median(ratios),
          detail:
            `compute time of the same GLSL over ${rows} rows of 4 on the device, into memory used again, in ` +
            `turns: median of ${all.length} processes' ratios (${list(ratios)}), ` +
            `medians ${round(all[0].own)} and ${round(all[0].builtin)} ms; of the fastest of ${runs} runs each ` +
            `${list(all.map((it) => it.least))}`,
        },
      };
    },
  }));
}

const kNotKnown = (missing) => ({ value: null, detail: `skipped: ${missing}` });

function pictures({ quick }) {
  const budgetMs = quick ? 1500 : 8000;
  const count = quick ? 1 : 3,
    frames = (scene, options) =>
      repeat(count, () => withFolders((env) => fresh('pictures', 'measure', { scene, budgetMs, options }, env)));
  // more: to be measured and told as well.
  const group = (scene, name, title, rule, options, more) => ({
    name: scene,
    figures: [{ name, unit: 'frames/s', ...rule }],
    async take() {
      const all = await frames(scene, options);
      if (all[0].missing) return { [name]: kNotKnown(all[0].missing) };
      const best = all.reduce((a, b) => (a.perSecond > b.perSecond ? a : b)),
        also = more ? `; ${more.title} ${list((await frames(scene, more.options)).map((it) => it.perSecond))}` : '';
      return {
        [name]: {
          value: best.perSecond,
          detail:
            `${title}, host to host, one after the other: best of ${all.length} ` +
            `(${list(all.map((it) => it.perSecond))}), ${best.frames} frames, p50 ${round(best.ms)} ms, p99 ` +
            `${round(best.p99)} ms${also}`,
        },
      };
    },
  });
  const delivered = 'stream at 30 frames a second, dropped',
    rate = 'stream at 30 frames a second, delivered';
  return [
    group('heatmap', 'heatmap, 512 x 512 weights', '1280 x 720', atLeast(30)),
    group(
      'network',
      'network, 10,000 nodes and 50,000 edges',
      'a step of force-layout and a frame of 1280 x 720, from step 300 on',
      atLeast(10),
      { settled: 300 },
      { title: 'from step 20 on, when most edges are long,', options: { settled: 20 } },
    ),
    group('timeline', 'timeline, 10,000 points', '1280 x 720', none),
    {
      name: 'stream',
      figures: [
        { name: rate, unit: 'frames/s', ...atLeast(29) },
        { name: delivered, unit: '%', ...none },
      ],
      async take() {
        const it = await withFolders((env) =>
          fresh('pictures', 'stream', { fps: 30, durationMs: quick ? 2000 : 10_000 }, env),
        );
        return {
          [rate]: {
            value: it.perSecond,
            detail:
              `renderStream() of the heatmap through a manager that is alone: ${it.delivered} frames in ` +
              `${round(it.seconds)} s`,
          },
          [delivered]: {
            value: (100 * it.dropped) / (it.delivered + it.dropped),
            detail: `${it.dropped} of ${it.delivered + it.dropped}`,
          },
        };
      },
    },
  ];
}

// The tolerance, in steps of 255: rounding makes one or two, the edge of a disc or of a letter, which lies between
// samples, a few more.
const kMeanSteps = 0.25,
  kMaxSteps = 8;
function drivers() {
  const mean = 'two drivers, mean difference',
    most = 'two drivers, largest difference';
  return {
    name: 'drivers',
    figures: [
      { name: mean, unit: 'of 255', ...atMost(kMeanSteps) },
      { name: most, unit: 'of 255', ...atMost(kMaxSteps) },
    ],
    async take() {
      if (!fs.existsSync(kSwiftShader))
        return Object.fromEntries(
          [mean, most].map((name) => [name, kNotKnown(`there is no ${kSwiftShader} (package chromium)`)]),
        );
      const [one, two] = await Promise.all(
        [{}, { VK_DRIVER_FILES: kSwiftShader, VK_ICD_FILENAMES: kSwiftShader }].map((env) =>
          withFolders((folders) => fresh('pictures', 'draw', {}, { ...folders, ...env })),
        ),
      );
      const all = Object.keys(one.images).map((name) => ({ name, ...differences(one.images[name], two.images[name]) }));
      const missing = Object.entries(one.missing)
        .map(([name, why]) => `; ${name} skipped: ${why}`)
        .join('');
      return {
        [mean]: {
          value: Math.max(...all.map((it) => it.mean)),
          detail:
            `${one.device} and ${two.device}, the worst of ${all.length} pictures: ` +
            `${all.map((it) => `${it.name} ${round(it.mean, 2)}`).join(', ')}${missing}`,
        },
        [most]: {
          value: Math.max(...all.map((it) => it.max)),
          detail:
            'of any channel of any pixel, the worst of them: ' +
            all.map((it) => `${it.name} ${it.max}, ${round(it.changedPercent, 2)}% of the pixels not equal`).join(', '),
        },
      };
    },
  };
}

// options: { quick, others }
function programFigures(options) {
  return [
    compiling(options),
    warmStart(options),
    hitRate(options),
    dispatching(options),
    ...builtin(options),
    ...pictures(options),
    drivers(options),
  ];
}

module.exports = { programFigures };
