// The same workloads by every library, host data in to host data out: results checked against each other, then timed in
// turns.
'use strict';
const path = require('node:path');
const { Peer } = require('../process');
const { median, round, sleep } = require('../stats');
const { workloads, disagreement } = require('./workloads');

const ours = (column) => column.startsWith('switchyard');
const kSameDriver = "switchyard vulkan:0 on webgpu's driver";
// How far ahead of webgpu these are to be on one driver.
const kAheadOfWebgpu = { 'linear-plain': 2, 'top10-64': 1.5 };
const nameOnOneDriver = (workload) => `ahead of webgpu on one driver: ${workload}`;

// Opens every library in a process of its own; one that cannot be opened is reported, not fatal.
async function openAll({ devices, others, webgpuEnv }) {
  const wanted = devices.map((device) => ({ column: `switchyard ${device}`, library: 'switchyard', device }));
  // Where webgpu has a Vulkan driver of its own, we run on that one, too: two drivers can't be compared.
  if (others && Object.keys(webgpuEnv).length && devices.includes('vulkan:0'))
    wanted.push({ column: kSameDriver, library: 'switchyard', device: 'vulkan:0', env: webgpuEnv });
  if (others)
    wanted.push(...['onnxruntime', 'webgpu', 'tfjs', 'other'].map((library) => ({ column: library, library })));
  const libraries = [];
  for (const { column, library, device = '', env } of wanted) {
    const peer = new Peer(path.join(__dirname, 'child.js'), [library, device], {
      env: env ?? (library === 'webgpu' ? webgpuEnv : {}),
      execArgv: ['--expose-gc'],
    });
    const entry = { column, peer, describe: '', notes: {}, problem: null, blocking: null };
    try {
      Object.assign(entry, await peer.call('open'));
    } catch (error) {
      entry.problem = error.message;
      await peer.close();
    }
    libraries.push(entry);
  }
  return libraries;
}

// Prepares one workload everywhere; the first library's outputs are what the others are checked against.
async function prepareAll(workload, libraries, { warmMs, option }) {
  const ready = [],
    results = {};
  let reference = null;
  for (const entry of libraries) {
    if (entry.problem) continue;
    try {
      const prepared = await entry.peer.call('prepare', { name: workload.name, option, warmMs });
      if (!prepared) continue;
      reference ??= prepared.outputs;
      const wrong = disagreement(workload, prepared.outputs, reference);
      if (wrong) throw new Error(`a different result: ${wrong}`);
      ready.push(entry);
      results[entry.column] = { medians: [], p90: [], runs: 0, note: entry.notes[workload.kind] };
    } catch (error) {
      results[entry.column] = { problem: error.message };
      if (entry.peer.gone) entry.problem = error.message;
    }
  }
  return { ready, results };
}

async function inTurns(entries, rounds, results, turn) {
  for (let i = 0; i < rounds; i++) {
    // Another one begins each round.
    for (let j = 0; j < entries.length; j++) {
      const entry = entries[(i + j) % entries.length];
      try {
        await turn(entry, results[entry.column]);
      } catch (error) {
        results[entry.column] = { problem: error.message };
      }
      await sleep(30); // spinning threads of the last one come to rest
    }
    entries = entries.filter((entry) => !results[entry.column].problem);
  }
}

async function measure(workload, libraries, options, option) {
  const { quick } = options,
    rounds = quick ? 2 : 7,
    budgetMs = quick ? 120 : 400;
  const { ready, results } = await prepareAll(workload, libraries, { warmMs: quick ? 100 : 400, option });
  // A library that takes seconds for one run gets few of them.
  await inTurns(ready, rounds, results, async (entry, result) => {
    if (result.medians[0] > 1500 && result.medians.length >= (quick ? 1 : 2)) return;
    const { median: ms, p90, runs } = await entry.peer.call('time', { budgetMs, least: 1 });
    result.medians.push(ms);
    result.p90.push(p90);
    result.runs += runs;
  });
  const rows = [
    row(workload, option, 'ms', results, (result) => ({
      value: median(result.medians),
      p90: median(result.p90),
      runs: result.runs,
      note: result.note,
    })),
  ];
  if (workload.inFlight && !option) rows.push(await inFlight(workload, ready, results, rounds, budgetMs));
  if (workload.blocking) await measureBlocking(ready, quick);
  for (const entry of ready) await entry.peer.call('drop').catch(() => {});
  return rows;
}

// Whether a library keeps the event loop from turning while it works.
async function measureBlocking(ready, quick) {
  for (const entry of ready)
    entry.blocking = await entry.peer.call('blocking', { budgetMs: quick ? 300 : 1500 }).catch(() => null);
}

async function inFlight(workload, ready, problems, rounds, budgetMs) {
  const results = {};
  for (const { column } of ready) results[column] = problems[column].problem ? problems[column] : { rates: [] };
  await inTurns(
    ready.filter((entry) => !results[entry.column].problem),
    rounds,
    results,
    async (entry, result) => {
      result.rates.push((await entry.peer.call('inFlight', { width: workload.inFlight, budgetMs })).perSecond);
    },
  );
  const title = `${workload.title.split(',')[0]}, ${workload.inFlight} in flight`;
  return row({ ...workload, name: `${workload.name}-in-flight`, title }, undefined, 'jobs/s', results, (result) => ({
    value: median(result.rates),
    runs: result.rates.length,
  }));
}

function row(workload, option, unit, results, summary) {
  const columns = {};
  for (const [column, result] of Object.entries(results)) columns[column] = result.problem ? result : summary(result);
  return {
    workload: option ? `${workload.name}-${option}` : workload.name,
    title: option ? `${workload.title} (${option})` : workload.title,
    unit,
    columns,
    tiny: workload.kind === 'vector',
  };
}

// Ratio over 1: ahead. For the tiny job only libraries count that leave the event loop free.
function judge(judged, libraries) {
  const better = (a, b) => (judged.unit === 'ms' ? a < b : a > b);
  const counts = (entry) =>
    !ours(entry.column) &&
    judged.columns[entry.column]?.value !== undefined &&
    !(judged.tiny && (entry.column === 'other' || entry.blocking?.blocks));
  let best = null;
  for (const { column } of libraries.filter(counts))
    if (!best || better(judged.columns[column].value, best.value))
      best = { column, value: judged.columns[column].value };
  judged.best = best;
  judged.ahead = {};
  for (const [column, { value }] of Object.entries(judged.columns)) {
    if (!ours(column) || value === undefined || !best) continue;
    const ratio = judged.unit === 'ms' ? best.value / value : value / best.value;
    judged.ahead[column] = { yes: ratio > 1, ratio: round(ratio) };
  }
}

// The workloads whose figure or name `chosen` accepts.
const chooseWorkloads = (chosen) =>
  workloads.filter(
    (it) =>
      chosen(`ahead: ${it.name}`) ||
      chosen(nameOnOneDriver(it.name)) ||
      (it.inFlight && chosen(`ahead: ${it.name}-in-flight`)),
  );

// options: { devices, others, quick, webgpuEnv, chosen: workloads, say }. Resolves to { rows, figures, libraries }.
async function compare(options) {
  const libraries = await openAll(options),
    rows = [];
  for (const workload of options.chosen) {
    options.say(`comparing ${workload.title}`);
    rows.push(...(await measure(workload, libraries, options)));
    if (workload.kind === 'search')
      for (const option of ['uploaded', 'cosine'])
        rows.push(
          ...(await measure(
            workload,
            libraries.filter((it) => ours(it.column)),
            options,
            option,
          )),
        );
  }
  if (rows.some((it) => it.tiny) && !options.chosen.some((it) => it.blocking)) {
    const { ready } = await prepareAll(
      workloads.find((it) => it.blocking),
      libraries,
      { warmMs: 0 },
    );
    await measureBlocking(ready, options.quick);
  }
  await Promise.all(libraries.map((it) => it.problem || it.peer.close()));
  for (const it of rows) judge(it, libraries);
  return {
    rows,
    figures: options.others
      ? [
          ...rows.filter((it) => !/-(uploaded|cosine)$/.test(it.workload)).map(figure),
          ...rows.flatMap((it) => onOneDriver(it, libraries)),
        ]
      : [],
    libraries: libraries.map(describe),
  };
}

// One figure a row: the best of our devices against the best of the others.
function figure({ title, workload, unit, columns, best, ahead, tiny }) {
  // The driver that was fetched for webgpu is nobody's: on it we are measured against webgpu alone.
  const [column, verdict] =
    Object.entries(ahead)
      .filter(([name]) => name !== kSameDriver)
      .sort(([, a], [, b]) => b.ratio - a.ratio)[0] ?? [];
  if (!column)
    return {
      name: `ahead: ${workload}`,
      value: null,
      unit: 'times',
      target: '> 1',
      met: null,
      detail: 'nothing to compare with',
    };
  return {
    name: `ahead: ${workload}`,
    value: verdict.ratio,
    unit: 'times',
    target: '> 1',
    met: verdict.yes,
    detail:
      `${title}: ${column} ${round(columns[column].value)} ${unit}, ${best.column} ${round(best.value)} ${unit}` +
      `${tiny ? ' (of those that do not block the event loop)' : ''}`,
  };
}

// A row's software Vulkan against webgpu's, where both ran on one driver; what each says of its own stands in `detail`.
function onOneDriver({ title, workload, unit, columns }, libraries) {
  const us = columns[kSameDriver]?.value,
    webgpu = columns.webgpu?.value,
    least = kAheadOfWebgpu[workload];
  if (!us || !webgpu || unit !== 'ms') return [];
  const of = (column) => libraries.find((it) => it.column === column).describe;
  return {
    name: nameOnOneDriver(workload),
    value: round(webgpu / us),
    unit: 'times',
    target: least ? `>= ${least}` : null,
    met: least ? webgpu / us >= least : null,
    detail: `${title}: ${round(us)} ms by ${of(kSameDriver)}, ${round(webgpu)} ms by ${of('webgpu')}`,
  };
}

const describe = ({ column, describe: text, problem, notes, blocking }) => ({
  column,
  describe: text,
  problem,
  notes,
  blocking,
});

module.exports = { compare, chooseWorkloads };
