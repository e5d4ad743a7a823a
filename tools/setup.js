// Makes a checkout ready to run: system packages, npm packages, the native build. Needs nothing but Node, and takes
// well under two seconds when there is nothing to do.
'use strict';
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const packages = require('./system-packages');
const { root, say, runOrThrow, which, CommandError } = require('./process');

const kUsage = `Usage: node tools/setup.js [--preset=release] [--cuda-archs=everyday|release] [--build-only]

Installs what is missing (system packages as root through apt-get, npm packages) and builds build/<preset>.
  --preset      a preset of CMakePresets.json: release (default), debug, asan or tsan
  --cuda-archs  everyday (default): sm_75, and PTX of sm_80; release: sm_75 to sm_120 and PTX
  --build-only  no packages that tests alone need

The system packages, by their Debian names:
${packages.listNeeds()}
nvcc of CUDA 13 is optional; without it the CUDA backend is left out.`;

const buildFolder = path.join(root, 'build');
const logFile = path.join(buildFolder, 'setup.log');
let again = false; // what this process has set up before is in the log already

// One set-up at a time. The lock belongs to the open file that is returned: it ends with close or with this process,
// however that ends.
function takeLock() {
  const file = fs.openSync(path.join(buildFolder, 'setup.lock'), 'a');
  const flock = which('flock');
  const attempt = (...args) => spawnSync(flock, [...args, '3'], { stdio: ['ignore', 'ignore', 'ignore', file] }).status;
  if (!flock || attempt('-n') === 0) return file;
  say('set-up: waiting for another set-up of this checkout to end');
  if (attempt('-w', '3600') !== 0)
    throw new Error('another set-up of this checkout has been running for an hour; giving up');
  return file;
}

// Does node_modules hold what package-lock.json says? Packages of other platforms may be absent.
function npmPackagesMatch() {
  const read = (file) => JSON.parse(fs.readFileSync(path.join(root, file), 'utf8')).packages;
  try {
    const wanted = read('package-lock.json');
    const present = read('node_modules/.package-lock.json');
    return Object.entries(wanted).every(([name, entry]) => {
      if (name === '') return true;
      return present[name] ? present[name].version === entry.version : Boolean(entry.optional);
    });
  } catch {
    return false;
  }
}

// npm would empty the folder that it leads to, which is somebody else's.
function refuseLink(folder) {
  const about = fs.lstatSync(folder, { throwIfNoEntry: false });
  if (about?.isSymbolicLink())
    throw new Error(
      `${folder} is a link to ${fs.readlinkSync(folder)}, whose packages are not those of package-lock.json; remove ` +
        'the link, and run this again',
    );
}

async function installNpmPackages(log) {
  if (npmPackagesMatch()) return;
  refuseLink(path.join(root, 'node_modules'));
  say('set-up: npm ci');
  const npmScript = process.env.npm_execpath;
  const [command, first] = npmScript?.endsWith('.js') ? [process.execPath, [npmScript]] : ['npm', []];
  await runOrThrow(command, [...first, 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    log,
  });
}

// nvcc, where it is new enough: { file, version }, or why not.
function findNvcc() {
  const file = which('nvcc', ['/usr/local/cuda/bin']);
  if (!file) return { reason: 'nvcc was not found' };
  const out = spawnSync(file, ['--version'], { encoding: 'utf8' }).stdout || '';
  const version = /release (\d+)\.(\d+)/.exec(out);
  if (!version || Number(version[1]) < 13)
    return { reason: `nvcc is ${version ? `${version[1]}.${version[2]}` : 'unreadable'}, 13 or newer is needed` };
  return { file, version: `${version[1]}.${version[2]}` };
}

// Configures only when something that CMake does not watch has changed; ninja re-runs CMake for the rest.
async function configure(preset, cudaArchs, buildOnly, log) {
  const folder = path.join(buildFolder, preset);
  const stampFile = path.join(folder, 'setup.stamp');
  const nvccFile = which('nvcc', ['/usr/local/cuda/bin']);
  const presets = fs.readFileSync(path.join(root, 'CMakePresets.json'));
  const stamp = crypto
    .createHash('sha256')
    .update(
      JSON.stringify([
        1,
        root,
        preset,
        cudaArchs,
        nvccFile ?? null,
        which(['c++', 'g++']),
        ...(buildOnly ? ['build only'] : []),
      ]),
    )
    .update(presets)
    .digest('hex');
  const configured = fs.existsSync(path.join(folder, 'build.ninja'));
  const old = fs.existsSync(stampFile) ? fs.readFileSync(stampFile, 'utf8') : '';
  if (configured && old === stamp) return;
  const args = ['--preset', preset, `-DSWITCHYARD_CUDA_ARCHS=${cudaArchs}`];
  if (buildOnly) args.push('-DSWITCHYARD_TESTS=off');
  if (preset === 'release') {
    const nvcc = findNvcc();
    if (nvcc.reason) {
      say(`set-up: ${nvcc.reason}; the CUDA backend is left out. Everything else works without it.`);
      args.push('-DSWITCHYARD_CUDA=off');
    } else {
      args.push('-DSWITCHYARD_CUDA=auto');
    }
  }
  say(`set-up: cmake --preset ${preset}`);
  await runOrThrow('cmake', args, { log });
  fs.writeFileSync(stampFile, stamp);
}

// The part of ninja's output that tells what went wrong.
function failureText(output) {
  const lines = output.split('\n');
  const from = lines.findIndex((line) => /^FAILED: |^CMake Error/.test(line));
  const part = from >= 0 ? lines.slice(from, from + 120) : lines.slice(-60);
  return part.join('\n');
}

// With a generous number of cores memory runs out first: some files take a gigabyte to compile.
function jobs() {
  return Math.max(1, Math.min(os.availableParallelism(), Math.floor(os.totalmem() / 2 ** 30 / 1.5)));
}

async function build(preset, log, targets, aside) {
  const started = Date.now();
  let working = false;
  const args = ['--build', '--preset', preset, '-j', String(jobs())];
  if (targets.length) args.push('--target', ...targets);
  const onStep = () => {
    if (!working) say(`set-up: building build/${preset} (the whole log: ${path.relative(process.cwd(), logFile)})`);
    working = true;
  };
  await runOrThrow('cmake', args, { log, show: 'progress', onStep, aside });
  if (working) say(`set-up: built in ${Math.round((Date.now() - started) / 1000)} s`);
}

// options: { preset, cudaArchs, targets, aside (of process.js: the build), buildOnly }. Throws with a message for a
// person.
async function setup({
  preset = 'release',
  cudaArchs = process.env.SWITCHYARD_CUDA_ARCHS || 'everyday',
  targets = [],
  aside = false,
  buildOnly = false,
} = {}) {
  fs.mkdirSync(buildFolder, { recursive: true });
  const lock = takeLock();
  const log = fs.openSync(logFile, again ? 'a' : 'w');
  again = true;
  try {
    await packages.ensure(log, { buildOnly });
    await installNpmPackages(log);
    await configure(preset, cudaArchs, buildOnly, log);
    await build(preset, log, targets, aside);
  } catch (error) {
    if (error instanceof CommandError) error.message += `\n${failureText(error.output)}\nThe whole log: ${logFile}`;
    throw error;
  } finally {
    fs.closeSync(log);
    fs.closeSync(lock);
  }
}

// --name=value arguments, checked.
function parse(args) {
  const options = {};
  for (const argument of args) {
    if (argument === '--build-only') {
      options.buildOnly = true;
      continue;
    }
    const match = /^--(preset|cuda-archs)=(.+)$/.exec(argument);
    if (!match) throw new Error(`unknown argument ${argument}\n\n${kUsage}`);
    const allowed = match[1] === 'preset' ? ['release', 'debug', 'asan', 'tsan'] : ['everyday', 'release'];
    if (!allowed.includes(match[2])) throw new Error(`--${match[1]} is one of ${allowed.join(', ')}`);
    options[match[1] === 'preset' ? 'preset' : 'cudaArchs'] = match[2];
  }
  return options;
}

module.exports = { setup, refuseLink };

if (require.main === module) {
  const args = process.argv.slice(2);
  if (args.includes('--help') || args.includes('-h')) {
    console.log(kUsage);
  } else {
    Promise.resolve()
      .then(() => setup(parse(args)))
      .then(() => say('set-up: ready'))
      .catch((error) => {
        say(`set-up failed: ${error.message}`);
        process.exitCode = 1;
      });
  }
}
