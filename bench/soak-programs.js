// Workers killed while they write programs to disk: npm run soak:programs -- [--kills 100] [--workers 2] [--json].
'use strict';
const { soakCommand, numberOf } = require('./soak/command');
const { runProgramsSoak } = require('./soak/programs');

const usage = `usage: npm run soak:programs -- [options]
  --kills N     SIGKILL to a worker that is compiling, N times (100)
  --workers N   (2)
  --json        print JSON
  --out FILE    write JSON to a file too
Ends with 1 when a program was wrong or broken, an answer did not come, or a temporary file was left behind.`;

function report({ ok, seconds, compileMs, programs, kills, restarts, onDisk, again, left, examples }) {
  return [
    `${seconds} s: ${programs.asked} programs of ${compileMs} ms each asked for, ${kills.all} workers killed, ` +
      `${kills.beforeTheAnswer} of them before the answer, ${kills.whileWriting} in the middle of a file`,
    `wrong:     ${programs.wrong}; failed: ${programs.failed}; damaged on disk: ${programs.problems}`,
    `restarted: ${Object.entries(restarts)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')}`,
    `anew:      ${again.fromDisk} of ${onDisk} programs on disk loaded, ${again.compiled} compiled, ` +
      `${again.wrong} wrong, ${again.problems} damaged; ${left} temporary files left`,
    ...examples.map((it) => `  ${it}`),
    ok ? 'passed' : 'FAILED',
  ].join('\n');
}

soakCommand({
  usage,
  options: ['kills', 'workers'],
  read: (values) => ({
    kills: numberOf(values, 'kills', { fallback: 100, min: 1, whole: true }),
    workers: numberOf(values, 'workers', { fallback: 2, min: 1, whole: true }),
  }),
  run: runProgramsSoak,
  report,
});
