// Jobs for minutes while workers are killed: npm run soak -- [--minutes 5] [--kill-every 1] [--workers N] [--json].
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const { parseArgs } = require('node:util');
const { machine } = require('./machine');

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

function readOptions() {
  const text = { type: 'string' };
  const { values } = parseArgs({
    options: {
      minutes: text,
      'kill-every': text,
      workers: text,
      lanes: text,
      'worker-lanes': text,
      contexts: text,
      out: text,
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    console.log(usage);
    process.exit(0);
  }
  const number = (name, fallback, least, whole) => {
    const value = values[name] === undefined ? fallback : Number(values[name]);
    if (!(value >= least) || (whole && !Number.isInteger(value)))
      throw new Error(`--${name} is ${values[name]}, but must be a ${whole ? 'whole ' : ''}number from ${least} on`);
    return value;
  };
  return {
    json: values.json,
    out: values.out,
    soak: {
      minutes: number('minutes', 5, 0.01),
      killEvery: number('kill-every', 1, 0),
      workers: number('workers', Math.min(4, Math.max(2, os.availableParallelism())), 1, true),
      lanes: number('lanes', 16, 0, true),
      workerLanes: number('worker-lanes', 4, 0, true),
      contextTypes: values.contexts?.split(','),
    },
  };
}

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

async function main() {
  const options = readOptions();
  const { runSoak } = require('./soak/run');
  const about = machine();
  const result = {
    machine: about,
    ...(await runSoak(options.soak, (text) => process.stderr.write(`soak: ${text}\n`))),
  };
  if (options.out) fs.writeFileSync(options.out, `${JSON.stringify(result, null, 2)}\n`);
  console.log(options.json ? JSON.stringify(result, null, 2) : report(result));
  process.exitCode = result.ok ? 0 : 1;
}

main().catch((error) => {
  process.stderr.write(`soak: ${error.message}\n`);
  process.exit(2);
});
