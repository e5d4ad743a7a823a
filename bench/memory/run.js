// All figures of the memory in one run: `npm run bench:memory -- [--json] [--quick] [part...]`, after the build. Each
// part is a process of its own, bench/memory/<part>.js, which has options of its own.
'use strict';
const { spawnSync } = require('node:child_process');
const { parseArgs } = require('node:util');
const path = require('node:path');
const { installLibraries } = require('../install');
const { machine } = require('../machine');

const kParts = ['index', 'shared-index', 'store', 'embeddings', 'open', 'words', 'snapshot', 'near-duplicates'];
const usage = `usage: npm run bench:memory -- [--json] [--quick] [--no-others] [part...]
  --json       print JSON
  --quick      short measurements, to see that everything works
  --no-others  without libraries to compare with, where they are not installed yet
  part         of ${kParts.join(', ')}; default: all`;
const say = (text) => process.stderr.write(`${text}\n`);

function readArguments() {
  const flag = { type: 'boolean' };
  const { values, positionals } = parseArgs({
    options: { json: flag, quick: flag, 'no-others': flag, help: flag },
    allowPositionals: true,
  });
  if (values.help) {
    console.log(usage);
    process.exit(0);
  }
  const unknown = positionals.filter((part) => !kParts.includes(part));
  if (unknown.length) throw new Error(`there is no part ${unknown.join(', ')}\n${usage}`);
  return { ...values, parts: positionals.length ? positionals : kParts };
}

function main() {
  const { json, quick, parts, 'no-others': alone } = readArguments();
  if (!alone) installLibraries(say);
  const all = {};
  for (const part of parts) {
    say(`${part}:`);
    const args = [path.join(__dirname, `${part}.js`), ...(json ? ['--json'] : []), ...(quick ? ['--quick'] : [])];
    const { stdout, status } = spawnSync(process.execPath, args, {
      encoding: 'utf8',
      stdio: ['inherit', json ? 'pipe' : 'inherit', 'inherit'],
      maxBuffer: 64 << 20,
    });
    if (status !== 0) {
      say(`${part} has failed`);
      process.exitCode = 1;
    }
    if (json && stdout) all[part] = JSON.parse(stdout);
  }
  if (json) console.log(JSON.stringify({ machine: machine(), parts: all }, null, 2));
}

main();
