// The checks that other programs do: ESLint, Prettier, clang-format, dependency-cruiser, and our own generator.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { root, run, which } = require('../process');
const { listFiles } = require('./files');

const kClangFormat = 14; // Debian 12's: another version formats differently
const kFormatted = /^(src|binding|kernels|test|bench|examples)\/.*\.(cpp|h|cu)$/;

/** @param {string} name @returns {string} the script of an npm package's program */
function bin(name) {
  const folder = path.join(root, 'node_modules', name);
  const { bin: bins } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
  return path.join(folder, typeof bins === 'string' ? bins : (bins[name] ?? bins.depcruise));
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {boolean} [aside] of process.js
 * @returns {Promise<string[]>} what the program printed where it did not end well
 */
async function problemsOf(command, args, aside) {
  const options = { timeoutMs: aside ? 900_000 : 300_000, env: { FORCE_COLOR: '0' }, aside };
  const { code, error, signal, output } = await run(command, args, options);
  if (code === 0 && !error) return [];
  const lines = output.split('\n').filter((line) => line.trim());
  return error || signal ? [...lines, `${command}: ${error?.message ?? signal}`] : lines;
}

/** @param {string} name @param {readonly string[]} args @param {boolean} [aside] */
function node(name, args, aside) {
  return problemsOf(process.execPath, [bin(name), ...args], aside);
}

/** @returns {string} clang-format of the right version */
function findClangFormat() {
  const file = which([`clang-format-${kClangFormat}`, 'clang-format']);
  if (!file) throw new Error(`clang-format ${kClangFormat} is not there: npm run setup installs it`);
  const text = spawnSync(file, ['--version'], { encoding: 'utf8' }).stdout ?? '';
  const major = /version (\d+)\./.exec(text)?.[1];
  if (Number(major) !== kClangFormat) {
    throw new Error(
      `${file} is version ${major ?? 'unknown'}; the sources are formatted with ${kClangFormat} (Debian 12's), and ` +
        'others format differently: put clang-format-14 on the PATH',
    );
  }
  return file;
}

/** @param {readonly string[]} args @param {boolean} [aside] */
function clangFormat(args, aside) {
  const files = listFiles(root).filter((file) => kFormatted.test(file));
  return problemsOf(findClangFormat(), [...args, ...files], aside);
}

module.exports = {
  eslint: (aside) => node('eslint', ['.', '--max-warnings=0'], aside),
  fixEslint: () => node('eslint', ['.', '--max-warnings=0', '--fix']),
  prettier: (aside) => node('prettier', ['--check', '--log-level=warn', '.'], aside),
  fixPrettier: () => node('prettier', ['--write', '--log-level=warn', '.']),
  clangFormat: (aside) => clangFormat(['--dry-run', '-Werror', '--ferror-limit=20'], aside),
  fixClangFormat: () => clangFormat(['-i']),
  imports: (aside) => node('dependency-cruiser', ['lib', '--config', '.dependency-cruiser.js'], aside),
  generated: (aside) => problemsOf(process.execPath, [path.join(root, 'tools', 'generate.js'), '--check'], aside),
};
