// What the checks of style and structure find, in trees that have it.
'use strict';
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { checkColumns, checkLength, countAny, checkAny } = require('../../../tools/lint/text');
const { checkIncludes, cyclesOf } = require('../../../tools/lint/includes');
const { checkPublicDocs } = require('../../../tools/lint/public-docs');

const root = path.join(__dirname, '../../..');
const files = (object) => new Map(Object.entries(object));

describe('columns', () => {
  test('are counted in characters, of every line', () => {
    const text = `${'a'.repeat(120)}\n${'é'.repeat(120)}\n${'a'.repeat(121)}`;
    expect(checkColumns(files({ 'lib/a.js': text }))).toEqual(['lib/a.js:3: 121 columns; 120 is the most']);
  });

  test("a table's row may be wider, prose may not", () => {
    const wide = 'x'.repeat(130);
    expect(checkColumns(files({ 'docs/a.md': `| ${wide} |\n${wide}` }))).toEqual([
      'docs/a.md:2: 130 columns; 120 is the most',
    ]);
  });
});

test('a file of over 400 lines is named, and so is an exception that is none', () => {
  const exceptions = new Map([['lib/a.js', 'a reason']]);
  const check = (more) => checkLength(files({ 'lib/a.js': '\n'.repeat(500), ...more }), exceptions);
  expect(check({ 'src/a.cpp': '\n'.repeat(400) })).toEqual([]);
  expect(check({ 'src/a.cpp': '\n'.repeat(401) })).toEqual([expect.stringContaining('src/a.cpp: 401 lines')]);
  expect(check({ 'lib/a.js': '\n' })).toEqual([expect.stringContaining('no exception any more')]);
});

test('any is counted in JSDoc types and in declarations, not in words', () => {
  const js = '/** any @param {Map<string, any>} a @returns {{ b: any }} any */\nconst any = 1; // {any}';
  const ts = "/** any */ export function f(a: any): string; // any\nexport const b = 'any';";
  expect(countAny(files({ 'lib/a.js': js, 'lib/b.d.ts': ts })).byFile).toEqual([
    ['lib/a.js', 2],
    ['lib/b.d.ts', 1],
  ]);
  expect(checkAny(files({ 'lib/a.js': js }))).toEqual([]);
  expect(checkAny(files({ 'lib/a.js': '/** @type {any} */'.repeat(10) }))[0]).toMatch(/^10 times the type any/);
});

describe('docs of what is public', () => {
  const doc = (throws, example = ' * @example run();\n') =>
    `/**\n${throws ? ` * @throws {GPUError} ${throws}\n` : ''}${example} */`;
  const problems = (types, code, neverThrow = new Map()) =>
    checkPublicDocs(
      files({
        'lib/index.js': "const { run, Box } = require('./a');\nmodule.exports = { run, Box };",
        'lib/types/a.d.ts': types,
        'lib/a.js': code,
      }),
      neverThrow,
    );
  const types = `${doc('ERR_CLOSED')}\nexport function run(): void;\nexport function run(more: number): void;`;

  test('the same codes on both sides are fine; what is not public needs none', () => {
    expect(problems(types, `${doc('ERR_CLOSED: it is closed')}\nfunction run() {}\nfunction other() {}`)).toEqual([]);
  });

  test.each([
    ['nothing', 'function run() {}', ['no @example', 'no @throws', 'throws nothing, but its types say ERR_CLOSED']],
    ['no example', `${doc('ERR_CLOSED', '')}\nfunction run() {}`, ['lib/a.js:4: run has no @example']],
    ['no errors', `${doc('')}\nfunction run() {}`, ['no @throws', 'throws nothing']],
    ['another code', `${doc('ERR_TIMEOUT')}\nfunction run() {}`, ['throws ERR_TIMEOUT, but its types say ERR_CLOSED']],
    ['no such function', 'function walk() {}', ['run is nowhere in lib/']],
  ])('%s is refused', (_, code, expected) => {
    expect(problems(types, code)).toEqual(expected.map((part) => expect.stringContaining(part)));
  });

  const box = (throws) => `${doc(throws)}\n  open() {}\n  ${doc('as open()')}\n  [Symbol.dispose ?? 0]() {}\n`;
  const boxTypes = (throws) =>
    `export class Box {\n${doc(throws)}\nopen(): void;\n${doc('ERR_CLOSED')}\n[Symbol.dispose](): void;\n}`;

  test("methods of a base count, other functions' codes and symbols' names are followed", () => {
    const code = `class Base {\n${box('ERR_CLOSED')} #inside() {}\n static make() {}\n}\nclass Box extends Base {}`;
    expect(problems(boxTypes('ERR_CLOSED'), code)).toEqual([]);
  });

  test('what never throws stands in a list, and has no @throws', () => {
    const never = (name) => new Map([[name, 'a reason']]);
    const code = `class Box {\n${box('ERR_CLOSED')}}`;
    const said = 'Box.open has a @throws, but stands in kNeverThrow';
    expect(problems(boxTypes('ERR_CLOSED'), code, never('Box.open'))).toEqual(
      [said, said].map((part) => expect.stringContaining(part)),
    );
    expect(problems(boxTypes('ERR_CLOSED'), code, never('Box.gone'))).toEqual([
      expect.stringContaining('Box.gone is not public'),
    ]);
  });
});

describe('includes', () => {
  const base = { 'src/device.h': '', 'src/error.h': '', 'src/vulkan/gpu.h': '', 'src/memory/arena.h': '' };
  const problems = (more) => checkIncludes(files({ ...base, ...more }));

  test('downward they are fine, comments are none', () => {
    const cpp = '#include <vector>\n#include "device.h"\n// #include "vulkan/gpu.h"\n#include "gpu.h"';
    expect(problems({ 'src/vulkan/gpu.cpp': cpp })).toEqual([]);
  });

  test.each([
    ['src/job.cpp', '#include "vulkan/gpu.h"', /^src\/job.cpp:1: .*nobody outside of src\/vulkan\/ knows its headers/],
    ['src/cpu/a.cpp', '\n#include "vulkan/gpu.h"', /^src\/cpu\/a.cpp:2: .*nobody outside/],
    ['src/vulkan/b.cpp', '#include "memory/arena.h"', /src\/vulkan\/ may include src/],
    ['src/job.cpp', '#include <napi.h>', /the core knows nothing of Node/],
    ['src/job.cpp', '#include "uv.h"', /the core knows nothing of Node/],
    ['src/new/a.cpp', '#include "error.h"', /src\/new\/ does not stand in kMayInclude/],
  ])('%s that has %j is refused', (file, text, message) => {
    expect(problems({ [file]: text })).toEqual([expect.stringMatching(message)]);
  });

  test('cycles of files, of units and of rooms', () => {
    const headers = { 'src/a.h': '#include "b.h"', 'src/b.h': '#include "a.h"' };
    expect(problems(headers)[0]).toBe('files that include each other: src/a.h, src/b.h');
    const units = { 'src/vulkan/a.h': '', 'src/vulkan/a.cpp': '#include "b.h"', 'src/vulkan/b.h': '#include "a.h"' };
    expect(problems(units)).toEqual([expect.stringMatching(/^units .*: src\/vulkan\/a, src\/vulkan\/b$/)]);
    const rooms = { 'src/memory/a.cpp': '#include "use.h"', 'src/use.h': '#include "memory/arena.h"' };
    expect(problems(rooms)).toEqual(['rooms that need each other: src/memory/, src/use']);
  });

  test('the cycles of a graph', () => {
    const graph = new Map([
      ['a', new Set(['b', 'd'])],
      ['b', new Set(['c'])],
      ['c', new Set(['a'])],
      ['d', new Set(['e'])],
    ]);
    expect(cyclesOf(graph)).toEqual([['a', 'b', 'c']]);
  });
});

test('an unknown check is refused', () => {
  const { status, stdout } = spawnSync(process.execPath, [path.join(root, 'tools/lint.js'), 'nothing'], {
    encoding: 'utf8',
  });
  expect(status).toBe(1);
  expect(stdout).toMatch(/no check is called nothing; the checks are eslint, prettier, /);
});
