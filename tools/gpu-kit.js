// `npm run gpu:kit`: build/gpu-kit.tar.xz, which measures the cards of any Linux with glibc 2.35 and NVIDIA's driver.
// node tools/gpu-kit.js [--archs release|75,90,...] [--no-build | --from DIR] [--out FILE]
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { parseArgs } = require('node:util');
const { neededLibraries, tooNew, replaceVersion } = require('./gpu-kit/elf');
const { closureOf } = require('./gpu-kit/packages');
const { root, say, runOrThrow, which } = require('./process');
const { setup } = require('./setup');

const kUsage = `usage: npm run gpu:kit -- [--archs release|LIST] [--no-build | --from DIR] [--out FILE]
  --archs LIST  CUDA architectures, 75,80,90 for example; release (default): every one from sm_75 to sm_120. A card
                takes the newest that is not newer than itself; tensor cores are used by code for 80 or newer alone
  --no-build    packs what build/kit holds
  --from DIR    packs another build, as it is
  --out FILE    build/gpu-kit.tar.xz`;
const kMostBytes = 40 * 2 ** 20;
const kOldestGlibc = /** @type {[number, number]} */ ([2, 35]);
const kTargets = ['switchyard_node', 'switchyard_compiler', 'switchyard_tests', 'switchyard_bench'];
/** What the kit's scripts require of other benchmarks. */
const kBenchFiles = ['bench/machine.js', 'bench/text/generated-model.js', 'bench/text/safetensors.js'];
const kPrograms = ['switchyard.node', 'switchyard-compiler', 'switchyard_tests', 'switchyard_bench'];
// What the library loads in a cluster without a server: no fastify, no commander, no sharp.
const kPackages = ['pino', 'prom-client', 'yaml'];
// Libraries of this machine that go along: those that a bare Linux may lack.
const kOwnLibraries = ['libhwy.so.1'];
const kStandardLibraries = ['libstdc++.so.6', 'libgcc_s.so.1'];
const kVulkanLoader = 'libvulkan.so.1';
const kOfEveryLinux = /^(libc|libm|libdl|libpthread|librt|ld-linux-x86-64)\.so\.\d+$/;

const buildFolder = path.join(root, 'build', 'kit');
const stage = path.join(root, 'build', 'gpu-kit');

function readOptions() {
  const { values } = parseArgs({
    options: {
      archs: { type: 'string', default: 'release' },
      'no-build': { type: 'boolean' },
      from: { type: 'string' },
      out: { type: 'string', default: path.join(root, 'build', 'gpu-kit.tar.xz') },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    console.log(kUsage);
    process.exit(0);
  }
  if (!/^(release|everyday|\d+(-real|-virtual)?(,\d+(-real|-virtual)?)*)$/.test(values.archs))
    throw new Error(`--archs is release or a list such as 75,90, not ${values.archs}\n${kUsage}`);
  return { ...values, archs: values.archs.replaceAll(',', ';') };
}

async function build(archs) {
  await setup({ targets: ['switchyard_compiler'] }); // system and npm packages
  // The cards' code is not packed by nvcc: together, xz makes it less than half as large as that does piece by piece.
  const packing = '-DSWITCHYARD_FATBIN=--compress-mode=none';
  const args = ['-G', 'Ninja', '-DCMAKE_BUILD_TYPE=Release', `-DSWITCHYARD_CUDA_ARCHS=${archs}`, packing];
  say(`gpu-kit: building for CUDA ${archs}`);
  await runOrThrow('cmake', ['-S', root, '-B', buildFolder, '-DSWITCHYARD_CUDA=on', ...args], {});
  await runOrThrow('cmake', ['--build', buildFolder, '--target', ...kTargets], { show: 'progress' });
}

function output(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  if (error || status !== 0) throw new Error(`${command} ${args[0]}: ${error?.message ?? stderr}`);
  return stdout.trim();
}

// As the compiler finds it, and so as what was linked with it.
function libraryFile(name) {
  const file = output('cc', [`-print-file-name=${name}`]);
  if (!path.isAbsolute(file)) throw new Error(`the library ${name} was not found`);
  return fs.realpathSync(file);
}

function copyStripped(from, to) {
  fs.copyFileSync(from, to);
  fs.chmodSync(to, 0o755);
  output('strip', ['--strip-unneeded', to]);
}

function copyTree(from, to, wanted = () => true) {
  fs.cpSync(path.join(root, from), path.join(to, from), { recursive: true, filter: (file) => wanted(file) });
}

function stageLibraries() {
  const lib = path.join(stage, 'lib'),
    standard = path.join(lib, 'c++'),
    vulkan = path.join(lib, 'vulkan');
  for (const folder of [standard, vulkan]) fs.mkdirSync(folder, { recursive: true });
  for (const name of kOwnLibraries) copyStripped(libraryFile(name), path.join(lib, name));
  for (const name of kStandardLibraries) copyStripped(libraryFile(name), path.join(standard, name));
  copyStripped(libraryFile(kVulkanLoader), path.join(vulkan, kVulkanLoader));
  // Debian's takes arc4random(), and nothing else, from 2.36.
  replaceVersion(path.join(standard, 'libstdc++.so.6'), 'GLIBC_2.36');
  const compat = path.join(standard, 'libarc4random.so');
  output('cc', ['-O2', '-shared', '-fPIC', '-o', compat, path.join(__dirname, 'gpu-kit', 'arc4random.c')]);
  output('strip', ['--strip-unneeded', compat]);
}

// The licences of what is carried along. Our own packages say theirs in THIRD_PARTY_NOTICES.md.
function stageLicences() {
  const folder = path.join(stage, 'licences'),
    nextToNode = path.join(path.dirname(process.execPath), '..', 'LICENSE');
  fs.mkdirSync(folder);
  fs.copyFileSync(path.join(root, 'THIRD_PARTY_NOTICES.md'), path.join(folder, 'THIRD_PARTY_NOTICES.md'));
  for (const name of ['nodejs', 'libstdc++6', 'libgcc-s1', 'libhwy1', 'libvulkan1']) {
    const places = [`/usr/share/doc/${name}/copyright`, ...(name === 'nodejs' ? [nextToNode] : [])];
    const file = places.find((it) => fs.existsSync(it));
    if (!file) throw new Error(`the licence of ${name} was not found: ${places.join(', ')}`);
    fs.copyFileSync(file, path.join(folder, name));
  }
}

function stageAll(from, archs) {
  fs.rmSync(stage, { recursive: true, force: true });
  const app = path.join(stage, 'app'),
    programs = path.join(app, 'build', 'release');
  for (const folder of [programs, path.join(stage, 'bin')]) fs.mkdirSync(folder, { recursive: true });
  copyStripped(process.execPath, path.join(stage, 'bin', 'node'));
  for (const name of kPrograms) copyStripped(path.join(from, name), path.join(programs, name));
  stageLibraries();
  stageLicences();
  copyTree('lib', app, (file) => !file.endsWith('.d.ts'));
  copyTree('test/gpu', app);
  copyTree('bench/kit', app);
  for (const file of kBenchFiles) {
    fs.mkdirSync(path.dirname(path.join(app, file)), { recursive: true });
    fs.copyFileSync(path.join(root, file), path.join(app, file));
  }
  fs.copyFileSync(path.join(root, 'docs', 'gpu.md'), path.join(stage, 'README.md'));
  const unneeded = /\.(md|markdown|ts|map|mjs)$|\/(test|tests|docs|benchmarks|examples|\.github)$/;
  for (const folder of closureOf(root, kPackages))
    copyTree(folder, app, (file) => !unneeded.test(file) && !/node_modules\/.+\/node_modules$/.test(file));
  const { name, version, dependencies } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
  const about = { name, version, main: './lib/index.js', dependencies };
  fs.writeFileSync(path.join(app, 'package.json'), JSON.stringify(about));
  const commit = output('git', ['describe', '--always', '--dirty']);
  const kit = { version, commit, archs, node: process.version, built: new Date().toISOString() };
  fs.writeFileSync(path.join(app, 'kit.json'), JSON.stringify(kit));
  fs.copyFileSync(path.join(app, 'bench', 'kit', 'run.sh'), path.join(stage, 'run.sh'));
  fs.chmodSync(path.join(stage, 'run.sh'), 0o755);
}

function* filesOf(folder) {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) yield* filesOf(file);
    else yield file;
  }
}

// That everything in it loads on a bare Linux whose C library is as old as is promised.
function check() {
  const problems = [],
    own = new Set([...kOwnLibraries, ...kStandardLibraries, kVulkanLoader]);
  for (const file of filesOf(stage)) {
    const where = path.relative(stage, file);
    for (const version of tooNew(file, kOldestGlibc)) problems.push(`${where} needs ${version}`);
    for (const name of neededLibraries(fs.readFileSync(file)))
      if (!own.has(name) && !kOfEveryLinux.test(name)) problems.push(`${where} needs ${name}, which is not in the kit`);
  }
  if (problems.length) throw new Error(`the kit would not load everywhere:\n  ${problems.join('\n  ')}`);
}

// Programs first and side by side: they are mostly the same, and one dictionary goes over all.
function packingList() {
  const first = kPrograms.map((name) => path.join(stage, 'app', 'build', 'release', name));
  const others = [...filesOf(stage)].filter((file) => !first.includes(file)).sort();
  return [...first, ...others].map((file) => path.relative(path.dirname(stage), file));
}

async function pack(out) {
  say('gpu-kit: packing');
  fs.mkdirSync(path.dirname(path.resolve(out)), { recursive: true });
  const list = path.join(root, 'build', 'gpu-kit.list');
  fs.writeFileSync(list, packingList().join('\n'));
  const where = ['-C', path.dirname(stage), '--owner=0', '--group=0', '--numeric-owner'];
  const env = { XZ_OPT: '--x86 --lzma2=preset=9,dict=192MiB' };
  await runOrThrow('tar', [...where, '-cJf', path.resolve(out), '--no-recursion', '-T', list], { env });
  const { size } = fs.statSync(out);
  say(`gpu-kit: ${path.relative(process.cwd(), path.resolve(out))}, ${(size / 2 ** 20).toFixed(1)} MiB`);
  if (size > kMostBytes) throw new Error(`the kit takes ${size} bytes, but at most ${kMostBytes} are allowed`);
}

async function main() {
  const options = readOptions();
  if (process.arch !== 'x64') throw new Error('the kit is for x86-64, and is built there');
  if (!which('xz')) throw new Error('xz was not found: install xz-utils');
  if (!options['no-build'] && !options.from) await build(options.archs);
  stageAll(path.resolve(options.from ?? buildFolder), options.from ? `as in ${options.from}` : options.archs);
  check();
  await pack(options.out);
}

main().catch((error) => {
  say(`gpu-kit: ${error.message}`);
  process.exitCode = 1;
});
