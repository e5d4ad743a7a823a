// A process that has less address space left than a file of its cache needs: node cache-without-memory.js <folder>.
// Prints what it reads then, and what it was told, as JSON.
'use strict';
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { PackedCache } = require('../../../../lib/text/packed-cache');

const kMore = 512 * 2 ** 20;
const kFileBytes = 2 ** 31;

async function main() {
  const [, , folder] = process.argv;
  /** @type {string[]} */
  const problems = [];
  const cache = new PackedCache({ shaderCacheDir: folder }, (problem) => problems.push(problem));
  await cache.write('key', new Uint8Array(100));
  const [name] = fs.readdirSync(path.join(folder, 'text'));
  fs.truncateSync(path.join(folder, 'text', name), kFileBytes);
  const kilobytes = /VmSize:\s+(\d+)/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1];
  execFileSync('prlimit', ['--pid', String(process.pid), `--as=${Number(kilobytes) * 1024 + kMore}`]);
  const read = await cache.read('key').catch(({ code }) => code);
  console.log(JSON.stringify({ read, problems }));
}

main();
