// `npm run gpu:kit:try`: runs the kit where there is nothing but a C library and a shell: a root file system of its
// own, whose C library has no version newer than 2.35. As root. Arguments go to run.sh; --cut SECONDS ends it by
// SIGKILL. The report is in build/gpu-kit-try.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { spawn, spawnSync } = require('node:child_process');
const { schema } = require('../../bench/kit/report');
const { neededLibraries } = require('./elf');

const root = path.resolve(__dirname, '..', '..');
const kit = path.join(root, 'build', 'gpu-kit.tar.xz');
const bare = path.join(root, 'build', 'gpu-kit-root');
const results = path.join(root, 'build', 'gpu-kit-try');
const kLibraries = ['libc.so.6', 'libm.so.6', 'libdl.so.2', 'libpthread.so.0', 'librt.so.1'];
const kLoader = '/lib64/ld-linux-x86-64.so.2';

function must(command, args, options = {}) {
  const { status, error, stderr } = spawnSync(command, args, { encoding: 'utf8', ...options });
  if (error || status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`);
}

function fileOf(library) {
  const { stdout } = spawnSync('cc', [`-print-file-name=${library}`], { encoding: 'utf8' });
  return fs.realpathSync(stdout.trim());
}

// The loader compares versions by name and hash: another name for 2.36, and it is a C library without it.
function forgetVersion(file, version) {
  const bytes = fs.readFileSync(file);
  const hash = (name) => {
    let h = 0;
    for (const c of Buffer.from(name)) {
      h = ((h << 4) + c) >>> 0;
      const high = h & 0xf0000000;
      h = (high ? h ^ (high >>> 24) : h) & ~high;
    }
    return h >>> 0;
  };
  const other = version.replace(/\d$/, 'x'),
    at = bytes.indexOf(`${version}\0`, 0, 'latin1');
  if (at < 0) return;
  bytes.write(other, at, 'latin1');
  const before = Buffer.alloc(4);
  before.writeUInt32LE(hash(version));
  for (let place = bytes.indexOf(before); place >= 0; place = bytes.indexOf(before, place + 4))
    if (place % 4 === 0) bytes.writeUInt32LE(hash(other), place);
  fs.writeFileSync(file, bytes);
}

function makeRoot() {
  fs.rmSync(bare, { recursive: true, force: true });
  for (const folder of ['bin', 'lib64', 'lib/x86_64-linux-gnu', 'proc', 'dev/shm', 'tmp', 'out', 'kit'])
    fs.mkdirSync(path.join(bare, folder), { recursive: true });
  fs.copyFileSync(fs.realpathSync('/bin/sh'), path.join(bare, 'bin', 'sh'));
  fs.copyFileSync(fs.realpathSync(kLoader), path.join(bare, kLoader));
  for (const name of kLibraries) {
    const to = path.join(bare, 'lib/x86_64-linux-gnu', name);
    fs.copyFileSync(fileOf(name), to);
    forgetVersion(to, 'GLIBC_2.36');
  }
  for (const name of neededLibraries(fs.readFileSync('/bin/sh')))
    if (!kLibraries.includes(name)) throw new Error(`the shell needs ${name}`);
  for (const [name, major, minor] of [
    ['null', 1, 3],
    ['zero', 1, 5],
    ['random', 1, 8],
    ['urandom', 1, 9],
  ])
    must('mknod', ['-m', '666', path.join(bare, 'dev', name), 'c', String(major), String(minor)]);
  must('tar', ['-xJf', kit, '-C', path.join(bare, 'kit'), '--strip-components=1']);
}

// Resolves to how it ended.
function runIn(args, cutAfterSeconds) {
  return new Promise((resolve) => {
    const inside = ['chroot', bare, '/bin/sh', '/kit/run.sh', '--out', '/out', ...args];
    // A process group of its own: what is cut off goes with all that it has started.
    const mounted = ['--mount', '--pid', '--fork', '--kill-child', `--mount-proc=${path.join(bare, 'proc')}`];
    const env = { PATH: process.env.PATH };
    const child = spawn('unshare', [...mounted, ...inside], { stdio: 'inherit', env });
    const timer = cutAfterSeconds && setTimeout(() => child.kill('SIGKILL'), cutAfterSeconds * 1000);
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      resolve(signal ?? code);
    });
  });
}

function requireValid(report) {
  const missing = schema.required.filter((name) => !Object.hasOwn(report, name));
  if (missing.length) throw new Error(`the report lacks ${missing.join(', ')}`);
  const wrong = report.rows.filter((row) => row.state === 'measured' && typeof row.value !== 'number');
  if (wrong.length) throw new Error(`measured and without a value: ${wrong.map((row) => row.name).join(', ')}`);
}

async function main() {
  const args = process.argv.slice(2);
  const at = args.indexOf('--cut');
  const cut = at >= 0 ? Number(args.splice(at, 2)[1]) : 0;
  if (!args.includes('--device')) args.push('--device', 'cpu:0');
  makeRoot();
  const begun = Date.now();
  const end = await runIn(args, cut);
  fs.rmSync(results, { recursive: true, force: true });
  fs.cpSync(path.join(bare, 'out'), results, { recursive: true });
  const report = JSON.parse(fs.readFileSync(path.join(results, 'gpu-report.json'), 'utf8'));
  requireValid(report);
  const count = (state) => report.rows.filter((row) => row.state === state).length;
  console.log(
    `ended with ${end} after ${Math.round((Date.now() - begun) / 1000)} s, state '${report.state}': ` +
      `${count('measured')} measured, ${count('failed')} failed, ${count('skipped')} skipped, ` +
      `${count('not reached')} not reached; ${path.relative(process.cwd(), results)}/gpu-report.md`,
  );
  const asMeant = cut ? end === 'SIGKILL' && count('measured') > 0 : end === 0 && report.state === 'complete';
  process.exitCode = asMeant ? 0 : 1;
}

main().catch((error) => {
  console.error(`gpu-kit: ${error.message}`);
  process.exitCode = 1;
});
