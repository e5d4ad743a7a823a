// What a job with `cache: true` is answered with, in one process.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { normalize, normalized, useManagers } = require('../../support/operation-jobs');

const { managerOf, folderOf, undo } = useManagers();

describe('kept results', () => {
  test('answer equal jobs, each caller with its own copy', async () => {
    const manager = await managerOf();
    const job = normalize(1);
    const first = await manager.executeWorkload(job, { cache: true });
    const kept = first.outputs.output.data.slice();
    first.outputs.output.data.fill(7);
    const second = await manager.executeWorkload({ ...job, id: 'mine' }, { cache: true });
    second.outputs.output.data.fill(8);
    const third = await manager.executeWorkload(job, { cache: true });
    expect([first, second, third].map(({ cached }) => cached)).toEqual([false, true, true]);
    expect(third.outputs.output.data).toEqual(kept);
    expect(third.outputs.output.shape).toEqual([4, 64]);
    normalized(job).forEach((value, i) => expect(kept[i]).toBeCloseTo(value, 5));
    expect(second).toMatchObject({ workloadId: 'mine', contextType: 'cpu', contextId: first.contextId, cost: 0 });
    expect((await manager.why('mine')).join('\n')).toMatch(/its result was kept/);
    const [memory] = (await manager.getMetrics()).resultCache.tiers;
    expect(memory).toMatchObject({ name: 'memory', state: 'ok' });
    expect(await manager.prometheus()).toMatch(/switchyard_cache_hits_total 2/);
  });

  test('are of the same inputs, parameters, types and shapes alone', async () => {
    const manager = await managerOf();
    const { data } = normalize(1).inputs.input;
    const ask = async (job, options = {}) => (await manager.executeWorkload(job, { cache: true, ...options })).cached;
    const scale = (factor, more = {}) => ({
      type: 'scale',
      inputs: { input: { data, shape: [256], ...more } },
      params: { factor },
    });
    expect(await ask(scale(2))).toBe(false);
    expect(await ask(scale(2))).toBe(true);
    expect(await ask(scale(3))).toBe(false);
    expect(await ask(scale(2, { shape: [16, 16] }))).toBe(false);
    expect(await ask(scale(2), { contextType: 'cpu' })).toBe(false); // whoever asks for a kind gets its own answer
    expect(await ask({ ...scale(2), type: 'activation', params: { kind: 'relu' } })).toBe(false);
    data[255] += 1;
    expect(await ask(scale(2))).toBe(false);
    expect(await ask(scale(2))).toBe(true);
  });

  test('are written into memory that the caller has, and refused like others where that does not fit', async () => {
    const manager = await managerOf();
    const job = normalize(2);
    await manager.executeWorkload(job, { cache: true });
    const output = new Float32Array(256);
    const into = { output: { data: output, shape: [4, 64], dtype: 'float32' } };
    const result = await manager.executeWorkload(job, { cache: true, into });
    expect(result.cached).toBe(true);
    expect(result.outputs.output.data).toBe(output);
    expect(output[0]).not.toBe(0);
    const short = { output: new Float32Array(255) };
    const refused = manager.executeWorkload(job, { cache: true, into: short });
    await expect(refused).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  });

  test('of equal jobs that are under way together are one run', async () => {
    const manager = await managerOf();
    const job = normalize(3, [512, 512]);
    const results = await Promise.all(Array.from({ length: 8 }, () => manager.executeWorkload(job, { cache: true })));
    expect(results.filter(({ cached }) => !cached)).toHaveLength(1);
    for (const { outputs } of results) expect(outputs.output.data).toEqual(results[0].outputs.output.data);
  });

  test('are there in the next run where there is a folder, of sealed memory, too', async () => {
    const cacheDir = folderOf();
    const job = normalize(4);
    const options = { cacheDir, resultMemoryTime: 1000 };
    const run = async (what) => {
      const manager = await managerOf(options);
      const base = manager.sharedTensor([256]);
      base.data.set(normalize(5).inputs.input.data);
      base.seal();
      const sealed = { type: 'scale', inputs: { input: base }, params: { factor: 2 } };
      const results = [
        await manager.executeWorkload(job, { cache: true }),
        await manager.executeWorkload(sealed, { cache: true }),
      ];
      base.release();
      const { tiers } = (await manager.getMetrics()).resultCache;
      await manager.close();
      expect(results.map(({ cached }) => cached)).toEqual(what);
      return { results, tiers };
    };
    const first = await run([false, false]);
    const second = await run([true, true]);
    expect(second.results.map(({ outputs }) => outputs.output.data)).toEqual(
      first.results.map(({ outputs }) => outputs.output.data),
    );
  });

  test('go when the folder is damaged, and nothing fails', async () => {
    const cacheDir = path.join(folderOf(), 'file');
    fs.writeFileSync(cacheDir, 'no folder');
    const manager = await managerOf({ cacheDir });
    const job = normalize(6);
    const cached = [];
    for (let i = 0; i < 3; ++i) cached.push((await manager.executeWorkload(job, { cache: true })).cached);
    expect(cached).toEqual([false, true, true]);
  });

  test('of a search are given until its index changes', async () => {
    const manager = await managerOf();
    const index = await manager.createIndex({ dimensions: 2 });
    undo.push(() => index.close());
    await index.add(
      ['a', 'b'],
      [
        [1, 0],
        [0, 1],
      ],
      { metadata: [{ year: 1 }, { year: 2 }] },
    );
    const hits = async () => Number(/switchyard_cache_hits_total (\d+)/.exec(await manager.prometheus())[1]);
    const ask = () => index.search([1, 0.5], { k: 1, cache: true, includeMetadata: true });
    const first = await ask();
    const again = await ask();
    expect(again).toEqual(first);
    expect(again.ids).toEqual(['a']);
    expect(await hits()).toBe(1);
    again.ids[0] = 'mine';
    await index.upsert(['c'], [[1, 0.5]], { metadata: [{ year: 3 }] });
    expect(await ask()).toMatchObject({ ids: ['c'], metadata: [{ year: 3 }] });
    await index.remove(['c']);
    expect((await ask()).ids).toEqual(['a']);
    expect(await hits()).toBe(1);
    expect((await ask()).ids).toEqual(['a']);
    expect(await hits()).toBe(2);
    expect((await index.search([1, 0.5], { k: 2, cache: true })).ids).toEqual(['a', 'b']);
  });

  test('go with cleanup()', async () => {
    const manager = await managerOf();
    const job = normalize(7);
    await manager.executeWorkload(job, { cache: true });
    manager.cleanup();
    expect((await manager.executeWorkload(job, { cache: true })).cached).toBe(false);
  });
});
