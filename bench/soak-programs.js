// Workers killed while they write programs to disk: npm run soak:programs -- [--kills 100] [--workers 2] [--json].
'use strict';
const fs = require('node:fs');
const { parseArgs } = require('node:util');

const usage = `usage: npm run soak:programs -- [options]
  --kills N     SIGKILL to a worker that is compiling, N times (100)
  --workers N   (2)
  --json        print JSON
  --out FILE    write JSON to a file too
Ends with 1 when a program was wrong or broken, an answer did not come, or a temporary file was left behind.`;

function readOptions() {
  const text = { type: 'string' };
  const { values } = parseArgs({
    options: { kills: text, workers: text, out: text, json: { type: 'boolean' }, help: { type: 'boolean' } },
  });
  if (values.help) {
    console.log(usage);
    process.exit(0);
  }
  const number = (name, fallback) => {
    const value = values[name] === undefined ? fallback : Number(values[name]);
    if (!(Number.isInteger(value) && value >= 1))
      throw new Error(`--${name} is ${values[name]}, but must be a whole number from 1 on`);
    return value;
  };
  return { json: values.json, out: values.out, soak: { kills: number('kills', 100), workers: number('workers', 2) } };
}

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

async function main() {
  const options = readOptions();
  const { runProgramsSoak } = require('./soak/programs');
  const result = await runProgramsSoak(options.soak, (text) => process.stderr.write(`soak: ${text}\n`));
  if (options.out) fs.writeFileSync(options.out, `${JSON.stringify(result, null, 2)}\n`);
  console.log(options.json ? JSON.stringify(result, null, 2) : report(result));
  process.exitCode = result.ok ? 0 : 1;
}

main().catch((error) => {
  process.stderr.write(`soak: ${error.message}\n`);
  process.exit(2);
});
