// Each example of docs/api.md, which are those of the types, runs as it stands.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const ts = require('typescript');
const { devices } = require('../../../lib');
const { readApiPage } = require('../../support/api-page');
const { childProgram } = require('../../support/paths');
const { makeModel, writeModel } = require('../../support/text/models');

const canDraw = devices().some(({ features }) => features.graphics);
const { examples } = readApiPage();
const kNames = /\b[A-Za-z_]\w*\b/g;
const drawn = ({ code }) => /compileKernel|compileShader|renderStream/.test(code);
const isAlone = ({ code }) => /createGPUClusterManager|manager\.close/.test(code);

let folder;
let outcome;

/** `using` is newer than the oldest Node: the compiler writes it out. */
function moduleOf(some) {
  const parts = some.map(({ title, code, data }) => {
    const made = new Set([...code.matchAll(/\b(?:const|using) (\w+)/g)].map(([, name]) => name));
    const names = [...new Set(code.match(kNames))].filter((name) => !made.has(name) && name !== 'require');
    if (title.startsWith('SharedTensor')) names.push('shared');
    const check = data ? `\nassert.deepStrictEqual([...data].map(rounded), ${data});` : '';
    return `{ title: ${JSON.stringify(title)}, alone: ${isAlone({ code })}, names: ${JSON.stringify(names)},
      run: async (given) => { with (given) { await (async () => { ${code}${check}\n })(); } } }`;
  });
  const head = "const assert = require('node:assert');\nconst rounded = (x) => Math.round(x * 1e4) / 1e4;\n";
  const target = ts.ScriptTarget.ES2022;
  return ts.transpileModule(`${head}module.exports = [${parts.join(',\n')}];`, { compilerOptions: { target } })
    .outputText;
}

/** Runs some in one process. */
async function run(name, some, env) {
  const module = path.join(folder, `${name}.js`);
  const results = path.join(folder, `${name}.json`);
  fs.writeFileSync(module, moduleOf(some));
  const child = spawn(process.execPath, [childProgram('api-examples.js'), module, results], {
    cwd: folder,
    timeout: 60_000,
    env: { ...process.env, NODE_OPTIONS: '', ...env },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk));
  const [code, signal] = await once(child, 'close');
  if (!fs.existsSync(results)) throw new Error(`${name}: ended with ${signal ?? code} and no results\n${text}`);
  return JSON.parse(fs.readFileSync(results, 'utf8'));
}

beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-examples-'));
  fs.writeFileSync(
    path.join(folder, 'recency.comp'),
    '#version 450\nlayout(binding = 0) buffer X { float x[]; };\nvoid main() { x[gl_GlobalInvocationID.x] += 1.0; }',
  );
  const models = path.join(folder, 'models');
  const encoder = makeModel('bert', { positions: 64 });
  writeModel(path.join(models, 'all-MiniLM-L6-v2'), encoder, { pooling: { pooling_mode_mean_tokens: true } });
  writeModel(path.join(models, 'ms-marco-MiniLM-L6-v2'), makeModel('bert', { head: true, positions: 64 }));
  const some = examples.filter((example) => canDraw || !drawn(example));
  const parts = await Promise.all([
    run(
      'together',
      some.filter((example) => !isAlone(example)),
      {},
    ),
    run('alone', some.filter(isAlone), { GPU_CONTEXT_TYPES: 'cpu' }),
  ]);
  outcome = Object.assign({}, ...parts);
}, 120_000);
afterAll(() => fs.rmSync(folder, { recursive: true }));

test('there are examples of each kind', () => {
  const titles = examples.map(({ title }) => title);
  expect(titles).toEqual(expect.arrayContaining(['function tensor()', 'GPUContext.run()', 'event worker-lost']));
  expect(new Set(titles).size).toBe(titles.length);
});

for (const example of examples)
  (canDraw || !drawn(example) ? test : test.skip)(example.title, () => expect(outcome[example.title]).toBe('ok'));
