// createMemory()'s writes: of a process that ends at any of them, of those that fail, and of calls at once.
'use strict';
const { setImmediate } = require('node:timers/promises');
const fc = require('fast-check');
const { makeDisk } = require('../../support/memory-fakes');
const { kText, lines, passagesOf, makeModels, openMemory } = require('../../support/memory-open');

let own, model;
beforeAll(async () => {
  own = await makeModels();
  ({ model } = own);
});
afterAll(() => own.close());
const open = (options, disk) => openMemory(own, options, disk);

test('of two calls the later one has the last word, whatever takes how long', async () => {
  const disk = makeDisk();
  const memory = await open({}, disk);
  const calls = [lines(200), lines(3), lines(60), lines(2)].map((text) => memory.remember({ id: 'a', text }));
  const gone = memory.forget({ filter: { none: 1 } }).catch(() => {});
  const last = memory.remember({ id: 'b', text: kText });
  await Promise.all([...calls, gone, last]);
  expect(passagesOf(disk, 'a')).toHaveLength((await calls[3]).passages[0]);
  const late = memory.remember({ id: 'c', text: lines(100) });
  const forgotten = memory.forget({ ids: ['c'] });
  await late;
  expect([await forgotten, passagesOf(disk, 'c')]).toEqual([1, []]);
  await memory.close();
});

describe('a process that ends at any write', () => {
  /** What there is of each document: one of the texts that were given for it, whole. */
  async function expectWhole(memory, texts) {
    const found = await memory.recall('copy', { k: 10_000 });
    const byId = new Map();
    for (const each of found) byId.set(each.id, [...(byId.get(each.id) ?? []), each]);
    for (const [id, passages] of byId) {
      const version = passages[0].metadata.version;
      const text = texts.get(id)[version];
      const covered = new Uint8Array(text.length);
      for (const { start, end, text: passage, metadata } of passages) {
        expect([metadata.version, passage]).toEqual([version, text.slice(start, end)]);
        covered.fill(1, start, end);
      }
      expect([...covered].filter((bit, i) => !bit && text[i].trim())).toEqual([]);
    }
  }

  test('leaves every document as it was before or after', async () => {
    const step = fc.record({ id: fc.constantFrom('a', 'b'), count: fc.integer({ min: 1, max: 9 }) });
    const steps = fc.array(fc.array(step, { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(steps, fc.nat(20), async (calls, dieAt) => {
        const disk = { ...makeDisk(), dieAt: dieAt + 1 }; // it has opened its store
        const texts = new Map();
        const acknowledged = new Map();
        const memory = await open({}, disk);
        for (const call of calls) {
          const documents = [...new Map(call.map((each) => [each.id, each])).values()].map(({ id, count }) => {
            const versions = texts.get(id) ?? texts.set(id, []).get(id);
            versions.push(lines(count));
            return { id, text: versions.at(-1), metadata: { version: versions.length - 1 } };
          });
          const isDone = await memory.remember(documents).then(
            () => true,
            () => false,
          );
          if (isDone) for (const { id, metadata } of documents) acknowledged.set(id, metadata.version);
        }
        disk.dieAt = Infinity;
        const next = await open({}, disk);
        await expectWhole(next, texts);
        const found = await next.recall('copy', { k: 10_000 });
        for (const [id, version] of acknowledged)
          expect(found.find((each) => each.id === id).metadata.version).toBeGreaterThanOrEqual(version);
        expect([...disk.puts.keys()]).toEqual(['memory/memory/about']);
      }),
      { seed: 5, numRuns: 60 },
    );
  }, 60_000);

  test('has left something to be put right in some of them', async () => {
    const disk = makeDisk();
    const memory = await open({}, disk);
    await memory.remember({ id: 'a', text: lines(9) });
    disk.dieAt = disk.writes + 2; // the note, and the new passages
    await expect(memory.remember({ id: 'a', text: lines(2) })).rejects.toThrow('has ended');
    expect(passagesOf(disk, 'a').length).toBeGreaterThan(3);
    disk.dieAt = Infinity;
    const next = await open({}, disk);
    expect(new Set((await next.recall('copy', { k: 99 })).map(({ end }) => end <= lines(2).length))).toEqual(
      new Set([true]),
    );
  });
});

test('a removal that fails leaves nothing that is found, and is made good by the next write', async () => {
  const disk = makeDisk();
  const memory = await open({}, disk);
  await memory.remember({ id: 'a', text: lines(9) });
  const shown = async (text) => {
    const found = await memory.recall('copy', { k: 99 });
    expect(found.every(({ start, end, text: passage }) => text.slice(start, end) === passage)).toBe(true);
    expect((await memory.stats()).passages).toBe(found.length);
  };
  disk.dieAt = disk.writes + 2; // the note, and the new passages
  await expect(memory.remember({ id: 'a', text: lines(3, 'sale') })).rejects.toThrow('has ended');
  disk.dieAt = Infinity;
  await shown(lines(3, 'sale'));
  expect(passagesOf(disk, 'a').length).toBeGreaterThan(3);
  await memory.remember({ id: 'a', text: lines(1, 'term') });
  await shown(lines(1, 'term'));
  expect(passagesOf(disk, 'a')).toHaveLength(1);
  await memory.close();
});

/** Holds what is called until it is let go. */
function held(object, name) {
  const call = object[name].bind(object);
  const gates = [];
  object[name] = async (...given) => {
    await new Promise((resolve) => gates.push(resolve));
    return call(...given);
  };
  return {
    gates,
    letGo() {
      delete object[name];
      for (const resolve of gates.splice(0)) resolve();
    },
  };
}
const turns = async (count = 20) => {
  for (let i = 0; i < count; ++i) await setImmediate();
};
/** What was called before has come as far as it comes by itself: later calls of the model have ended. */
const others = async () => {
  for (let i = 0; i < 5; ++i) {
    await model.embed([lines(9)]);
    await turns();
  }
};

test('no search sees a document half replaced by a shorter one', async () => {
  const memory = await open();
  const [, index] = memory.opened;
  await memory.remember({ id: 'a', text: lines(9), metadata: { version: 1 } });
  const versionsOf = async (found) => new Set((await found).map(({ metadata }) => metadata.version));
  // One that was called before the write, and looks at the index while it goes on.
  const searches = held(index, 'search');
  const removals = held(index, 'remove');
  const early = versionsOf(memory.recall('copy', { k: 99 }));
  while (!searches.gates.length) await turns(1);
  const written = memory.remember({ id: 'a', text: lines(3, 'sale'), metadata: { version: 2 } });
  await others();
  searches.letGo();
  expect(await early).toEqual(new Set([1]));
  while (!removals.gates.length) await turns(1);
  // One that is called between its two writes.
  const late = versionsOf(memory.recall('copy', { k: 99 }));
  const counted = memory.stats();
  await others();
  removals.letGo();
  expect(await late).toEqual(new Set([2]));
  expect(await counted).toMatchObject({ documents: 1, passages: (await written).passages[0] });
  await memory.close();
});

test('what a removal that failed has left is neither found nor counted, whatever comes next', async () => {
  const disk = makeDisk();
  const memory = await open({}, disk);
  const fail = async (call, writes) => {
    disk.dieAt = disk.writes + writes;
    await expect(call()).rejects.toThrow('has ended');
    disk.dieAt = Infinity;
  };
  const shown = async (documents) => {
    const found = await memory.recall('copy', { k: 99 });
    expect(await memory.stats()).toMatchObject({ documents, passages: found.length });
    expect(new Set(found.map(({ id }) => id)).size).toBe(documents);
  };
  await memory.remember([
    { id: 'a', text: lines(9) },
    { id: 'b', text: lines(2) },
  ]);
  await shown(2);
  const shorter = () => memory.remember({ id: 'a', text: lines(3) });
  await fail(shorter, 2);
  await shown(2);
  expect(await memory.forget({ ids: ['a'] })).toBe(1);
  expect(passagesOf(disk, 'a')).toEqual([]);
  await shown(1);
  await memory.remember({ id: 'a', text: lines(9) });
  await fail(shorter, 2);
  await memory.remember({ id: 'a', text: lines(20) }); // longer than all that was left
  await shown(2);
  await fail(() => memory.remember({ id: 'a', text: ' ' }), 0);
  await shown(2);
  await memory.remember({ id: 'a', text: ' ' });
  await shown(1);
  await memory.close();
});

test('documents that come while they are counted for the first time are counted once', async () => {
  const memory = await open();
  const [, index] = memory.opened;
  await memory.remember({ id: 'a', text: lines(2) });
  const searches = held(index, 'search');
  const counted = memory.stats();
  while (!searches.gates.length) await turns(1);
  const more = memory.remember({ id: 'b', text: lines(2) });
  await others();
  searches.letGo();
  await Promise.all([counted, more]);
  expect((await memory.stats()).documents).toBe(2);
  await memory.close();
});

test('a call that waits for another one’s end is given up by its signal or its time, and keeps its place', async () => {
  const disk = makeDisk();
  const memory = await open({}, disk);
  const [, index] = memory.opened;
  const writes = held(index, 'upsert');
  const first = memory.remember({ id: 'a', text: lines(2) });
  while (!writes.gates.length) await turns(1);
  await expect(memory.remember({ id: 'a', text: lines(3) }, { timeout: 50 })).rejects.toMatchObject({
    code: 'ERR_TIMEOUT',
  });
  const stop = new AbortController();
  const second = memory.remember({ id: 'a', text: lines(3) }, { signal: stop.signal });
  const third = memory.remember({ id: 'a', text: lines(5) });
  await turns();
  stop.abort();
  await expect(second).rejects.toMatchObject({ code: 'ERR_CANCELED' });
  await others();
  expect(writes.gates).toHaveLength(1);
  writes.letGo();
  await first;
  const { passages } = await third;
  expect(passagesOf(disk, 'a')).toHaveLength(passages[0]);
  await memory.close();
});

test('what is given is read when it is given', async () => {
  const memory = await open();
  const metadata = { year: 1, of: { a: 1 } };
  const remembered = memory.remember(['one text', { text: 'another', metadata: { own: [1] } }], { metadata });
  Object.assign(metadata, { year: 2, '@passage': 5 });
  metadata.of.a = 2;
  await remembered;
  const filter = { year: 1 };
  const found = memory.recall('text', { filter });
  filter.year = 5;
  const byOwn = (a, b) => Number('own' in a) - Number('own' in b);
  expect((await found).map((each) => each.metadata).sort(byOwn)).toEqual([
    { year: 1, of: { a: 1 } },
    { year: 1, of: { a: 1 }, own: [1] },
  ]);
  filter.year = 1;
  const gone = memory.forget({ filter });
  filter.year = 5;
  expect(await gone).toBe(2);
  await memory.close();
});
