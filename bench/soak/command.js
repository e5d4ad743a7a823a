// What the soaks' commands have in common: their options, where their result goes, and how they end.
'use strict';
const fs = require('node:fs');
const { parseArgs } = require('node:util');

/**
 * The number that an option says.
 * @param {Record<string, string|boolean|undefined>} values
 * @param {string} name
 * @param {{ fallback: number, min: number, whole?: boolean }} kind
 */
function numberOf(values, name, { fallback, min, whole = false }) {
  const value = values[name] === undefined ? fallback : Number(values[name]);
  if (!(value >= min) || (whole && !Number.isInteger(value)))
    throw new Error(`--${name} is ${values[name]}, but must be a ${whole ? 'whole ' : ''}number from ${min} on`);
  return value;
}

/**
 * Runs a soak as its command line says. Ends with 1 when it did not hold, with 2 when it could not be run.
 * @template Options
 * @param {object} soak
 * @param {string} soak.usage
 * @param {string[]} soak.options names of those that have a value, besides --out
 * @param {(values: Record<string, string|boolean|undefined>) => Options} soak.read
 * @param {(options: Options, say: (text: string) => void) => Promise<object & { ok: boolean }>} soak.run
 * @param {(result: any) => string} soak.report
 */
async function soakCommand({ usage, options, read, run, report }) {
  try {
    const texts = Object.fromEntries(
      [...options, 'out'].map((name) => [name, { type: /** @type {const} */ ('string') }]),
    );
    const { values } = parseArgs({ options: { ...texts, json: { type: 'boolean' }, help: { type: 'boolean' } } });
    if (values.help) {
      console.log(usage);
      return;
    }
    const result = await run(read(values), (text) => process.stderr.write(`soak: ${text}\n`));
    const json = JSON.stringify(result, null, 2);
    if (values.out) fs.writeFileSync(String(values.out), `${json}\n`);
    console.log(values.json ? json : report(result));
    process.exitCode = result.ok ? 0 : 1;
  } catch (error) {
    process.stderr.write(`soak: ${error.message}\n`);
    process.exitCode = 2;
  }
}

module.exports = { soakCommand, numberOf };
