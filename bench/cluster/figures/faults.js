// What is lost while workers are killed, and how soon they are replaced.
'use strict';
const { fresh } = require('../contest');
const { round, median } = require('../../stats');
const { below, atMost, atLeast, none, list } = require('./shared');

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

module.exports = { kills, restart };
