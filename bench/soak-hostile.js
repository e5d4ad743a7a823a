// Hostile input against a running server: npm run soak:hostile -- [--seconds 120] [--only LIST] [--json] [--out FILE].
'use strict';
const { machine } = require('./machine');
const { soakCommand, numberOf } = require('./soak/command');
const { runHostile, kNames } = require('./soak/hostile/run');

const usage = `usage: npm run soak:hostile -- [options]
  --seconds N   of the parts that go by time (120); the others take some minutes more
  --only LIST   some of ${kNames.join(', ')}
  --json        print JSON
  --out FILE    write JSON to a file too
Ends with 1 when an honest client saw an error, memory or descriptors did not come back, or a part did not hold.`;

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
    `${ok ? 'passed' : `FAILED: ${failed.join(', ')}`} after ${seconds} s`,
  ].join('\n');
}

soakCommand({
  usage,
  options: ['seconds', 'only'],
  read(values) {
    const only = values.only?.split(',').map((name) => name.trim());
    const unknown = only?.find((name) => !kNames.includes(name));
    if (unknown !== undefined) throw new Error(`--only has '${unknown}', but must be some of ${kNames.join(', ')}`);
    return { seconds: numberOf(values, 'seconds', { fallback: 120, min: 1 }), only };
  },
  run: async (options, say) => ({ machine: machine(), ...(await runHostile(options, say)) }),
  report,
});
