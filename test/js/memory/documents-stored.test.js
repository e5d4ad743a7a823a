// Documents on the real index and the real store: there for the next process, whatever became of the one before.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const gpu = require('../../..');
const { childProgram } = require('../../support/paths');
const { rounds } = require('../../support/rounds');
const { documentText } = require('../../support/memory-texts');
const { makeModel, writeModel, temporaryFolder } = require('../../support/text/models');

// A store that was not closed says so when it is opened.
process.env.LOG_LEVEL = 'error';
const chunk = { tokens: 8, overlap: 2 };
let root, model, context;
beforeAll(async () => {
  root = temporaryFolder();
  writeModel(path.join(root, 'model'), makeModel('bert', { positions: 64 }), {
    pooling: { pooling_mode_mean_tokens: true },
  });
  context = await gpu.createContext({ device: 'cpu' });
  model = await context.loadModel(path.join(root, 'model'), { precision: 'float32' });
});
afterAll(async () => {
  await model.close();
  await context.close();
  fs.rmSync(root, { recursive: true });
});

/** Each document there is: whole, and of one version. */
async function versionsIn(memory) {
  const found = await memory.recall('the copy', { k: 10_000 });
  const versions = new Map();
  for (const { id, text, start, end, metadata } of found) {
    const whole = documentText(metadata.version);
    expect(whole.slice(start, end)).toBe(text);
    const { version, covered } = versions.get(id) ?? {
      version: metadata.version,
      covered: new Uint8Array(whole.length),
    };
    expect(metadata.version).toBe(version);
    covered.fill(1, start, end);
    versions.set(id, { version, covered });
  }
  for (const { version, covered } of versions.values()) {
    const whole = documentText(version);
    expect([...covered].filter((bit, i) => !bit && whole[i] !== ' ')).toEqual([]);
  }
  return new Map([...versions].map(([id, { version }]) => [id, version]));
}

const documentsOf = (version, ids) => ids.map((id) => ({ id, text: documentText(version), metadata: { version } }));

test.each(['float32', 'int8'])('in a folder, in %s', async (dtype) => {
  const folder = path.join(root, `folder-${dtype}`);
  const first = await gpu.createMemory({ path: folder, model, chunk, dtype });
  await first.remember(documentsOf(8, ['a', 'b', 'c']));
  await first.remember(documentsOf(3, ['b']));
  expect(await first.forget({ ids: ['c'] })).toBe(1);
  const before = await first.recall('the copy', { k: 5 });
  expect(await first.recall('the copy', { k: 50, filter: { version: { $lt: 8 } } })).not.toHaveLength(0);
  await first.close();
  const second = await gpu.createMemory({ path: folder, model, chunk, dtype });
  expect(await second.recall('the copy', { k: 5 })).toEqual(before);
  expect(await versionsIn(second)).toEqual(new Map(Object.entries({ a: 8, b: 3 })));
  expect((await second.stats()).documents).toBe(2);
  await expect(second.recall('x', { filter: { none: 1 } })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  expect(await second.forget({ filter: { version: { $gte: 0 } } })).toBe(2);
  expect(await second.recall('the copy')).toEqual([]);
  await second.close();
});

test('what is refused leaves a memory as it was, and what is scanned may be another each time', async () => {
  const folder = path.join(root, 'refused');
  for (const dtype of ['flaot16', null])
    await expect(gpu.createMemory({ path: folder, model, chunk, dtype })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      argument: 'options.dtype',
    });
  const found = [];
  for (const dtype of [undefined, 'int8', 'float16']) {
    const memory = await gpu.createMemory({ path: folder, model, chunk, dtype });
    if (!found.length) await memory.remember(documentsOf(8, ['a']));
    found.push(await memory.recall('the copy', { k: 4 }));
    await memory.close();
  }
  expect(found[0]).toHaveLength(4);
  expect(found[1]).toEqual(found[0]);
  expect(found[2]).toEqual(found[0]);
});

test('beside other things in a store, which stays its owner’s', async () => {
  const store = await gpu.openStore(path.join(root, 'store'));
  const [one, two] = await Promise.all(['one', 'two'].map((name) => gpu.createMemory({ store, name, model, chunk })));
  await Promise.all([one.remember(documentsOf(4, ['a'])), two.remember(documentsOf(9, ['a']))]);
  expect([await versionsIn(one), await versionsIn(two)]).toEqual([new Map([['a', 4]]), new Map([['a', 9]])]);
  const { basis } = await gpu.processEmbeddings({
    embeddings: [
      [1, 2, 3],
      [4, 5, 7],
      [2, 9, 1],
    ],
    options: { dimension_reduction: 2, basis: 'kept', store },
  });
  await Promise.all([one.close(), two.close()]);
  expect(await store.list({ prefix: 'basis/' })).toEqual(['basis/kept']);
  const again = await gpu.createMemory({ store, name: 'one', model, chunk });
  expect(await versionsIn(again)).toEqual(new Map([['a', 4]]));
  await again.close();
  expect(basis.name).toBe('kept');
  await store.close();
});

test('on a manager', async () => {
  const manager = gpu.createGPUClusterManager({ logLevel: 'error', contextTypes: ['cpu'] });
  try {
    const memory = await manager.createMemory({ model: path.join(root, 'model'), chunk });
    await memory.remember(documentsOf(5, ['a']), { priority: 1 });
    expect(await versionsIn(memory)).toEqual(new Map([['a', 5]]));
    await memory.close();
  } finally {
    await manager.close();
  }
});

test('a process that is killed leaves every document whole, and none that it acknowledged is lost', async () => {
  const folder = path.join(root, 'killed');
  const acknowledged = new Map();
  for (let round = 0; round < rounds(3, 40); ++round) {
    const child = spawn(process.execPath, [childProgram('documents.js'), folder, path.join(root, 'model')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.on('data', (data) => (text += data));
    while (text.split('\n').length < 4 + ((round * 5) % 11) && child.exitCode === null)
      await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'close');
    for (const line of text.split('\n').slice(1, -1)) {
      const [id, version] = line.split(' ');
      acknowledged.set(id, Number(version));
    }
    const memory = await gpu.createMemory({ path: folder, model, chunk });
    const versions = await versionsIn(memory);
    for (const [id, version] of acknowledged) {
      // The next one may have been written, too, and not have been told.
      expect([version, version + 1, version + 2]).toContain(versions.get(id));
    }
    await memory.forget({ ids: [...versions.keys()] });
    acknowledged.clear();
    await memory.close();
  }
}, 300_000);
