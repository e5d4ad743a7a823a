// Hostile input against a running server: npm run soak:hostile -- [--seconds 120] [--only LIST] [--json] [--out FILE].
'use strict';
const fs = require('node:fs');
const { parseArgs } = require('node:util');
const { machine } = require('./machine');

const kPartNames = 'requests, readers, uploads, ranks, launches, bombs, managers, starts, descriptors';
const usage = `usage: npm run soak:hostile -- [options]
  --seconds N   of the parts that go by time (120); the others take some minutes more
  --only LIST   some of ${kPartNames}
  --json        print JSON
  --out FILE    write JSON to a file too
Ends with 1 when an honest client saw an error, memory or descriptors did not come back, or a part did not hold.`;

function readOptions() {
  const text = { type: 'string' };
  const { values } = parseArgs({
    options: { seconds: text, only: text, out: text, json: { type: 'boolean' }, help: { type: 'boolean' } },
  });
  if (values.help) {
    console.log(usage);
    process.exit(0);
  }
  const seconds = values.seconds === undefined ? 120 : Number(values.seconds);
  if (!(seconds > 0)) throw new Error(`--seconds is ${values.seconds}, but must be a number above 0`);
  const only = values.only?.split(',').map((name) => name.trim());
  const unknown = only?.find((name) => !kPartNames.split(', ').includes(name));
  if (unknown !== undefined) throw new Error(`--only has '${unknown}', but must be some of ${kPartNames}`);
  return { json: values.json, out: values.out, soak: { seconds, only } };
}

/** Counts in a line, those within them in brackets. */
function list(counts) {
  return Object.entries(counts)
    .filter(([name]) => name !== 'ok' && name !== 'examples')
    .map(([name, value]) =>
      value !== null && typeof value === 'object' && !Array.isArray(value)
        ? `${name} (${list(value)})`
        : `${name} ${Array.isArray(value) ? value.join('/') || 'none' : value}`,
    )
    .join(', ');
}

function report({ ok, seconds, parts, server, honest, failed, log = [] }) {
  return [
    ...Object.entries(parts).map(([name, part]) => `${name.padEnd(12)}${part.ok ? 'held  ' : 'FAILED'} ${list(part)}`),
    ...Object.values(parts).flatMap(({ examples = [] }) => examples.map((it) => `  ${it}`)),
    ...(server ? [`server      ${list(server)}`] : []),
    ...(honest ? [`honest      ${list(honest)}`, ...honest.examples.map((it) => `  ${it}`)] : []),
    ...log.map((line) => `  ${line.slice(0, 300)}`),
    `${ok ? 'passed' : `FAILED${failed.length ? `: ${failed.join(', ')}` : ''}`} after ${seconds} s`,
  ].join('\n');
}

async function main() {
  const options = readOptions();
  const { runHostile } = require('./soak/hostile/run');
  const result = {
    machine: machine(),
    ...(await runHostile(options.soak, (text) => process.stderr.write(`soak: ${text}\n`))),
  };
  if (options.out) fs.writeFileSync(options.out, `${JSON.stringify(result, null, 2)}\n`);
  console.log(options.json ? JSON.stringify(result, null, 2) : report(result));
  process.exitCode = result.ok ? 0 : 1;
}

main().catch((error) => {
  process.stderr.write(`soak: ${error.message}\n`);
  process.exit(2);
});
