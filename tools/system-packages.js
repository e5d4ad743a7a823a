// The system packages that building and testing need: which are missing, and how to get them.
'use strict';
const { spawnSync } = require('node:child_process');
const { run, runOrThrow, say, which } = require('./process');

// `command`: where it is on the PATH the package is not asked for, whoever installed it. `tests`: building
// does without it.
const kPackages = [
  { name: 'g++', command: ['c++', 'g++'], why: 'the C++20 compiler' },
  { name: 'cmake', command: 'cmake', why: 'the build (3.25 or newer)' },
  { name: 'ninja-build', command: 'ninja', why: 'the build' },
  { name: 'glslc', command: 'glslc', why: 'compiles the Vulkan kernels' },
  { name: 'libhwy-dev', why: 'Google Highway: SIMD on the CPU' },
  { name: 'libopenblas-serial-dev', why: 'the CPU matrix product' },
  { name: 'libgfortran-12-dev', why: 'the Fortran run-time library that OpenBLAS uses' },
  { name: 'libuv1-dev', why: 'the headers of the event loop that Node brings' },
  { name: 'libvulkan-dev', why: 'the Vulkan headers' },
  { name: 'spirv-headers', why: 'reads what a kernel binds' },
  { name: 'libshaderc-dev', why: "compiles users' GLSL" },
  { name: 'glslang-dev', why: 'the compiler behind shaderc' },
  { name: 'spirv-tools', why: 'validates SPIR-V' },
  { name: 'libspirv-cross-c-shared-dev', why: 'reads what a program binds' },
  { name: 'libsodium-dev', why: 'SHA-256' },
  { name: 'libutf8proc-dev', why: 'Unicode: classes, normal forms, cases' },
  { name: 'nlohmann-json3-dev', why: 'reads the files of tokenizers and weights' },
  { name: 'libxxhash-dev', why: 'XXH3: hashes of ids, checksums of what is stored' },
  { name: 'libstb-dev', why: 'draws glyphs' },
  { name: 'fonts-dejavu-core', why: 'the font that pictures are labelled with' },
  { name: 'libvulkan1', tests: true, why: 'the Vulkan loader' },
  { name: 'mesa-vulkan-drivers', tests: true, why: 'a software Vulkan device, so that Vulkan is never untested' },
  { name: 'vulkan-validationlayers', tests: true, why: 'the validation run of the tests' },
  {
    name: 'chromium',
    tests: true,
    why: 'SwiftShader, a second software Vulkan driver, WebGL to compare with, and a browser for the page',
  },
  {
    name: 'clang-format-14',
    command: 'clang-format-14',
    tests: true,
    why: 'the format of C++ and CUDA sources, for lint',
  },
  { name: 'libgtest-dev', tests: true, why: 'the native tests' },
  { name: 'redis-server', command: 'redis-server', tests: true, why: 'kept results in a Redis, for the tests' },
];

function compilerMajor() {
  const compiler = which(['g++', 'c++']);
  if (!compiler) return undefined;
  const out = spawnSync(compiler, ['-dumpversion'], { encoding: 'utf8' }).stdout || '';
  return /^\d+/.exec(out)?.[0];
}

// Names of the packages that are wanted and not there, or null where there is no dpkg.
function missing(buildOnly) {
  const dpkg = which('dpkg-query');
  if (!dpkg) return null;
  const major = compilerMajor() ?? '12';
  const wanted = kPackages
    .filter((entry) => !(buildOnly && entry.tests) && (!entry.command || !which(entry.command)))
    .map((entry) => entry.name.replace('gfortran-12', `gfortran-${major}`));
  const query = spawnSync(dpkg, ['-W', '-f', '${Package} ${db:Status-Status}\n', ...wanted], { encoding: 'utf8' });
  if (query.error) return null;
  const installed = new Set(
    query.stdout
      .split('\n')
      .filter((line) => line.endsWith(' installed'))
      .map((line) => line.split(' ')[0]),
  );
  return wanted.filter((name) => !installed.has(name));
}

function listNeeds() {
  return kPackages.map((entry) => `  ${entry.name.padEnd(26)} ${entry.why}`).join('\n');
}

async function install(names, log) {
  const apt = which('apt-get');
  const command = `apt-get update && apt-get install -y --no-install-recommends ${names.join(' ')}`;
  if (!apt || process.getuid?.() !== 0) {
    throw new Error(
      `these system packages are missing: ${names.join(' ')}\nInstall them with\n\n  sudo sh -c '${command}` +
        `'\n\nand run this again.`,
    );
  }
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const lock = ['-o', 'DPkg::Lock::Timeout=600'];
  say(`set-up: installing ${names.length} system packages: ${names.join(' ')}`);
  say('  apt-get update');
  // A third-party source that does not answer makes `update` fail; what counts is whether `install` finds its packages.
  const update = await run(apt, ['update', '-qq', ...lock], { env, log });
  if (update.error || update.code !== 0) say('  apt-get update had errors; going on with the lists that are there');
  say(`  apt-get install ${names.join(' ')}`);
  await runOrThrow(apt, ['install', '-y', '-qq', '--no-install-recommends', ...lock, ...names], { env, log });
}

// Makes sure that everything is there, or what a build needs alone; throws with what to do about it.
async function ensure(log, { buildOnly = false } = {}) {
  const names = missing(buildOnly);
  if (names === null) {
    const tools = kPackages.filter((entry) => entry.command && !which(entry.command));
    if (tools.length) {
      throw new Error(
        'this is not a Debian-like system, so nothing is installed by itself. Needed, by their Debian ' +
          `names:\n${listNeeds()}\n` +
          `Not found on the PATH: ${tools.map((entry) => [].concat(entry.command)[0]).join(', ')}`,
      );
    }
    say('set-up: not a Debian-like system; libraries are not checked. `npm run setup -- --help` lists what is needed.');
    return;
  }
  if (!names.length) return;
  await install(names, log);
  const still = missing(buildOnly);
  if (still.length)
    throw new Error(`apt-get reported success, but these packages are still missing: ${still.join(' ')}`);
}

module.exports = { ensure, listNeeds };
