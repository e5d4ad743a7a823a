// Bases of processEmbeddings(): fitted once, kept under a name, and used for rows of their kind alone.
'use strict';
const fc = require('fast-check');
const gpu = require('../../..');
const { Bases } = require('../../../lib/memory/embeddings/bases');
const { Basis } = require('../../../lib/memory/embeddings/basis');
const { someRows, rounded, expectRows } = require('../../support/embeddings-oracle');
const { check } = require('../../support/simulation');

describe('a basis', () => {
  const rows = rounded(someRows(30, 10));
  const process = (embeddings, options) => gpu.processEmbeddings({ embeddings, options });

  test('is fitted once, and then used under its name', async () => {
    const { basis: first } = await process(rows, { dimensionReduction: 3, basis: 'once' });
    const others = rounded(someRows(5, 10, 99));
    const { basis: again, embeddings } = await process(others, { dimensionReduction: 3, basis: 'once' });
    expect(again).toEqual(first);
    expect((await process(others, { basis: 'once' })).basis).toEqual(first);
    expect(first.version).toMatch(/^[0-9a-f]{32}$/);
    expectRows({ embeddings, basis: first, dimensions: 3 }, others, { normalize: true });
  });

  test('that nobody named is of one kind of rows', async () => {
    const raw = { normalize: false, reduce_dimensions: true, dimension_reduction: 4 };
    const names = [];
    for (const options of [{ dimension_reduction: 4 }, raw, { dimension_reduction: 3 }])
      names.push((await process(rows, options)).basis.name);
    expect(names).toEqual(['pca-10-4', 'pca-10-4-raw', 'pca-10-3']);
  });

  test('goes to another call as it is', async () => {
    const { basis } = await process(rows, { dimension_reduction: 3, basis: 'passed on' });
    const { basis: used, dimensions } = await process(rows.slice(0, 2), { basis, quantization: true });
    expect([used.version, used.name, dimensions]).toEqual([basis.version, 'passed on', 3]);
    const { mean, components } = basis;
    expect((await process(rows.slice(0, 2), { basis: { mean, components } })).basis.name).toBe('given');
  });

  test('that is one too many for the process is refused, and the others stay', async () => {
    const bases = new Bases();
    const get = (i) => {
      const one = () => Float32Array.of(i + 1);
      return bases.get(
        `number ${i}`,
        async () => new Basis(`number ${i}`, one(), one(), one(), { normalized: true }),
        () => ({}),
      );
    };
    const settled = await Promise.allSettled(Array.from({ length: 300 }, (_, i) => get(i)));
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(256);
    expect(settled[299].reason).toMatchObject({
      code: 'ERR_OUT_OF_MEMORY',
      message: expect.stringMatching(/no room for the basis 'number 299': this process keeps 256 bases/),
    });
    expect(await get(3)).toBe(settled[3].value);
  });

  test('is a copy for each call', async () => {
    const options = { dimension_reduction: 3, basis: 'copied' };
    const { basis } = await process(rows, options);
    const { basis: another, embeddings } = await process(rows, options);
    basis.mean.data[0] = 5;
    const { basis: later, embeddings: same } = await process(rows, options);
    expect(later).toEqual(another);
    expect(same.data).toEqual(embeddings.data);
    await expect(process(rows, { basis })).rejects.toThrow(/they were changed/);
  });

  test('is refused for rows of another kind than it was fitted to', async () => {
    const options = { dimension_reduction: 3, basis: 'of unit rows' };
    const { basis } = await process(rows, options);
    for (const each of [options, { basis }])
      await expect(process(rows, { ...each, normalize: false })).rejects.toMatchObject({
        code: 'ERR_INVALID_ARGUMENT',
        argument: 'options.normalize',
        message: expect.stringMatching(
          /normalize is false, but the basis 'of unit rows' was fitted to rows that were no/,
        ),
      });
    const { mean, components } = basis;
    await process(rows, { basis: { mean, components }, normalize: false }); // of which nothing is known
  });

  test('of two calls at once is fitted by one of them', async () => {
    const results = await Promise.all(
      [1, 2, 3].map((seed) => process(someRows(20, 10, seed), { dimension_reduction: 2, basis: 'at once' })),
    );
    expect(new Set(results.map(({ basis }) => basis.version)).size).toBe(1);
  });

  test('is one of many that are used at once by large calls', async () => {
    const [n, d] = [200, 200]; // of more than what joins
    const large = Float32Array.from(someRows(n, d).flat());
    const bases = Array.from({ length: 12 }, (_, i) => ({
      mean: gpu.tensor(new Float32Array(d), [d]),
      components: gpu.tensor(
        Float32Array.from({ length: d }, (__, j) => Number(j === i)),
        [1, d],
      ),
    }));
    const calls = bases.map((basis) => process(gpu.tensor(large, [n, d]), { basis, normalize: false }));
    for (const [i, { embeddings }] of (await Promise.all(calls)).entries())
      expect(embeddings.data[3]).toBeCloseTo(large[3 * d + i], 5);
  });

  test('whose first call fails is fitted by the next', async () => {
    const bad = someRows(20, 10);
    bad[2][2] = NaN;
    const options = { dimension_reduction: 2, basis: 'after a failure' };
    const [failed, good] = await Promise.allSettled([process(bad, options), process(rows, options)]);
    expect(failed.reason).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', argument: 'embeddings[2]' });
    expect(good.value.basis.name).toBe('after a failure');
  });

  test('lies in a store, and is found there by the next process', async () => {
    const kept = new Map();
    const storeOf = () => ({ get: async (key) => kept.get(key), put: async (key, value) => kept.set(key, value) });
    const options = { dimension_reduction: 3, basis: 'stored' };
    const { basis } = await process(rows, { ...options, store: storeOf() });
    expect([...kept.keys()]).toEqual(['basis/stored']);
    const { basis: found } = await process(someRows(2, 10), { ...options, store: storeOf() });
    expect(found.version).toBe(basis.version);
    expect(found.components.data).toEqual(basis.components.data);
    // Damaged ones are refused, whatever bit it is.
    const bytes = kept.get('basis/stored');
    for (const at of [0, 9, 16, 20, 30, bytes.length - 1]) {
      const damaged = Buffer.from(bytes);
      damaged[at] ^= 4;
      kept.set('basis/stored', damaged);
      await expect(process(rows, { ...options, store: storeOf() })).rejects.toMatchObject({
        code: 'ERR_INVALID_ARGUMENT',
        message: expect.stringMatching(/the basis 'stored' in the store (is|is not)/),
      });
    }
  });

  test('as bytes is the same, wherever they lie', () => {
    check(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 0, max: 3 }), (d, shift) => {
        const floats = (n) => Float32Array.from({ length: n }, (_, i) => i / 3 - 1);
        const basis = new Basis('x', floats(d), floats(d * d), floats(d), {
          normalized: d % 2 === 1,
          model: shift ? 'abc'.repeat(shift) : undefined,
        });
        const encoded = basis.encode();
        const moved = Buffer.alloc(encoded.length + shift);
        encoded.copy(moved, shift);
        const back = Basis.decode('x', moved.subarray(shift));
        expect(back.given).toEqual(basis.given);
      }),
      20,
    );
  });
});
