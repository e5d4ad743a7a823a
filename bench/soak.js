// Jobs for minutes while workers are killed: npm run soak -- [--minutes 5] [--kill-every 1] [--workers N] [--json].
'use strict';
const os = require('node:os');
const { machine } = require('./machine');
const { soakCommand, numberOf } = require('./soak/command');
const { runSoak } = require('./soak/run');

const usage = `usage: npm run soak -- [options]
  --minutes M       how long (5); may be a fraction
  --kill-every S    SIGKILL to a random worker every S seconds (1); 0: never
  --workers N       (as many as there are processors, from 2 to 4)
  --lanes N         jobs that the primary keeps in flight (16)
  --worker-lanes N  jobs that each worker keeps in flight (4)
  --contexts LIST   the types of the workers' contexts, 'cpu' for example (the defaults of the cluster)
  --json            print JSON
  --out FILE        write JSON to a file too
Ends with 1 when a job was lost, settled twice or wrong, failed otherwise than with ERR_WORKER_LOST, or when memory
grew.`;

const list = (counts) =>
  Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ') || 'none';

function report({
  ok,
  seconds,
  workers,
  jobs,
  lost,
  doubled,
  wrong,
  failures,
  examples,
  kills,
  killsWhileRunning,
  restarts,
  readyMs,
  memory: { before, after, leaks },
  closeMs,
}) {
  return [
    `${seconds} s, ${workers} workers: ${jobs.asked} jobs asked (${jobs.ofPrimary} by the primary, ` +
      `${jobs.ofSurvivors} by workers that survived, ${jobs.ofKilled} by workers that were killed), ` +
      `${jobs.perSecond} a second`,
    `  ${list(jobs.byType)}`,
    `lost:      ${lost}`,
    `doubled:   ${doubled}`,
    `wrong:     ${wrong}`,
    `failed:    ${list(failures)}; ${jobs.retried} jobs ran more than once`,
    `kills:     ${kills}, ${killsWhileRunning} while jobs ran there`,
    `restarted: ${list(restarts)}` +
      `${readyMs ? `; ready again after ${readyMs.p50} ms (p50), ${readyMs.max} ms (longest)` : ''}`,
    `primary:   ${before.regions} shared regions before, ${after.regions} after; ${before.fds} file ` +
      `descriptors, ${after.fds}; ${before.rssMb} MB resident, ${after.rssMb}${leaks ? ': GREW' : ''}`,
    `closed in ${closeMs} ms`,
    ...examples.map((it) => `  ${it}`),
    ok ? 'passed' : 'FAILED',
  ].join('\n');
}

soakCommand({
  usage,
  options: ['minutes', 'kill-every', 'workers', 'lanes', 'worker-lanes', 'contexts'],
  read: (values) => ({
    minutes: numberOf(values, 'minutes', { fallback: 5, min: 0.01 }),
    killEvery: numberOf(values, 'kill-every', { fallback: 1, min: 0 }),
    workers: numberOf(values, 'workers', {
      fallback: Math.min(4, Math.max(2, os.availableParallelism())),
      min: 1,
      whole: true,
    }),
    lanes: numberOf(values, 'lanes', { fallback: 16, min: 0, whole: true }),
    workerLanes: numberOf(values, 'worker-lanes', { fallback: 4, min: 0, whole: true }),
    contextTypes: values.contexts?.split(','),
  }),
  run: async (options, say) => ({ machine: machine(), ...(await runSoak(options, say)) }),
  report,
});
