// The checks of style and structure: node tools/lint.js [--fix] [names of checks]. `npm run lint` builds the addon
// first, which the check of generated files needs.
'use strict';
const { root } = require('./process');
const { readFiles } = require('./lint/files');
const text = require('./lint/text');
const programs = require('./lint/programs');
const { checkIncludes } = require('./lint/includes');
const { checkPublicDocs } = require('./lint/public-docs');

const kSources = /^(src|binding|kernels|test|bench|examples)\/.*\.(cpp|h|cu|cuh|def)$/;
const kCode = /\.(js|ts|c|cpp|h|cu|cuh|def|comp|frag|vert|glsl)$/;

// name -> resolves to the problems, each with its file and line
const checks = {
  eslint: programs.eslint,
  prettier: programs.prettier,
  'clang-format': programs.clangFormat,
  columns: async () => text.checkColumns(readFiles(root, () => true)),
  length: async () => text.checkLength(readFiles(root, (file) => kCode.test(file))),
  any: async () => text.checkAny(readFiles(root, (file) => /^lib\/.*\.(js|ts)$/.test(file))),
  docs: async () => checkPublicDocs(readFiles(root, (file) => /^lib\/.*\.(js|ts)$/.test(file))),
  imports: programs.imports,
  includes: async () => checkIncludes(readFiles(root, (file) => kSources.test(file))),
  generated: programs.generated,
};

/**
 * @param {string} name of a check
 * @param {boolean} [aside] of process.js
 * @returns {Promise<{ name: string, problems: string[], seconds: number }>}
 */
async function check(name, aside) {
  const started = Date.now();
  const problems = await checks[name](aside).catch((error) => [error.message]);
  return { name, problems, seconds: (Date.now() - started) / 1000 };
}

/**
 * Side by side: most of them are programs that take one core.
 * @param {readonly string[]} names of checks; none: all of them
 * @param {boolean} [aside] of process.js
 */
function checkAll(names, aside) {
  return Promise.all((names.length ? names : Object.keys(checks)).map((name) => check(name, aside)));
}

async function fix() {
  for (const run of [programs.fixEslint, programs.fixPrettier, programs.fixClangFormat]) {
    for (const line of await run()) console.log(line);
  }
}

async function main(args) {
  const names = args.filter((arg) => arg !== '--fix');
  const unknown = names.find((name) => !Object.hasOwn(checks, name));
  if (unknown) throw new Error(`no check is called ${unknown}; the checks are ${Object.keys(checks).join(', ')}`);
  if (args.includes('--fix')) await fix();
  for (const { name, problems, seconds } of await checkAll(names)) {
    console.log(`${name}: ${problems.length ? 'FAILED' : 'passed'} (${seconds.toFixed(1)} s)`);
    for (const problem of problems) console.log(`  ${problem}`);
    if (problems.length) process.exitCode = 1;
  }
}

module.exports = { checks, checkAll };

if (require.main === module) {
  main(process.argv.slice(2)).catch((error) => {
    console.log(error.message);
    process.exitCode = 1;
  });
}
