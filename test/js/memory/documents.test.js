// createMemory(): documents remembered, found, replaced and forgotten, on an index and a store of few lines.
'use strict';
const { makeMemory } = require('../../../lib/memory/documents/create-memory');
const { Cutter } = require('../../../lib/memory/documents/cutter');
const { makeDisk } = require('../../support/memory-fakes');
const { kPositions, kText, lines, passagesOf, makeModels, openMemory } = require('../../support/memory-open');

let own, model, reranker, other;
beforeAll(async () => {
  own = await makeModels();
  ({ model, reranker, other } = own);
});
afterAll(() => own.close());
const open = (options, disk) => openMemory(own, options, disk);

test('a document is found by a passage, with its place', async () => {
  const memory = await open();
  const { ids, passages } = await memory.remember({ id: 'mit', text: kText, metadata: { kind: 'licence' } });
  expect([ids, passages]).toEqual([['mit'], [expect.any(Number)]]);
  const found = await memory.recall('You may sell it.', { k: 2 });
  expect(found).toHaveLength(2);
  for (const { id, text, start, end, metadata, score } of found) {
    expect([id, metadata]).toEqual(['mit', { kind: 'licence' }]);
    expect(kText.slice(start, end)).toBe(text);
    expect(Math.abs(score)).toBeLessThanOrEqual(1 + 1e-6);
  }
  expect(found[0].score).toBeGreaterThanOrEqual(found[1].score);
  await memory.close();
});

test('scores are the cosines of the passages embedded by themselves', async () => {
  const memory = await open();
  await memory.remember(kText);
  const found = await memory.recall('the warranty', { k: 100 });
  const { embeddings } = await model.embed(['the warranty', ...found.map(({ text }) => text)]);
  const [, d] = embeddings.shape;
  const row = (i) => [...embeddings.data.subarray(i * d, (i + 1) * d)];
  const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
  found.forEach(({ score }, i) => {
    const [a, b] = [row(0), row(i + 1)];
    expect(score).toBeCloseTo(dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)), 4);
  });
  await memory.close();
});

test('passages fit the model, and cover the document', async () => {
  const memory = await open({ chunk: {} });
  const text = `${lines(40)}\n\n${'unbreakable'.repeat(300)} 😀${'😀'.repeat(200)} ${'words without an end '.repeat(50)}`;
  await memory.remember({ id: 'long', text });
  const found = await memory.recall('x', { k: 10_000 });
  const { truncated, tokens } = await model.embed(found.map((each) => each.text));
  expect(truncated.some(Boolean)).toBe(false);
  expect(Math.max(...tokens)).toBeLessThanOrEqual(kPositions);
  const covered = new Uint8Array(text.length);
  for (const { start, end } of found) covered.fill(1, start, end);
  expect([...covered].filter((bit, i) => !bit && text[i].trim())).toEqual([]);
  await memory.close();
});

test('it is all there for the next process', async () => {
  const disk = makeDisk();
  const first = await open({}, disk);
  await first.remember([
    { id: 'a', text: lines(5) },
    { id: 'b', text: kText },
  ]);
  const before = await first.recall('warranty', { k: 4 });
  await first.close();
  expect(first.opened.every(({ closed }) => closed)).toBe(true);
  const second = await open({}, disk);
  expect(await second.recall('warranty', { k: 4 })).toEqual(before);
  expect(await second.stats()).toMatchObject({
    documents: 2,
    passages: disk.rows.size,
    chunk: { tokens: 8, overlap: 2 },
  });
  await second.close();
});

test('a document of the same id is replaced, whether it is longer or shorter', async () => {
  const disk = makeDisk();
  const memory = await open({}, disk);
  for (const count of [10, 3, 12, 1]) {
    const text = lines(count);
    const { passages } = await memory.remember({ id: 'a', text, metadata: { count } });
    expect(passagesOf(disk, 'a')).toHaveLength(passages[0]);
    for (const each of await memory.recall('the copy', { k: 100 })) {
      expect(each.metadata).toEqual({ count });
      expect(text.slice(each.start, each.end)).toBe(each.text);
    }
  }
  expect(await memory.stats()).toMatchObject({ documents: 1 });
  await memory.remember({ id: 'a', text: ' \n' });
  expect(disk.rows.size).toBe(0);
  expect(await memory.recall('the copy')).toEqual([]);
  expect(await memory.stats()).toMatchObject({ documents: 0, passages: 0 });
  expect([...disk.puts.keys()]).toEqual(['memory/memory/about']);
  await memory.close();
});

test('the same text is remembered once', async () => {
  const memory = await open();
  const { ids } = await memory.remember([kText, kText, lines(2)]);
  expect(ids).toHaveLength(2);
  expect((await memory.remember(kText)).ids).toEqual([ids[0]]);
  await memory.remember([1, 2].map((year) => ({ text: kText, metadata: { year } })));
  expect((await memory.recall(kText, { k: 99, filter: { year: 2 } })).map(({ id }) => id)).toContain(ids[0]);
  expect((await memory.stats()).documents).toBe(2);
  await memory.close();
});

test('documents are forgotten by their ids or by a filter', async () => {
  const disk = makeDisk();
  const memory = await open({}, disk);
  const documents = [1, 2, 3, 4, 5].map((year) => ({ id: `d${year}`, text: lines(year), metadata: { year } }));
  await memory.remember(documents, { metadata: { kind: 'x' } });
  expect(await memory.forget({ ids: ['d1', 'd1', 'unknown'] })).toBe(1);
  expect(await memory.forget({ filter: { year: { $gte: 4 } } })).toBe(2);
  expect((await memory.stats()).documents).toBe(2);
  const left = new Set((await memory.recall('copy', { k: 100 })).map(({ id }) => id));
  expect([...left].sort()).toEqual(['d2', 'd3']);
  expect(await memory.forget({ filter: { kind: 'x' } })).toBe(2);
  expect([disk.rows.size, await memory.forget({ filter: { kind: 'x' } })]).toEqual([0, 0]);
  await memory.close();
});

test('a filter sees the fields of documents', async () => {
  const memory = await open();
  await memory.remember([
    { id: 'a', text: lines(3), metadata: { lang: 'en' } },
    { id: 'b', text: lines(3), metadata: { lang: 'de' } },
  ]);
  const found = await memory.recall('copy', { k: 50, filter: { lang: 'de' } });
  expect(new Set(found.map(({ id }) => id))).toEqual(new Set(['b']));
  await memory.close();
});

test('the cross-encoder decides the order, and gives the scores', async () => {
  const memory = await open({ reranker });
  await memory.remember([
    { id: 'a', text: lines(12) },
    { id: 'b', text: kText },
  ]);
  const found = await memory.recall('the work', { k: 3, rerank: 8 });
  const plain = await memory.recall('the work', { k: 8, rerank: false });
  const ranked = await reranker.rerank(
    'the work',
    plain.map(({ text }) => text),
    { topK: 3 },
  );
  expect(found).toEqual(ranked.map(({ index, score }) => ({ ...plain[index], score })));
  expect(await memory.recall('the work', { k: 3 })).toHaveLength(3);
  await memory.close();
});

test('half of a character is kept as it is', async () => {
  const memory = await open();
  const text = 'A lone \ud800 one, and \udc00 one.';
  await memory.remember({ id: 'a', text });
  const found = await memory.recall('one', { k: 9 });
  expect(found).not.toHaveLength(0);
  for (const each of found) expect(text.slice(each.start, each.end)).toBe(each.text);
  await memory.close();
});

test('a document of too many passages is refused before it is embedded', async () => {
  let embedded = 0;
  const counting = new Proxy(model, {
    get(of, name) {
      if (name === 'embed') return (...given) => (++embedded, of.embed(...given));
      const value = of[name];
      return typeof value === 'function' ? value.bind(of) : value;
    },
  });
  const memory = await open({ model: counting });
  await expect(memory.remember({ id: 'large', text: lines(9000) })).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: expect.stringMatching(/the document 'large' has \d+ passages or more, but can have at most 8192/),
  });
  expect(embedded).toBe(0);
  await memory.close();
});

describe('is refused:', () => {
  test.each([
    [5, /createMemory\(\)'s options is 5/],
    [{ modle: 'x' }, /unknown option of createMemory\(\) 'modle' \(did you mean 'model'/],
    [{ model: 5 }, /model is 5, but must be a TextModel/],
    [{ path: 5 }, /path is 5/],
    [{ path: 'a', store: {} }, /only one of them/],
    [{ path: undefined, store: 5 }, /store is 5, but must be a Store/],
    [{ name: 'a/b' }, /name is 'a\/b'/],
    [{ dtype: 'flaot16' }, /dtype is 'flaot16', but must be one of float32, .*\(did you mean 'float16'/],
    [{ dtype: null }, /dtype is null/],
    [{ chunk: 5 }, /chunk is 5/],
    [{ chunk: { token: 5 } }, /unknown field of chunk 'token'/],
    [{ chunk: { tokens: 4 } }, /chunk.tokens is 4, but must be from 8 to 30: the model takes 32, 2 of them/],
    [{ chunk: { tokens: 31 } }, /chunk.tokens is 31/],
    [{ chunk: { tokens: 10, overlap: 6 } }, /chunk.overlap is 6, but must be at most half of the 10/],
  ])('%j', async (options, message) => {
    const given = typeof options === 'object' ? open(options) : makeMemory({}, options);
    await expect(given).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringMatching(message),
    });
  });

  test('models of the wrong kind', async () => {
    await expect(open({ model: reranker })).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
    await expect(open({ reranker: model })).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
  });

  test('another model than the store was made with', async () => {
    const disk = makeDisk();
    await (await open({}, disk)).close();
    await expect(open({ model: other }, disk)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringMatching(/was made with the model/),
    });
    await (await open({ dtype: 'int8' }, disk)).close(); // what is scanned may be another
    await (await open({ model: other, name: 'two' }, disk)).close();
    disk.puts.set('memory/memory/about', Buffer.from('{"form'));
    await expect(open({}, disk)).rejects.toMatchObject({ code: 'ERR_DAMAGED' });
    disk.puts.set('memory/memory/about', Buffer.from('{"format":2}'));
    await expect(open({}, disk)).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
  });

  test('documents, queries and filters that are none', async () => {
    const memory = await open();
    const refused = async (call, message) =>
      expect(call).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringMatching(message) });
    await refused(memory.remember(5), /documents is 5/);
    await refused(memory.remember(['a', null]), /documents\[1\] is null/);
    await refused(memory.remember([{ id: 'a' }]), /documents\[0\].text is undefined/);
    await refused(memory.remember({ id: 5, text: '' }), /documents.id is 5, but must be a string: '5'/);
    await refused(memory.remember({ id: '', text: '' }), /must not be empty/);
    await refused(memory.remember({ id: '\ud800', text: '' }), /half of a character/);
    await refused(memory.remember({ id: 'é'.repeat(251), text: '' }), /takes 502 bytes, but may take at most 500/);
    await refused(memory.remember({ text: '', meta: 1 }), /unknown field of a document 'meta'/);
    await refused(memory.remember({ text: '', metadata: [] }), /metadata is \[\]/);
    await refused(
      memory.remember({ text: '', metadata: { x: 'x'.repeat(9000) } }),
      /9008 bytes as JSON, but can have 8192/,
    );
    await refused(memory.remember({ text: '', metadata: { x: 1n } }), /metadata.x is 1n, but metadata is JSON/);
    for (const metadata of [new Map([['a', 1]]), { a: NaN }, { a: [() => 1] }, { a: new Date(0) }])
      await refused(memory.remember(['a', { text: '', metadata }]), /documents\[1\]\.metadata/);
    await refused(memory.remember('a', { metadata: { a: '\ud800' } }), /options.metadata.a has half/);
    await refused(memory.remember({ text: '', metadata: { '@x': 1 } }), /'@x'.*are our own/);
    await refused(
      memory.remember([1, 2].map(() => ({ id: 'a', text: '' }))),
      /has the id 'a', but so has documents\[0\]/,
    );
    await refused(memory.remember('a', { metdata: {} }), /unknown option of remember\(\) 'metdata'/);
    await refused(memory.recall(5), /query is 5/);
    await refused(memory.recall('a', { k: 0 }), /k is 0/);
    await refused(memory.recall('a', { rerank: true }), /has no reranker/);
    await refused(memory.recall('a', { rerank: 2 }), /rerank is 2.*from k, 5/);
    await refused(memory.forget(), /is given undefined/);
    await refused(memory.forget({}), /both left out/);
    await refused(memory.forget({ ids: [], filter: {} }), /both given/);
    await refused(memory.forget({ ids: [5] }), /ids\[0\] is 5/);
    await refused(memory.forget({ filter: null }), /filter is null, which says nothing/);
    await refused(memory.forget({ filter: {} }), /which says nothing/);
    await refused(memory.forget({ filter: { year: { $gt: [] } } }), /\$gt of 'year'/);
    await refused(memory.recall('a', { filter: 5 }), /5 is no filter/);
    await memory.close();
    await memory.close();
    for (const call of [memory.remember('a'), memory.recall('a'), memory.forget({ ids: [] }), memory.stats()])
      await expect(call).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    expect(memory.closed).toBe(true);
  });

  test('a call whose signal is aborted, of which nothing is written', async () => {
    const disk = makeDisk();
    const memory = await open({}, disk);
    const stop = new AbortController();
    const call = memory.remember({ id: 'a', text: lines(300) }, { signal: stop.signal });
    stop.abort();
    await expect(call).rejects.toMatchObject({ code: 'ERR_CANCELED' });
    expect(disk.rows.size).toBe(0);
    await expect(memory.recall('a', { signal: stop.signal })).rejects.toMatchObject({ code: 'ERR_CANCELED' });
    await memory.close();
  });
});

test('what a passage by itself has more of than within its text is cut again', async () => {
  // Each text of more than four letters has more tokens by itself than the model takes.
  const embedded = [];
  const encoder = {
    maxLength: 20,
    dimensions: 1,
    prompts: {},
    count: async () => [2],
    tokenize: async ([text]) => ({ offsets: [0, 1], spans: Int32Array.of(0, text.length) }),
    embed: async (texts) => {
      embedded.push(...texts);
      const data = Float32Array.from(texts, ({ length }) => length);
      return { embeddings: { data, shape: [texts.length, 1] }, truncated: texts.map(({ length }) => length > 4) };
    },
  };
  const cutter = await Cutter.of(encoder, {}, undefined);
  const counted = [];
  const [{ places, vectors }] = await cutter.embed(
    ['abcdefghijk'],
    () => ({}),
    (i, passages) => counted.push([i, passages]),
  );
  expect(places).toEqual([
    { start: 0, end: 3 },
    { start: 3, end: 6 },
    { start: 6, end: 9 },
    { start: 9, end: 11 },
  ]);
  expect([...vectors]).toEqual([3, 3, 3, 2]);
  expect(counted).toEqual([
    [0, 1],
    [0, 4],
  ]);
});
