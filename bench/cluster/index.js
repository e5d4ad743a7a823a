// The cluster's figures: what each is called, what it must reach, and how it is taken. Figures of one group come from
// the same measurement; take() resolves to { figures: { name: { value, detail } }, rows }, `met` is the target's own
// comparison.
'use strict';
const { fresh, takeTurns, makeRow, beside, least, most } = require('./contest');
const { round, median } = require('../stats');

const below = (limit) => ({ target: `< ${limit}`, ok: (value) => value < limit });
const above = (limit) => ({ target: `> ${limit}`, ok: (value) => value > limit });
const atMost = (limit) => ({ target: `<= ${limit}`, ok: (value) => value <= limit });
const atLeast = (limit) => ({ target: `>= ${limit}`, ok: (value) => value >= limit });
const none = { target: '', ok: () => null };

const kSmall = 4096,
  kMiddle = 65_536,
  kLarge = 2 ** 20,
  kHuge = 2 ** 24;
const kMaxFlood = 1000;
const list = (values, digits = 3) => values.map((value) => round(value, digits)).join(' ');
const rounds = (samples, column, key) => list(samples[column].map((it) => it[key]));

function bestOf(samples, column, key) {
  return samples[column].reduce((best, it) => (it[key] < best[key] ? it : best));
}

function roundTrip({ quick, others }) {
  const name = '4 KB, worker to worker and back, p50',
    local = '4 KB, local placement, p50',
    cost = 'primary CPU a job, one at a time';
  return {
    name: 'round trip',
    figures: [
      { name, unit: 'us', ...below(150) },
      { name: '4 KB, worker to worker and back, p99', unit: 'us', ...none },
      { name: local, unit: 'us', ...below(60) },
      { name: cost, unit: 'us', ...below(15) },
    ],
    async take() {
      const entries = [
        'switchyard plain',
        'switchyard local',
        ...(others ? ['advanced messages', 'JSON messages', 'Piscina'] : []),
      ].map((column) => ({ column }));
      const { samples, problems } = await takeTurns(entries, {
        what: kSmall,
        operation: 'each',
        rounds: quick ? 2 : 5,
        warmMs: quick ? 150 : 400,
        args: { budgetMs: quick ? 200 : 900 },
      });
      const middle = makeRow({
        workload: 'round-trip',
        title: '4 KB normalize, p50',
        unit: 'us',
        samples,
        problems,
        key: 'p50',
      });
      const tail = makeRow({
        workload: 'round-trip',
        title: '4 KB normalize, p99',
        unit: 'us',
        samples,
        problems,
        key: 'p99',
      });
      const far = bestOf(samples, 'switchyard plain', 'p50'),
        near = bestOf(samples, 'switchyard local', 'p50');
      return {
        rows: [middle, tail],
        figures: {
          [name]: {
            value: far.p50,
            detail:
              `best of ${samples['switchyard plain'].length} rounds ` +
              `(${rounds(samples, 'switchyard plain', 'p50')}), ${far.runs} jobs, each on the other worker's ` +
              `context; ${beside(middle, 'switchyard plain')}`,
          },
          '4 KB, worker to worker and back, p99': {
            value: tail.columns['switchyard plain'].value,
            detail:
              `best of the rounds (${rounds(samples, 'switchyard plain', 'p99')}); ` +
              `${beside(tail, 'switchyard plain')}`,
          },
          [local]: {
            value: near.p50,
            detail:
              `on the asking worker's own context, best of the rounds ` +
              `(${rounds(samples, 'switchyard local', 'p50')}), p99 ${round(near.p99)}; ` +
              `${beside(middle, 'switchyard local')}`,
          },
          [cost]: {
            value: least(samples['switchyard plain'], 'primaryUs'),
            detail:
              'user and system time of the primary over the jobs of a round, best of the rounds ' +
              `(${rounds(samples, 'switchyard plain', 'primaryUs')})` +
              (others && !problems['advanced messages']
                ? `; advanced messages ${round(least(samples['advanced messages'], 'primaryUs'))} us`
                : ''),
          },
        },
      };
    },
  };
}

// The widths that a way is tried with: too many in flight make messages slower, too few leave the cores idle.
const widths = (column, sizes) => sizes.map((width) => ({ column: `${column} x${width}`, way: column, width }));

// Only the best width of each way is shown.
function bestWidths({ samples, problems }, columns) {
  const kept = {},
    failed = {};
  for (const column of columns) {
    const tried = Object.keys(samples).filter((it) => it.startsWith(`${column} x`) && !problems[it]);
    if (tried.length)
      kept[column] =
        samples[
          tried.reduce((best, it) => (most(samples[it], 'perSecond') > most(samples[best], 'perSecond') ? it : best))
        ];
    else {
      kept[column] = [];
      failed[column] = problems[Object.keys(problems).find((it) => it.startsWith(`${column} x`))];
    }
  }
  return { samples: kept, problems: failed };
}

async function flood({ what, columns, sizes, quick, jsonSizes }) {
  const turns = {
    what,
    operation: 'many',
    rounds: quick ? 1 : 3,
    warmMs: quick ? 100 : 300,
    args: { budgetMs: quick ? 250 : 800 },
  };
  const all = { samples: {}, problems: {} };
  // One way after the other: several clusters that wait cost nothing, but their memory does.
  for (const column of columns) {
    const entries = widths(column, column === 'JSON messages' ? jsonSizes : sizes).map((it) => ({ ...it, by: 'all' }));
    const { samples, problems } = await takeTurns(entries, turns);
    Object.assign(all.samples, samples);
    Object.assign(all.problems, problems);
  }
  return bestWidths(all, columns);
}

function throughput({ quick, others }) {
  const name = '4 KB jobs a second, 2 workers',
    cost = 'primary CPU a job, under load';
  return {
    name: 'throughput',
    figures: [
      { name, unit: 'jobs/s', ...above(40_000) },
      { name: cost, unit: 'us', ...below(15) },
    ],
    async take() {
      const columns = [
        'switchyard plain',
        'switchyard any',
        ...(others ? ['advanced messages', 'JSON messages', 'Piscina'] : []),
      ];
      const { samples, problems } = await flood({
        what: kSmall,
        columns,
        sizes: quick ? [256] : [32, 256, kMaxFlood],
        jsonSizes: quick ? [32] : [8, 32],
        quick,
      });
      const fromPrimary = await takeTurns(
        [{ column: 'switchyard primary', way: 'switchyard plain', by: 'primary', width: 256, prepare: { to: [1, 2] } }],
        { what: kSmall, operation: 'many', rounds: quick ? 1 : 3, warmMs: 300, args: { budgetMs: quick ? 250 : 800 } },
      );
      const row = makeRow({
        workload: 'throughput',
        title: '4 KB normalize, many in flight',
        unit: 'jobs/s',
        samples,
        problems,
        key: 'perSecond',
        higher: true,
      });
      const ours = samples['switchyard plain'];
      return {
        rows: [row],
        figures: {
          [name]: {
            value: row.columns['switchyard plain'].value,
            detail:
              `both workers ask, each job runs on the other's context, ${ours[0].width} in flight in each; ` +
              `rounds ${rounds(samples, 'switchyard plain', 'perSecond')}; ` +
              `wherever the cluster places them ${round(row.columns['switchyard any'].value)} jobs/s; asked by ` +
              `the primary ${round(most(fromPrimary.samples['switchyard primary'], 'perSecond'))} jobs/s; ` +
              `${beside(row, 'switchyard plain')}`,
          },
          [cost]: {
            value: least(ours, 'primaryUs'),
            detail: `over the jobs above, best of the rounds (${rounds(samples, 'switchyard plain', 'primaryUs')})`,
          },
        },
      };
    },
  };
}

function middleThroughput({ quick, others }) {
  const plain = '64 KB jobs a second over advanced messages, typed arrays',
    shared = '64 KB jobs a second over advanced messages, shared tensors';
  return {
    name: '64 KB',
    figures: others
      ? [
          { name: shared, unit: 'times', ...atLeast(10) },
          { name: plain, unit: 'times', ...atLeast(10) },
        ]
      : [],
    async take() {
      const columns = ['switchyard plain', 'switchyard shared', 'advanced messages', 'JSON messages', 'Piscina'];
      const { samples, problems } = await flood({
        what: kMiddle,
        columns,
        sizes: quick ? [32] : [8, 32, 128],
        jsonSizes: quick ? [2] : [2, 8],
        quick,
      });
      const row = makeRow({
        workload: '64 KB',
        title: '64 KB scale, many in flight',
        unit: 'jobs/s',
        samples,
        problems,
        key: 'perSecond',
        higher: true,
      });
      const figure = (column) => {
        if (problems['advanced messages']) throw new Error(problems['advanced messages']);
        return {
          value: row.columns[column].value / row.columns['advanced messages'].value,
          detail:
            `${round(row.columns[column].value)} jobs/s with ${samples[column][0].width} in flight in each ` +
            `worker; ${beside(row, column)}`,
        };
      };
      return { rows: [row], figures: { [plain]: figure('switchyard plain'), [shared]: figure('switchyard shared') } };
    },
  };
}

function large({ quick, others }) {
  const names = ['1 MB in and out beyond compute, shared tensors', '1 MB in and out beyond compute, typed arrays'];
  return {
    name: '1 MB',
    figures: names.map((name) => ({ name, unit: 'us', ...below(250) })),
    async take() {
      const columns = [
        'switchyard shared',
        'switchyard plain',
        ...(others ? ['advanced messages', 'JSON messages', 'Piscina', 'Piscina in JavaScript'] : []),
      ];
      const { samples, problems } = await takeTurns(
        columns.map((column) => ({ column })),
        {
          what: kLarge,
          operation: 'each',
          rounds: quick ? 1 : 4,
          warmMs: quick ? 100 : 300,
          args: { budgetMs: quick ? 200 : 700, least: 2 },
        },
      );
      const beyond = makeRow({
        workload: '1 MB',
        title: '1 MB scale, beyond compute',
        unit: 'us',
        samples,
        problems,
        key: 'beyond',
      });
      const total = makeRow({
        workload: '1 MB',
        title: '1 MB scale, in all',
        unit: 'us',
        samples,
        problems,
        key: 'p50',
      });
      const figure = (column) => ({
        value: beyond.columns[column].value,
        detail:
          `best of ${samples[column].length} medians (${rounds(samples, column, 'beyond')}), ` +
          `${round(total.columns[column].value)} us in all; ${beside(beyond, column)}`,
      });
      return {
        rows: [beyond, total],
        figures: { [names[0]]: figure('switchyard shared'), [names[1]]: figure('switchyard plain') },
      };
    },
  };
}

function huge({ quick, others }) {
  const shared = '16 MB in and out, shared tensors',
    plain = '16 MB in and out, typed arrays';
  return {
    name: '16 MB',
    figures: [
      { name: shared, unit: 'ms', ...below(4) },
      { name: plain, unit: 'ms', ...none },
    ],
    async take() {
      const columns = [
        'switchyard shared',
        'switchyard plain',
        ...(others ? ['advanced messages', 'Piscina', 'Piscina in JavaScript'] : []),
      ];
      const { samples, problems } = await takeTurns(
        columns.map((column) => ({ column })),
        {
          what: kHuge,
          operation: 'each',
          rounds: quick ? 1 : 3,
          warmMs: quick ? 100 : 300,
          args: { budgetMs: quick ? 250 : 800, least: 3 },
        },
      );
      for (const lists of Object.values(samples)) for (const it of lists) it.ms = it.p50 / 1000;
      const row = makeRow({
        workload: '16 MB',
        title: '16 MB scale, in all',
        unit: 'ms',
        samples,
        problems,
        key: 'ms',
      });
      const figure = (column) => ({
        value: row.columns[column].value,
        detail:
          `in all, best of ${samples[column].length} medians (${rounds(samples, column, 'ms')}), ` +
          `${round(least(samples[column], 'beyond') / 1000)} ms beyond compute; ${beside(row, column)}`,
      });
      return { rows: [row], figures: { [shared]: figure('switchyard shared'), [plain]: figure('switchyard plain') } };
    },
  };
}

function contextSwitch({ quick }) {
  const name = 'context switch, p99';
  return {
    name: 'context switch',
    figures: [{ name, unit: 'ms', ...below(0.5) }],
    async take() {
      const { samples } = await takeTurns([{ column: 'switchyard switches', way: 'switchyard plain' }], {
        what: kSmall,
        operation: 'switches',
        rounds: quick ? 1 : 3,
        warmMs: 100,
        args: { budgetMs: quick ? 400 : 1500, least: 500 },
      });
      const all = samples['switchyard switches'],
        best = bestOf(samples, 'switchyard switches', 'p99'),
        { contextSwitches, contextSwitchTime } = all.at(-1);
      return {
        figures: {
          [name]: {
            value: best.p99,
            detail:
              'from the decision to the first command, jobs to one worker and the other in turn: best of ' +
              `${all.length} rounds (${rounds(samples, 'switchyard switches', 'p99')}), ` +
              `p50 ${round(best.p50)}, ${best.samples} switches; getMetrics() over all rounds: ` +
              `${contextSwitches} switches, p50 ${round(contextSwitchTime.p50)}, p99 ` +
              `${round(contextSwitchTime.p99)}`,
          },
        },
      };
    },
  };
}

function deadline({ quick, long }) {
  const name = 'rejected after its deadline';
  return {
    name: 'deadline',
    figures: [{ name, unit: 'ms', ...atMost(50) }],
    async take() {
      const longMs = long ? 90_000 : quick ? 3200 : 8000;
      const { max, p50, jobs, left, tookMs } = await fresh('deadline', 'lateness', { longMs });
      return {
        figures: {
          [name]: {
            value: max,
            detail:
              `the latest of ${jobs} jobs behind a job of ${round(tookMs / 1000)} s on the only ` +
              `context${long ? '' : ' (--long: of 90 s)'}, p50 ${round(p50)}; ${left} left in the queue`,
          },
        },
      };
    },
  };
}

function kills({ quick }) {
  const seconds = quick ? 5 : 66,
    lost = 'lost jobs while workers are killed',
    doubled = 'jobs settled twice while workers are killed',
    running = 'kills while jobs run',
    asked = 'jobs while workers are killed';
  return {
    name: 'kills',
    figures: [
      { name: lost, unit: 'jobs', ...atMost(0) },
      { name: doubled, unit: 'jobs', ...atMost(0) },
      { name: asked, unit: 'jobs', ...(quick ? none : atLeast(20_000)) },
      { name: running, unit: 'kills', ...(quick ? none : atLeast(60)) },
    ],
    async take() {
      const it = await fresh('soak', 'run', {
        minutes: seconds / 60,
        killEvery: 1,
        workers: 2,
        lanes: 16,
        workerLanes: 4,
      });
      const failures =
          Object.entries(it.failures)
            .map(([code, count]) => `${code} ${count}`)
            .join(', ') || 'none',
        detail =
          `the soak for ${it.seconds} s${quick ? ', short' : ''}: ${it.jobs.asked} jobs, ` +
          `${it.jobs.retried} ran more than once, ${it.wrong} wrong, failed: ${failures}; ${it.kills} kills`;
      return {
        figures: {
          [lost]: { value: it.lost + it.wrong, detail: `${detail}; wrong results count as lost` },
          [doubled]: { value: it.doubled },
          [asked]: { value: it.jobs.asked },
          [running]: {
            value: it.killsWhileRunning,
            detail: it.readyMs
              ? `new workers ready after ${it.readyMs.p50} ms (p50) under that load, ${it.readyMs.max} ms at most`
              : '',
          },
        },
      };
    },
  };
}

function restart({ quick }) {
  const figure = (name, contextTypes) => ({
    name: `restart ${name}`,
    figures: [{ name, unit: 'ms', ...below(1000) }],
    async take() {
      const { times, contexts } = await fresh('faults', 'restarts', {
        workers: 2,
        contextTypes,
        kills: quick ? 3 : 10,
      });
      return {
        figures: {
          [name]: {
            value: Math.max(...times),
            detail:
              `the longest of ${times.length} kills in an idle cluster, from SIGKILL to worker-ready (contexts: ` +
              `${contexts.join(' ')}); p50 ${round(median(times))} (${list(times)})`,
          },
        },
      };
    },
  });
  return [
    figure('new worker after a kill, default contexts'),
    figure('new worker after a kill, CPU contexts', ['cpu']),
  ];
}

function idle({ quick }) {
  const name = 'idle cluster, busiest process';
  return {
    name: 'idle',
    figures: [{ name, unit: '% of a core', ...below(1) }],
    async take() {
      const durationMs = quick ? 2000 : 10_000,
        { ofWorkers, ofPrimary, contexts } = await fresh('idle', 'measure', { workers: 2, durationMs });
      return {
        figures: {
          [name]: {
            value: Math.max(ofPrimary, ...ofWorkers),
            detail:
              `CPU time over ${durationMs / 1000} s after jobs: workers ${list(ofWorkers)}%, primary ` +
              `${round(ofPrimary, 3)}%; contexts ${contexts.join(' ')}`,
          },
        },
      };
    },
  };
}

function scaling({ quick }) {
  const inWorkers = 'matmul 256, two workers against one, asked in them',
    byPrimary = 'matmul 256, two workers against one, asked by the primary';
  return {
    name: 'scaling',
    figures: [
      { name: inWorkers, unit: 'times', ...atLeast(1.9) },
      { name: byPrimary, unit: 'times', ...atLeast(1.9) },
    ],
    async take() {
      const one = (column, way, prepare) => ({ column: `${column}, one`, way, by: 'first', width: 1, prepare }),
        both = (column, way, prepare) => ({ column: `${column}, two`, way, by: 'all', width: 1, prepare });
      const shared = { to: 'self', shared: true };
      const { samples } = await takeTurns(
        [
          one('switchyard asked in them', 'switchyard local', shared),
          both('switchyard asked in them', 'switchyard local', shared),
          {
            column: 'switchyard by primary, one',
            way: 'switchyard plain',
            by: 'primary',
            width: 4,
            prepare: { to: [1], shared: true },
          },
          {
            column: 'switchyard by primary, two',
            way: 'switchyard plain',
            by: 'primary',
            width: 8,
            prepare: { to: [1, 2], shared: true },
          },
          one('bare', 'bare processes'),
          both('bare', 'bare processes'),
        ],
        {
          what: 'matmul 256',
          operation: 'many',
          rounds: quick ? 1 : 5,
          warmMs: quick ? 150 : 400,
          args: { budgetMs: quick ? 300 : 1000 },
        },
      );
      const rate = (column) => most(samples[column], 'perSecond'),
        ratio = (column) => rate(`${column}, two`) / rate(`${column}, one`);
      const figure = (column, how) => ({
        value: ratio(column),
        detail:
          `${round(rate(`${column}, two`))} against ${round(rate(`${column}, one`))} jobs/s, best of ` +
          `${samples[`${column}, one`].length} rounds, ${how}; ` +
          `two bare processes, a context each, against one: ${round(rate('bare, two'))} against ` +
          `${round(rate('bare, one'))}, ${round(ratio('bare'), 3)}x`,
      });
      return {
        figures: {
          [inWorkers]: figure('switchyard asked in them', 'one job after the other in each worker, on its own context'),
          [byPrimary]: figure('switchyard by primary', '4 jobs in flight for each worker'),
        },
      };
    },
  };
}

// options: { quick, long, others }
function clusterFigures(options) {
  return [
    roundTrip(options),
    throughput(options),
    middleThroughput(options),
    large(options),
    huge(options),
    contextSwitch(options),
    deadline(options),
    kills(options),
    ...restart(options),
    idle(options),
    scaling(options),
  ];
}

module.exports = { clusterFigures };
