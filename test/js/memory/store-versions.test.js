// A store of each version of the format that was ever written is opened, read and written. Those of version 1 were made
// by makeVersion() below; they stay as they are.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const gpu = require('../../..');
const { collectionOf } = require('../../../lib/memory/store');
const { inRoot } = require('../../support/paths');

let folder;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-versions-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

const content = Buffer.from(Array.from({ length: 999 }, (_, i) => i));

/** Made once for each version, with SWITCHYARD_MAKE_STORE=1. */
async function makeVersion(at) {
  const store = await gpu.openStore(at);
  await store.put('kept', 'value');
  await store.put('large', Buffer.alloc(3000, 65));
  await store.put('gone', 'x');
  await store.delete('gone');
  await store.put('expired', 'x', { ttl: 0.001 });
  const collection = await collectionOf(store, 'vectors');
  const through = await collection.append([Buffer.from('before')]);
  await collection.writeFile('segment', [content]);
  await collection.checkpoint({ state: { segments: ['segment'] }, files: ['segment'], through });
  await collection.append([Buffer.from('after')]);
  await store.close();
}

const fixture = inRoot('test', 'fixtures', 'store-v1');
if (process.env.SWITCHYARD_MAKE_STORE) test('a store is made', () => makeVersion(fixture));

test('version 1', async () => {
  const at = path.join(folder, 'store');
  fs.cpSync(fixture, at, { recursive: true });
  for (const readOnly of [true, false]) {
    const store = await gpu.openStore(at, { readOnly });
    expect(await store.list()).toEqual(['kept', 'large']);
    expect(String(await store.get('kept'))).toBe('value');
    expect(await store.get('large')).toEqual(Buffer.alloc(3000, 65));
    expect((await store.verify()).ok).toBe(true);
    const collection = await collectionOf(store, 'vectors');
    const { state, records } = await collection.recover();
    expect(state).toEqual({ segments: ['segment'] });
    const found = [];
    for await (const { bytes } of records) found.push(String(Buffer.from(bytes)));
    expect(found).toEqual(['after']);
    const { buffer } = await collection.mapFile('segment');
    expect(Buffer.from(buffer)).toEqual(content);
    if (!readOnly) await store.put('new', 'x');
    await store.close();
  }
  const again = await gpu.openStore(at);
  expect(await again.list()).toEqual(['kept', 'large', 'new']);
  await again.close();
});
