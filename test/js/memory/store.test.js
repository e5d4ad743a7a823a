// A store's public face: what it keeps, what it refuses, and how it ends.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { setTimeout } = require('node:timers/promises');
const fc = require('fast-check');
const gpu = require('../../..');
const { collectionOf } = require('../../../lib/memory/store');
const { runChild } = require('../../support/run-child');

let folder, at;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-store-'));
  at = path.join(folder, 'store');
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

const refused = (promise, code, text) =>
  expect(promise).rejects.toMatchObject({ code, message: expect.stringMatching(text ?? /./) });

test('objects are there after a reopening', async () => {
  const store = await gpu.openStore(at);
  await store.put('a', Buffer.from([0, 255, 3]));
  await store.put('b', 'ünïcode');
  await store.put('empty', '');
  const large = Buffer.alloc(5_000_001, 7);
  await store.put('large', large, { durable: false });
  expect(await store.delete('a')).toBe(true);
  expect(await store.delete('a')).toBe(false);
  expect(await store.get('a')).toBeUndefined();
  await store.close();
  await store.close();
  const again = await gpu.openStore(at);
  expect((await again.get('b')).toString()).toBe('ünïcode');
  expect(await again.get('empty')).toEqual(Buffer.alloc(0));
  expect((await again.get('large')).equals(large)).toBe(true);
  expect(await again.list()).toEqual(['b', 'empty', 'large']);
  expect(again.stats()).toMatchObject({ objects: 3, readOnly: false, recovery: { wasClosed: true, torn: 0 } });
  expect(await again.verify()).toMatchObject({ ok: true, problems: [] });
  await again.close();
  expect(again.closed).toBe(true);
  await refused(again.get('b'), 'ERR_CLOSED');
  await refused(again.put('b', ''), 'ERR_CLOSED');
});

test('what a write was given may change as soon as it has settled', async () => {
  await using(async (store) => {
    const value = Buffer.alloc(200_000, 1);
    const put = store.put('k', value);
    await put;
    value.fill(2);
    expect((await store.get('k')).equals(Buffer.alloc(200_000, 1))).toBe(true);
    expect((await store.verify()).ok).toBe(true);
  });
});

// Its pages go at once, so whoever read them then would end the process.
const canResize = ArrayBuffer.prototype.resize !== undefined;
const unlessResized = canResize ? '' : ' (SKIPPED: this Node.js has no buffers that can be resized)';
(canResize ? test : test.skip)(`a buffer that is made smaller meanwhile is kept as it was${unlessResized}`, () =>
  using(async (store) => {
    const records = await collectionOf(store, 'c');
    const resizable = () => {
      const buffer = new ArrayBuffer(1_000_000, { maxByteLength: 2_000_000 });
      return { buffer, bytes: new Uint8Array(buffer).fill(7) };
    };
    const first = resizable(),
      second = resizable();
    const written = [store.put('k', first.bytes), records.append([second.bytes])];
    first.buffer.resize(0);
    second.buffer.resize(0);
    await Promise.all(written);
    expect((await store.get('k')).equals(Buffer.alloc(1_000_000, 7))).toBe(true);
    expect((await store.verify()).ok).toBe(true);
  }),
);

async function using(work, options) {
  const store = await gpu.openStore(at, options);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

test('operations in any order leave what a Map has', async () => {
  const key = fc.constantFrom('a', 'b', 'c', 'aa', 'ab', 'ä', '\u{1f600}');
  const step = fc.oneof(
    fc.record({ do: fc.constant('put'), key, value: fc.uint8Array({ maxLength: 300 }) }),
    fc.record({ do: fc.constant('delete'), key }),
    fc.record({ do: fc.constant('list'), prefix: fc.constantFrom('', 'a', 'x') }),
    fc.record({ do: fc.constant('reopen') }),
  );
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const place = `${at}-${run++}`;
      const model = new Map();
      let store = await gpu.openStore(place, { durable: false });
      for (const one of steps) {
        if (one.do === 'put') {
          await store.put(one.key, one.value);
          model.set(one.key, Buffer.from(one.value));
        } else if (one.do === 'delete') {
          expect(await store.delete(one.key)).toBe(model.delete(one.key));
        } else if (one.do === 'list') {
          const keys = [...model.keys()].filter((name) => name.startsWith(one.prefix));
          const sorted = keys.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
          expect(await store.list({ prefix: one.prefix })).toEqual(sorted);
        } else {
          await store.close();
          store = await gpu.openStore(place, { durable: false });
        }
      }
      for (const [name, value] of model) expect(await store.get(name)).toEqual(value);
      await store.close();
    }),
    { numRuns: 25 },
  );
});

test('pages of keys', async () => {
  await using(async (store) => {
    await Promise.all(Array.from({ length: 250 }, (_, i) => store.put(`k${String(i).padStart(3, '0')}`, 'v')));
    const all = [];
    for (let page; (page = await store.list({ prefix: 'k', limit: 60, after: all.at(-1) })).length;) all.push(...page);
    expect(all).toHaveLength(250);
    expect(store.stats().syncs).toBeLessThan(100);
  });
});

test('a time to live', async () => {
  await using(async (store) => {
    await store.put('short', 'x', { ttl: 30 });
    await store.put('long', 'x', { ttl: 1e6 });
    while ((await store.get('short')) !== undefined) await setTimeout(5);
    expect(await store.list()).toEqual(['long']);
    expect(await store.delete('short')).toBe(false);
  });
});

test('snapshots while it serves, and a restored one', async () => {
  await using(async (store) => {
    await store.put('a', '1');
    await store.snapshot(path.join(folder, 'backup'));
    await store.put('a', '2');
    await refused(store.snapshot(path.join(folder, 'backup')), 'ERR_INVALID_ARGUMENT', /is there already/);
    await gpu.restoreStore(path.join(folder, 'backup'), path.join(folder, 'restored'));
    await refused(gpu.restoreStore(path.join(folder, 'backup'), at), 'ERR_INVALID_ARGUMENT', /is there already/);
    await store.put('a', '3');
    await refused(gpu.restoreStore(at, path.join(folder, 'other')), 'ERR_INVALID_ARGUMENT', /no snapshot/);
    const restored = await gpu.openStore(path.join(folder, 'restored'));
    expect((await restored.get('a')).toString()).toBe('1');
    await restored.close();
  });
});

test('one writer, and readers beside it, in this process and in others', async () => {
  await using(async (store) => {
    await store.put('a', '1');
    await refused(gpu.openStore(at), 'ERR_LOCKED', /readOnly: true/);
    const { stdout } = await runChild('memory/store-beside.js', [at]);
    expect(stdout.trim()).toBe('ERR_LOCKED 1 ERR_INVALID_ARGUMENT');
  });
  await using(async (store) => expect((await store.get('a')).toString()).toBe('1'));
});

test('a manager opens the same', async () => {
  const manager = gpu.createGPUClusterManager();
  const store = await manager.openStore(at);
  await store.put('a', '1');
  await store.snapshot(path.join(folder, 'backup'));
  await manager.restoreStore(path.join(folder, 'backup'), path.join(folder, 'restored'));
  expect(store).toBeInstanceOf(gpu.Store);
  await store.close();
  await manager.close();
});

test('a limit', async () => {
  await using(
    async (store) => {
      const value = Buffer.alloc(100_000, 1);
      let kept = 0;
      const fill = async () => {
        for (; kept < 40; ++kept) await store.put(`k${kept}`, value);
      };
      await refused(fill(), 'ERR_OUT_OF_MEMORY', /limit of 2097152 bytes/);
      expect(kept).toBeGreaterThan(8);
      expect(await store.get('k0')).toEqual(value);
      for (let i = 0; i < kept; ++i) await store.delete(`k${i}`);
      await store.put('again', value);
      expect(await store.get('again')).toEqual(value);
    },
    { limit: 2 ** 21 },
  );
});

test.each([
  ['a key of another type', (store) => store.put(7, ''), /key is 7, but must be a string/],
  ['an empty key', (store) => store.put('', ''), /must have 1 to 512/],
  ['a key that is too long', (store) => store.put('ä'.repeat(257), ''), /514 bytes of UTF-8/],
  ['half a surrogate pair', (store) => store.put('a\ud800', ''), /surrogate/],
  ['half a surrogate pair in a value', (store) => store.put('a', 'x\udc00'), /surrogate/],
  ['a value of another type', (store) => store.put('a', { a: 1 }), /value is an object/],
  ['a value that is too large', (store) => store.put('a', Buffer.alloc(2 ** 26 + 1)), /67108865 bytes/],
  ['a ttl of 0', (store) => store.put('a', '', { ttl: 0 }), /ttl is 0/],
  ['an option that there is not', (store) => store.put('a', '', { tll: 5 }), /did you mean 'ttl'/],
  ['durable that is no boolean', (store) => store.delete('a', { durable: 1 }), /durable is 1/],
  ['a limit of 0', (store) => store.list({ limit: 0 }), /limit is 0/],
  ['a path that is none', (store) => store.snapshot(''), /path of a folder/],
])('%s is refused', async (_what, call, text) => {
  await using((store) => refused(call(store), 'ERR_INVALID_ARGUMENT', text));
});

test('openings that are refused', async () => {
  await refused(gpu.openStore(undefined), 'ERR_INVALID_ARGUMENT', /path is undefined/);
  await refused(gpu.openStore(at, { limit: 5 }), 'ERR_INVALID_ARGUMENT', /limit is 5/);
  await refused(gpu.openStore(at, { readonly: true }), 'ERR_INVALID_ARGUMENT', /readOnly/);
  await refused(gpu.openStore(at, { readOnly: true }), 'ERR_INVALID_ARGUMENT', /is no store/);
  fs.writeFileSync(path.join(folder, 'letter'), 'x');
  await refused(gpu.openStore(folder), 'ERR_INVALID_ARGUMENT', /'letter' is in it/);
  await refused(gpu.openStore(path.join(folder, 'letter')), 'ERR_INVALID_ARGUMENT', /is no folder/);
});

test('a damaged value is named and not given, a damaged manifest not opened', async () => {
  await using((store) => store.put('a', 'x'.repeat(5000)));
  const log = fs.readdirSync(at).find((name) => name.startsWith('log-'));
  const flip = (file, offset) => {
    const bytes = fs.readFileSync(file);
    bytes[offset] ^= 16;
    fs.writeFileSync(file, bytes);
  };
  flip(path.join(at, log), 1000);
  await using(async (store) => {
    await refused(store.get('a'), 'ERR_DAMAGED', new RegExp(`${log}' is damaged at offset 64`));
    expect(await store.verify()).toMatchObject({ ok: false, problems: [{ offset: 64 }] });
  });
  flip(path.join(at, 'manifest'), 80);
  await refused(gpu.openStore(at), 'ERR_DAMAGED', /manifest/);
});

test('a store that is left open keeps no process alive, and has what was written', async () => {
  const { stdout, code } = await runChild('memory/store-left-open.js', [at]);
  expect([stdout.trim(), code]).toEqual(['done', 0]);
  await using(async (store) => {
    expect(await store.list()).toEqual(['a', 'c']);
    expect(store.stats().recovery).toMatchObject({ records: 2, wasClosed: false });
  });
});

describe('collections', () => {
  test('records, files and a checkpoint come back', async () => {
    const content = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => i * 7));
    await using(async (store) => {
      const collection = await collectionOf(store, 'vectors');
      const first = await collection.append([Buffer.from('one '), Buffer.alloc(100_000, 65)]);
      const second = await collection.append([Buffer.from('two')], { durable: false });
      expect(second).toBeGreaterThan(first);
      async function* pieces() {
        for (let from = 0; from < content.length; from += 700_000) yield content.subarray(from, from + 700_000);
      }
      const { bytes } = await collection.writeFile('segment', pieces());
      expect(bytes).toBe(content.length);
      await collection.checkpoint({ state: { n: 1 }, files: ['segment'], through: first });
      await refused(collection.writeFile('segment', []), 'ERR_INVALID_ARGUMENT', /choose another name/);
      await refused(
        collection.checkpoint({ state: {}, files: ['x'], through: first }),
        'ERR_NOT_FOUND',
        /has no file 'x'/,
      );
    });
    await using(async (store) => {
      const collection = await collectionOf(store, 'vectors');
      const { state, files, through, records } = await collection.recover();
      expect([state, files.map(({ name }) => name)]).toEqual([{ n: 1 }, ['segment']]);
      const found = [];
      for await (const { sequence, bytes } of records) found.push([sequence > through, Buffer.from(bytes).toString()]);
      expect(found).toEqual([[true, 'two']]);
      const mapped = await collection.mapFile('segment');
      expect(Buffer.from(mapped.buffer).equals(content)).toBe(true);
      await collection.check('segment', 0, content.length);
      await collection.drop();
      expect(new Uint8Array(mapped.buffer)[1]).toBe(7); // the mapping stays
      mapped.close();
      expect(store.stats()).toMatchObject({ collections: 0, dataFiles: 0 });
    });
  });

  test('a bit that flips in a mapped file is found by check()', async () => {
    await using(async (store) => {
      const collection = await collectionOf(store, 'c');
      const { path: file } = await collection.writeFile('f', [Buffer.alloc(2_500_000, 1)]);
      const handle = fs.openSync(file, 'r+');
      fs.writeSync(handle, Buffer.from([3]), 0, 1, 2_100_000);
      fs.closeSync(handle);
      await collection.check('f', 0, 2_000_000);
      await refused(collection.check('f', 0, 2_500_000), 'ERR_DAMAGED', /offset 2097152/);
    });
  });
});
