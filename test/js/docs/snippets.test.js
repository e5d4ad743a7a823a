// What stands in README.md, docs/text.md, docs/memory.md and docs/recipes.md as code runs as it stands.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { root, inRoot } = require('../../support/paths');
const { devices } = require('../../../lib');

const canDraw = devices().some(({ features }) => features.graphics);

let folder;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-snippet-'));
  const modules = path.join(folder, 'node_modules');
  fs.mkdirSync(modules);
  for (const name of fs.readdirSync(inRoot('node_modules')))
    if (!name.startsWith('.')) fs.symlinkSync(inRoot('node_modules', name), path.join(modules, name));
  fs.symlinkSync(root, path.join(modules, 'switchyard'));
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

const run = (command, ...args) =>
  spawnSync(command, args, {
    cwd: folder,
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, NODE_OPTIONS: '' },
  });

/** A page's sections that have JavaScript, each with its first block of it. */
function snippets(page) {
  return fs
    .readFileSync(inRoot(page), 'utf8')
    .split(/^## /m)
    .slice(1)
    .flatMap((text) => {
      const code = /```js\n([\s\S]*?)```/.exec(text)?.[1];
      return code ? [[text.split('\n')[0], code]] : [];
    });
}

describe.each([
  ['README.md', 'A tour'],
  ['docs/text.md', 'In one process'],
  ['docs/memory.md', 'Documents'],
])('%s', (page, one) => {
  const all = snippets(page);
  test('has them', () => expect(all.map(([title]) => title)).toContain(one));
  for (const [title, code] of all)
    (canDraw || !/glsl|scene:/.test(code) ? test : test.skip)(
      title,
      () => {
        fs.writeFileSync(path.join(folder, 'snippet.mjs'), code);
        expect(run(process.execPath, 'snippet.mjs')).toMatchObject({ status: 0, stderr: '' });
      },
      70_000,
    );
});

/** A recipe's files by their names: a block of code stands behind <!-- file: name -->. */
function recipe(title) {
  const text = fs.readFileSync(inRoot('docs/recipes.md'), 'utf8');
  const section = text.split(/^## /m).find((part) => part.startsWith(`${title}\n`));
  return [...section.matchAll(/<!-- file: (\S+) -->\n```\w+\n([\s\S]*?)```/g)].map(([, name, content]) => {
    fs.writeFileSync(path.join(folder, name), content);
    return name;
  });
}

describe('docs/recipes.md', () => {
  test('TypeScript', () => {
    expect(recipe('TypeScript')).toEqual(['tsconfig.json', 'app.ts']);
    expect(run(process.execPath, 'node_modules/typescript/bin/tsc', '-p', '.')).toMatchObject({
      status: 0,
      stdout: '',
    });
    expect(run(process.execPath, 'app.js')).toMatchObject({ status: 0, stderr: '', stdout: '[ 2, 2 ]\n' });
  }, 120_000);

  test('Jest', () => {
    expect(recipe('Jest')).toEqual(['search.test.js']);
    fs.writeFileSync(path.join(folder, 'package.json'), '{}');
    expect(run(process.execPath, 'node_modules/jest/bin/jest.js')).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(/1 passed/),
    });
  }, 120_000);

  test('Fastify', async () => {
    expect(recipe('Fastify')).toEqual(['server.mjs']);
    fs.appendFileSync(
      path.join(folder, 'server.mjs'),
      `const answer = await fetch('http://127.0.0.1:3001/unit', { method: 'POST', body: JSON.stringify([3, 4]),
        headers: { 'content-type': 'application/json' } });
      console.log(await answer.text());
      process.kill(process.pid, 'SIGTERM');`,
    );
    const { status, stdout, stderr } = run(process.execPath, 'server.mjs');
    expect({ status, stderr, numbers: JSON.parse(stdout).map((x) => Number(x.toFixed(5))) }).toEqual({
      status: 0,
      stderr: '',
      numbers: [0.6, 0.8],
    });
  }, 70_000);

  test('says of each recipe whether it is run', () => {
    const text = fs.readFileSync(inRoot('docs/recipes.md'), 'utf8');
    for (const part of text.split(/^## /m).slice(1)) expect(part).toMatch(/^(Run by a test|Not run by a test)/m);
  });
});
