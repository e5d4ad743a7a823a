// Counts the paths: each in a process of its own under callgrind, and what they are counted with.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFile, spawnSync } = require('node:child_process');
const { readDump } = require('./dump');

const root = path.join(__dirname, '../..');
const kFolder = path.join(root, 'build', 'guard');

// V8 decides by itself when it optimizes a function and what it inlines; a change of one line can move that anywhere.
// Its baseline compiler translates each bytecode as it is, so that more work is more instructions, and the same code
// always the same number. No garbage is collected while a path is counted.
const kFlags = ['--predictable', '--single-threaded', '--hash-seed=1', '--random-seed=1', '--expose-gc'];
const kRoom = ['--min-semi-space-size=64', '--max-semi-space-size=64'];
const kBaselineTier = ['--no-opt', '--always-sparkplug'];

const kTimeoutMs = 300_000; // with a path, set-up included

/** What the guard can't work without, said to whoever started it. */
class Missing extends Error {}

function findValgrind() {
  const { stdout, error } = spawnSync('valgrind', ['--version'], { encoding: 'utf8' });
  if (error || !fs.existsSync('/usr/include/valgrind/callgrind.h'))
    throw new Missing('bench:guard counts with callgrind: `apt-get install valgrind` brings it');
  return stdout.trim();
}

// The marks and the clock: see probe.c.
function buildProbe() {
  const source = path.join(__dirname, 'probe.c');
  const probe = path.join(kFolder, 'probe.node');
  fs.mkdirSync(kFolder, { recursive: true });
  const { include_dir: headers } = require('node-api-headers');
  const compiler = ['-O2', '-shared', '-fPIC', `-I${headers}`, source, '-o', `${probe}.new`, '-ldl'];
  const { status, stderr, error } = spawnSync('cc', compiler, { encoding: 'utf8' });
  if (status !== 0) throw new Missing(`bench:guard can't build ${source}: ${error?.message ?? stderr}`);
  fs.renameSync(`${probe}.new`, probe);
  return probe;
}

/**
 * What the counts depend on beside the code. Another of these counts otherwise.
 * @param {string} tree
 * @param {string} valgrind its version
 */
function toolchain(tree, valgrind) {
  const addon = fs.readFileSync(path.join(tree, 'build', 'release', 'switchyard.node'), 'latin1');
  const compilers = new Set(addon.match(/(GCC: \([^)\0]*\) [\d.]+|clang version [\d.]+)/g));
  const flags = /^flags\s*:(.*)$/m.exec(fs.readFileSync('/proc/cpuinfo', 'latin1'))?.[1].split(' ') ?? [];
  // By these a library chooses its code; callgrind knows nothing above AVX2.
  const simd = ['sse4_2', 'avx', 'avx2', 'fma', 'bmi2', 'erms'].filter((flag) => flags.includes(flag));
  const device = require(path.join(tree, 'lib'))
    .devices()
    .find((it) => it.backend === 'vulkan');
  return {
    node: process.version,
    compiler: [...compilers].sort().join(', '),
    libc: /** @type {any} */ (process.report.getReport()).header.glibcVersionRuntime,
    valgrind,
    simd: `${process.arch} ${simd.join(' ')}`,
    vulkan: device ? `${device.name}, ${device.driver}` : 'none',
  };
}

/**
 * @param {import('./paths').Path} what
 * @param {{ tree: string, modules: string, probe: string, optimized: boolean }} options
 */
async function countPath({ name, times }, { tree, modules, probe, optimized }) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-guard-'));
  try {
    const out = path.join(folder, 'out');
    const callgrind = ['--tool=callgrind', '--quiet', '--instr-atstart=no', '--separate-threads=yes'];
    const flags = [...kFlags, ...kRoom, ...(optimized ? [] : kBaselineTier)];
    const child = [path.join(__dirname, 'child.js'), tree, modules, name];
    await run('valgrind', [...callgrind, `--callgrind-out-file=${out}`, process.execPath, ...flags, ...child], {
      PATH: process.env.PATH,
      HOME: folder,
      LD_PRELOAD: probe,
      SWITCHYARD_GUARD_PROBE: probe,
      GPU_PERFORMANCE_MONITORING: 'false',
      SWITCHYARD_NO_LOOK: '1', // how often the loop goes round for a result is the driver's
      CONTEXT_SWITCH_TIMEOUT: '86400000', // callgrind takes its time
      WORKLOAD_TIMEOUT: '86400000',
    });
    const dump = `${out}.1-01`; // the first one that was asked for, of the first thread
    if (!fs.existsSync(dump)) throw new Error(`${name}: callgrind wrote no dump of it`);
    const counts = readDump(dump);
    if (counts.name !== name) throw new Error(`${name}: the dump is of '${counts.name}'`);
    return {
      total: Math.round(counts.total / times),
      addon: Math.round(counts.addon / times),
      allocations: Math.round((100 * counts.allocations) / times) / 100,
    };
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 */
function run(command, args, env) {
  return new Promise((resolve, reject) => {
    execFile(command, args, { env, maxBuffer: 1 << 26, timeout: kTimeoutMs }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${args.at(-1)}: ${stderr.trim() || error.message}`));
      else resolve(stdout);
    });
  });
}

/**
 * @param {import('./paths').Path[]} paths
 * @param {{ tree: string, modules: string, optimized: boolean }} options
 * @param {(name: string) => void} onDone
 * @returns {Promise<{ toolchain: Record<string, string>, paths: Record<string, Counted> }>}
 *
 * @typedef {{ total: number, addon: number, allocations: number }} Counted of one time that the path is taken
 */
async function countPaths(paths, options, onDone) {
  const valgrind = findValgrind();
  const probe = buildProbe();
  const about = toolchain(options.tree, valgrind);
  /** @type {Record<string, Counted>} */
  const counted = {};
  const left = paths.filter((it) => !it.vulkan || about.vulkan !== 'none');
  const lane = async () => {
    for (let it = left.shift(); it; it = left.shift()) {
      counted[it.name] = await countPath(it, { ...options, probe });
      onDone(it.name);
    }
  };
  await Promise.all(Array.from({ length: Math.min(4, os.availableParallelism()) }, lane));
  return {
    toolchain: about,
    paths: Object.fromEntries(paths.filter(({ name }) => counted[name]).map(({ name }) => [name, counted[name]])),
  };
}

module.exports = { countPaths, Missing };
