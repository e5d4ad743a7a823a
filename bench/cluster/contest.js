// Every way of sending a job, measured in turns, another one first in each round. The best round of each counts.
'use strict';
const os = require('node:os');
const path = require('node:path');
const { Peer } = require('../process');
const { round, sleep } = require('../stats');

const kWorkers = 2;
const kCallMs = 240_000;

// As the cluster plans it: an even share of the cores for each worker's context.
const threads = Math.max(1, Math.floor(os.availableParallelism() / kWorkers));
const cluster = { count: kWorkers, threads };
const ways = {
  'switchyard plain': { scene: 'cluster', open: { way: 'switchyard', ...cluster }, prepare: { to: 'other' } },
  'switchyard shared': {
    scene: 'cluster',
    open: { way: 'switchyard', ...cluster },
    prepare: { to: 'other', shared: true },
  },
  'switchyard local': { scene: 'cluster', open: { way: 'switchyard', ...cluster }, prepare: { to: 'self' } },
  'switchyard any': { scene: 'cluster', open: { way: 'switchyard', ...cluster }, prepare: { to: 'any' } },
  'advanced messages': { scene: 'cluster', open: { way: 'messages', ...cluster }, prepare: { to: 'other' } },
  'JSON messages': { scene: 'cluster', open: { way: 'messages', json: true, ...cluster }, prepare: { to: 'other' } },
  'bare processes': { scene: 'cluster', open: { way: 'messages', ...cluster }, prepare: { to: 'self' } },
  Piscina: { scene: 'piscina', open: { ...cluster }, prepare: {} },
  'Piscina in JavaScript': { scene: 'piscina', open: { javascript: true, ...cluster }, prepare: {} },
};
const describe = {
  'switchyard plain': 'the cluster, typed arrays in and fresh ones out, through another worker',
  'switchyard shared': 'the cluster, sharedTensor in and into a sharedTensor, through another worker',
  'switchyard local': "the cluster, on the asking worker's own idle context",
  'switchyard any': 'the cluster, wherever it places the job',
  'advanced messages':
    "process.send with serialization 'advanced', worker to primary to worker and back; the engine computes there",
  'JSON messages': "the same with serialization 'json', the numbers as an array",
  Piscina:
    'threads of one process; payloads above 4 KB in SharedArrayBuffers, copied in the thread: the engine takes none',
  'Piscina in JavaScript': 'threads of one process; computed in place in SharedArrayBuffers, by a loop',
};
const isOurs = (name) => name.startsWith('switchyard');

function openPeer(scene) {
  const peer = new Peer(path.join(__dirname, 'child.js'), [scene]);
  return { call: (operation, args) => peer.call(operation, args, { timeoutMs: kCallMs }), close: () => peer.close() };
}

// One call in a fresh process.
async function fresh(scene, operation, args) {
  const peer = openPeer(scene);
  try {
    return await peer.call(operation, args);
  } finally {
    await peer.close();
  }
}

// entries: { column, way, prepare, measure }, each in a process of its own. Resolves to the samples of each, a list per
// column.
async function takeTurns(entries, { what, operation, rounds, warmMs, args, say }) {
  const running = [],
    samples = {},
    problems = {};
  try {
    for (const { column, way = column, prepare = {}, width, by } of entries) {
      const { scene, open, prepare: always } = ways[way],
        peer = openPeer(scene);
      running.push({ column, peer, width, by });
      samples[column] = [];
      try {
        await peer.call('open', open);
        await peer.call('prepare', { name: column, what, warmMs, width, by: by ?? 'first', ...always, ...prepare });
      } catch (error) {
        // A cluster that fails is an error; something to compare with that fails is left out.
        if (isOurs(column)) throw error;
        problems[column] = error.message;
      }
    }
    for (let i = 0; i < rounds; ++i) {
      const order = running.filter(({ column }) => !problems[column]);
      for (let j = 0; j < order.length; ++j) {
        const { column, peer, width, by } = order[(i + j) % order.length];
        say?.(`${column}, round ${i + 1}`);
        await sleep(10);
        try {
          samples[column].push({
            width,
            ...(await peer.call(operation, { name: column, by: by ?? 'first', width, ...args })),
          });
        } catch (error) {
          if (isOurs(column)) throw error;
          problems[column] = error.message;
        }
      }
    }
  } finally {
    await Promise.all(running.map(({ peer }) => peer.close()));
  }
  return { samples, problems };
}

const least = (list, key) => Math.min(...list.map((it) => it[key]));
const most = (list, key) => Math.max(...list.map((it) => it[key]));

// One row of the table, from the best round of each column.
function makeRow({ workload, title, unit, samples, problems = {}, key, higher = false }) {
  const columns = {};
  for (const [column, list] of Object.entries(samples))
    columns[column] =
      problems[column] || !list.length
        ? { problem: problems[column] ?? 'no samples' }
        : { value: (higher ? most : least)(list, key), rounds: list.map((it) => round(it[key])) };
  const ahead = {};
  let best = null;
  for (const [column, { value }] of Object.entries(columns)) {
    if (isOurs(column) || value === undefined) continue;
    if (!best || (higher ? value > best.value : value < best.value)) best = { column, value };
  }
  for (const [column, { value }] of Object.entries(columns)) {
    if (!isOurs(column) || value === undefined || !best) continue;
    const ratio = higher ? value / best.value : best.value / value;
    ahead[column] = { yes: ratio > 1, ratio: round(ratio) };
  }
  return { workload, title, unit, columns, best, ahead };
}

// 'advanced messages 352 us (2.9x), Piscina 80 us (0.7x)': how many times better ours is.
function beside(row, ours) {
  const { value } = row.columns[ours],
    higher = row.unit.endsWith('/s');
  return Object.entries(row.columns)
    .filter(([column]) => !isOurs(column))
    .map(([column, it]) =>
      it.problem
        ? `${column} failed: ${it.problem}`
        : `${column} ${round(it.value)} ${row.unit} (${round(higher ? value / it.value : it.value / value, 3)}x)`,
    )
    .join(', ');
}

module.exports = { kWorkers, describe, fresh, takeTurns, makeRow, beside, least, most };
