// From openStore() to the first answer of an index of 1M x 384, in processes of their own with the files in the page
// cache: `node bench/memory/open.js [--json] [--quick] [--rows N] [--dimensions D]`, after the build.
'use strict';
const { spawnSync } = require('node:child_process');
const { median, round } = require('../stats');
const { largeStore } = require('./large-store');
const { readOptions, Figures } = require('./shared');

const options = readOptions({
  rows: { type: 'string', default: '1000000' },
  dimensions: { type: 'string', default: '384' },
});
const what = { rows: Number(options.rows), dimensions: Number(options.dimensions) };
const kProcesses = options.quick ? 3 : 7;

function opened(at) {
  const args = [require.resolve('./open-child'), at, String(what.dimensions)];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`open-child.js: ${stderr}`);
  return JSON.parse(stdout);
}

async function main() {
  const { at, expected } = await largeStore(what, (text) => process.stderr.write(`${text}\n`));
  const figures = new Figures(options.json);
  opened(at); // its files are in the page cache then
  const all = Array.from({ length: kProcesses }, () => opened(at));
  const wrong = all.filter(({ ids }) => JSON.stringify(ids) !== JSON.stringify(expected));
  if (wrong.length) throw new Error(`${wrong.length} of ${all.length} processes have found something else`);
  const mid = (name) => median(all.map((each) => each[name]));
  const parts = ['store', 'index', 'search', 'again'].map((name) => `${name} ${round(mid(name), 3)}`);
  const first = all.map(({ store, index, search }) => store + index + search);
  figures.tell(
    'seconds from openStore() to the first answer',
    median(first) / 1000,
    'below 1',
    `${what.rows} x ${what.dimensions}, best ${round(Math.min(...first), 3)} ms; ms: ${parts.join(', ')}`,
  );
  figures.end(what);
}

main();
