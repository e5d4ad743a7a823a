// What is counted in texts: columns of a line, lines of a file, and JSDoc's `any`.
'use strict';

const kColumns = 120;
const kLines = 400;
const kAny = 10;

// Lines that may be longer, and why.
const kMayBeWide = [
  { file: /\.md$/, line: /^\s*\|/, why: "a table's row is one line" },
  { file: /^deploy\/grafana\/switchyard\.json$/, line: /"(expr|description)":/, why: 'generated; the same' },
  {
    file: /^switchyard\.config\.schema\.json$/,
    line: /"description":/,
    why: 'generated; JSON has no way to split a text',
  },
];

/** @type {Map<string, string>} files of code that may be longer, and why */
const kMayBeLong = new Map([
  ['lib/client/method-types.d.ts', 'generated from the table of methods'],
  ['lib/generated.d.ts', 'generated from the tables of settings and workloads'],
]);

/**
 * @param {Map<string, string>} files
 * @returns {string[]} what is too wide, as file:line
 */
function checkColumns(files) {
  const problems = [];
  for (const [file, text] of files) {
    const exempt = kMayBeWide.filter((it) => it.file.test(file));
    text.split('\n').forEach((line, index) => {
      if (line.length <= kColumns || [...line].length <= kColumns || exempt.some((it) => it.line.test(line))) return;
      problems.push(`${file}:${index + 1}: ${[...line].length} columns; ${kColumns} is the most`);
    });
  }
  return problems;
}

/**
 * @param {Map<string, string>} files
 * @param {Map<string, string>} [exceptions] file -> reason
 * @returns {string[]} what is too long, and exceptions that are none any more
 */
function checkLength(files, exceptions = kMayBeLong) {
  const problems = [];
  for (const [file, text] of files) {
    const lines = text.split('\n').length - 1;
    if (lines > kLines && !exceptions.has(file)) {
      problems.push(
        `${file}: ${lines} lines; ${kLines} is the most (kMayBeLong of tools/lint/text.js has the exceptions)`,
      );
    }
  }
  for (const file of exceptions.keys()) {
    const lines = files.get(file)?.split('\n').length;
    if (!lines || lines - 1 <= kLines) problems.push(`${file}: no exception any more; take it out of kMayBeLong`);
  }
  return problems;
}

/**
 * @param {string} text of a JavaScript file
 * @returns {string} its JSDoc types: what stands in braces after a tag
 */
function jsdocTypes(text) {
  const types = [];
  for (const [comment] of text.matchAll(/\/\*\*[\s\S]*?\*\//g)) {
    for (const match of comment.matchAll(/@\w+\s+\{/g)) {
      const from = match.index + match[0].length;
      let depth = 1;
      let to = from;
      for (; to < comment.length && depth; ++to) depth += comment[to] === '{' ? 1 : comment[to] === '}' ? -1 : 0;
      types.push(comment.slice(from, to - 1));
    }
  }
  return types.join('\n');
}

/**
 * @param {string} text of a TypeScript file
 * @returns {string} the same without comments and strings
 */
function bareTypes(text) {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/.*|'(?:\\.|[^'\\\n])*'/g, ' ');
}

/**
 * Counts the type `any` in lib/.
 * @param {Map<string, string>} files
 * @returns {{ count: number, byFile: [string, number][] }}
 */
function countAny(files) {
  const byFile = [];
  for (const [file, text] of files) {
    const count = ((file.endsWith('.ts') ? bareTypes(text) : jsdocTypes(text)).match(/\bany\b/g) ?? []).length;
    if (count) byFile.push([file, count]);
  }
  byFile.sort((a, b) => b[1] - a[1]);
  return { count: byFile.reduce((sum, [, count]) => sum + count, 0), byFile };
}

/**
 * @param {Map<string, string>} files
 * @returns {string[]}
 */
function checkAny(files) {
  const { count, byFile } = countAny(files);
  if (count < kAny) return [];
  return [`${count} times the type any; fewer than ${kAny} may be`, ...byFile.map(([file, n]) => `  ${file}: ${n}`)];
}

module.exports = { checkColumns, checkLength, checkAny, countAny };
