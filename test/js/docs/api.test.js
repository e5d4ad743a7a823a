// docs/api.md has a place for everything public, and its links lead somewhere.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const ts = require('typescript');
const { inRoot } = require('../../support/paths');
const { readApiPage } = require('../../support/api-page');
const { readFacts } = require('../../../tools/generate/facts');
const { slugOf } = require('../../../tools/generate/api/markdown');

const { text, headings, examples } = readApiPage();
const facts = readFacts();

function parse(file) {
  return ts.createSourceFile(file, fs.readFileSync(inRoot(file), 'utf8'), ts.ScriptTarget.Latest, true);
}

/** Of a row with this name in its first cell. */
const hasRow = (name) => text.includes(`\n| \`${name}\` |`);

test('every export of lib/index.d.ts', () => {
  const names = [...parse('lib/index.d.ts').statements]
    .flatMap((node) => (ts.isExportDeclaration(node) ? [...node.exportClause.elements] : []))
    .map(({ name }) => name.text);
  expect(names.length).toBeGreaterThan(50);
  const places = (name) => [`function ${name}()`, `class ${name}`, `type ${name}`, `const ${name}`];
  expect(names.filter((name) => !places(name).some((place) => headings.includes(place)))).toEqual([]);
});

test('every method of the classes, as they are', () => {
  const { GPUContext, GPUClusterManager, DeviceTensor, SharedTensor } = require('../../../lib');
  for (const { name, prototype } of [GPUContext, GPUClusterManager, DeviceTensor, SharedTensor].filter(Boolean)) {
    const methods = Object.getOwnPropertyNames(prototype).filter(
      (each) => each !== 'constructor' && Object.getOwnPropertyDescriptor(prototype, each).value,
    );
    expect(methods.length).toBeGreaterThan(0);
    expect(methods.filter((each) => !headings.includes(`${name}.${each}()`))).toEqual([]);
  }
});

test('every event', () => {
  const types = parse('lib/types/cluster.d.ts').statements;
  const events = types.find((node) => ts.isInterfaceDeclaration(node) && node.name.text === 'ManagerEvents');
  const names = events.members.map(({ name }) => name.text);
  expect(names).toContain('worker-lost');
  expect(names.filter((name) => !headings.includes(`event ${name}`))).toEqual([]);
});

test('every workload and scene, with its inputs, parameters and outputs', () => {
  for (const { type, inputs, params, outputs, texts } of facts.workloads) {
    const scene = type.startsWith('render/');
    const heading = scene ? `scene ${type.slice('render/'.length)}` : `workload ${type}`;
    const part = text.split(`\n### ${heading}\n`)[1]?.split('\n### ')[0];
    const named = [...inputs.filter(({ name }) => name !== 'text'), ...params].map(({ name }) => name);
    const names = scene ? [...named, ...texts] : [...named, ...outputs];
    expect({ type, missing: names.filter((name) => !part?.includes(`\`${name}\` |`)) }).toEqual({ type, missing: [] });
  }
});

test('every setting, metric and code of an error', () => {
  const names = [
    ...facts.settings.map(({ name }) => name),
    ...facts.metrics.map(facts.nameOf),
    ...facts.figures.map(({ path: figure }) => figure),
    ...facts.codes.map(({ name }) => name),
  ];
  expect(names.filter((name) => !hasRow(name))).toEqual([]);
});

test('every function, method, event and workload has an example', () => {
  const titles = new Set(examples.map(({ title }) => title));
  const callable = headings.filter((heading) => /\(\)$|^event |^workload /.test(heading));
  expect(callable.length).toBeGreaterThan(60);
  expect(callable.filter((heading) => !titles.has(heading))).toEqual([]);
});

test('links lead to headings and pages that there are', () => {
  const anchors = new Set(headings.map(slugOf));
  const dead = [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target)
    .filter((target) =>
      target.startsWith('#')
        ? !anchors.has(target.slice(1))
        : !fs.existsSync(path.join(inRoot('docs'), target.split('#')[0])),
    );
  expect(dead).toEqual([]);
  expect(anchors.size).toBe(headings.length);
});
