// Where NVIDIA's libraries are that a driver does not bring: cuBLASLt and NVRTC, of a toolkit or of Python's packages.
// Processes that compute get their folders in LD_LIBRARY_PATH.
'use strict';
const fs = require('node:fs');
const path = require('node:path');

const kWanted = ['libcublasLt.so.13', 'libnvrtc.so.13'];

/** What a pattern with `*` for a whole or a part of a name matches. */
function expand(pattern) {
  let found = ['/'];
  for (const part of pattern.split('/').filter(Boolean)) {
    const test = new RegExp(`^${part.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`);
    found = found.flatMap((folder) => {
      if (!part.includes('*')) return [path.join(folder, part)];
      try {
        return fs
          .readdirSync(folder)
          .filter((name) => test.test(name))
          .sort()
          .reverse() // newer versions first
          .map((name) => path.join(folder, name));
      } catch {
        return [];
      }
    });
  }
  return found.filter((folder) => fs.existsSync(folder));
}

/** @param {NodeJS.ProcessEnv} env */
function candidates(env) {
  const given = (name, ...below) => (env[name] ? below.map((it) => path.join(env[name], it)) : []);
  const packages = [
    ...given('VIRTUAL_ENV', 'lib/python3*/site-packages'),
    ...given('CONDA_PREFIX', 'lib/python3*/site-packages'),
    ...given('HOME', '.local/lib/python3*/site-packages'),
    ...['/usr/local/lib', '/usr/lib', '/opt/conda/lib', '/opt/venv/lib'].flatMap((it) =>
      ['site-packages', 'dist-packages'].map((folder) => `${it}/python3*/${folder}`),
    ),
  ];
  return [
    ...(env.LD_LIBRARY_PATH ?? '').split(':').filter(Boolean),
    ...given('CUDA_HOME', 'lib64', 'lib'),
    ...given('CUDA_PATH', 'lib64', 'lib'),
    '/usr/local/cuda/lib64',
    '/usr/local/cuda-13*/lib64',
    '/usr/lib/x86_64-linux-gnu',
    '/usr/lib64',
    '/opt/cuda/lib64',
    ...given('CONDA_PREFIX', 'lib'),
    ...packages.map((it) => `${it}/nvidia/*/lib`),
  ];
}

/**
 * The first folder of each, and what was not found.
 * @param {NodeJS.ProcessEnv} env
 */
function findLibraries(env) {
  const folders = candidates(env).flatMap(expand);
  const found = {},
    missing = [];
  for (const name of kWanted) {
    const folder = folders.find((it) => fs.existsSync(path.join(it, name)));
    if (folder) found[name] = folder;
    else missing.push(name);
  }
  return { found, missing };
}

/**
 * The environment of processes that compute. Folders of the caller's own come first, so that nothing is replaced that
 * works already.
 * @param {NodeJS.ProcessEnv} env
 */
function environmentWith(env, folders) {
  const paths = [...(env.LD_LIBRARY_PATH ?? '').split(':').filter(Boolean), ...folders];
  return { ...env, LD_LIBRARY_PATH: [...new Set(paths)].join(':') };
}

module.exports = { findLibraries, environmentWith, expand };
