// Models of a manager: in a cluster, and in a process that is alone.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const gpu = require('../../..');
const { suite } = require('../../support/run-cluster-suite');
const { makeModel, writeModel, temporaryFolder } = require('../../support/text/models');

jest.setTimeout(90_000);

suite('models');

describe('a manager that is alone', () => {
  let manager, root, folder;
  beforeAll(() => {
    root = temporaryFolder();
    folder = writeModel(path.join(root, 'encoder'), makeModel('bert'));
    manager = gpu.createGPUClusterManager({ logLevel: 'silent', contextTypes: ['cpu'] });
  });
  afterAll(async () => {
    await manager.close();
    fs.rmSync(root, { recursive: true });
  });

  it('gives what a context gives', async () => {
    const context = await gpu.createContext({ device: 'cpu' });
    const [model, own] = await Promise.all([
      manager.loadModel(folder, { precision: 'float32' }),
      context.loadModel(folder, { precision: 'float32' }),
    ]);
    expect(model.digest).toBe(own.digest);
    const texts = ['the copy', 'a', 'you may use and sell the work'];
    const [{ embeddings }, { embeddings: alone }] = await Promise.all([model.embed(texts), own.embed(texts)]);
    for (const [i, value] of embeddings.data.entries()) expect(value).toBeCloseTo(alone.data[i], 5);
    expect(model.memory.perContext).toBe(0);
    expect(model.memory.weights).toBeGreaterThan(own.memory.weights - 1);
    await Promise.all([model.close(), own.close()]);
    await context.close();
  });

  it('takes the options of jobs, and refuses those that are none', async () => {
    const model = await manager.loadModel(folder, { contextType: 'cpu', precision: 'float32' });
    const options = { priority: 2, retries: 1, affinity: 'one', cache: true, timeout: 20_000 };
    const [{ embeddings }, { embeddings: again }] = [
      await model.embed(['the copy'], options),
      await model.embed(['the copy'], options),
    ];
    expect(again.data).toEqual(embeddings.data);
    await expect(model.embed('a', { into: {} })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    await expect(model.embed('a', { priority: 1.5 })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    await expect(manager.loadModel(folder, { contextType: 'tpu' })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
    });
    await model.close();
  });

  it.each([{ contextType: null }, { retries: NaN }, { affinity: null }, { priority: Symbol('x') }])(
    'lets %p fail its own caller alone',
    async (options) => {
      const model = await manager.loadModel(folder, { precision: 'float32' });
      const [bad, good] = await Promise.allSettled([model.embed('a', options), model.embed('the copy')]);
      expect([bad.status, good.status]).toEqual(['rejected', 'fulfilled']);
      expect(bad.reason).toMatchObject({
        code: 'ERR_INVALID_ARGUMENT',
        argument: `options.${Object.keys(options)[0]}`,
      });
      await model.close();
    },
  );

  it('runs what loading takes on the kind of contexts that was asked for, too', async () => {
    const cache = process.env.SHADER_CACHE_DIR;
    process.env.SHADER_CACHE_DIR = path.join(root, 'cache');
    const runs = jest.spyOn(manager, 'executeWorkload');
    try {
      const model = await manager.loadModel(folder, { contextType: 'cpu' });
      const { precision, precisionReason } = model;
      expect(precisionReason).toMatch(/float32 .* ms/);
      expect(runs.mock.calls.length).toBeGreaterThan(20);
      expect(new Set(runs.mock.calls.map(([, options]) => options.contextType))).toEqual(new Set(['cpu']));
      // No text that is run is longer than the model's.
      const lengths = runs.mock.calls.flatMap(([{ type, inputs }]) =>
        type === 'graph' && inputs.offsets
          ? [...inputs.offsets].map((offset, i, all) => offset - (all[i - 1] ?? 0))
          : [],
      );
      expect(Math.max(...lengths)).toBe(24);
      // Measured once: the budget and the choice are kept.
      const kept = fs.readdirSync(path.join(root, 'cache', 'text')).filter((name) => name.endsWith('.budget.json'));
      expect(kept).toHaveLength(1);
      await model.embed('a', { contextType: 'cpu' });
      await model.close();
      runs.mockClear();
      const again = await manager.loadModel(folder, { contextType: 'cpu' });
      expect(again.precision).toBe(precision);
      expect(runs.mock.calls.length).toBeLessThan(3);
      await again.close();
      await expect(manager.loadModel(folder, { contextType: 'gpu' })).rejects.toMatchObject({
        argument: 'options.contextType',
      });
    } finally {
      runs.mockRestore();
      if (cache === undefined) delete process.env.SHADER_CACHE_DIR;
      else process.env.SHADER_CACHE_DIR = cache;
    }
  });

  it('is cut into jobs with `cache`, too, an equal call into the same', async () => {
    const model = await manager.loadModel(folder, { precision: 'float32' });
    const texts = Array.from({ length: 4000 }, (_, i) => `${'the '.repeat(i % 19)}copy`);
    const runs = jest.spyOn(manager, 'executeWorkload');
    const { embeddings, tokens } = await model.embed(texts, { cache: true, timeout: 80_000 });
    const idsOfJobs = () => runs.mock.calls.map(([{ inputs }]) => [...inputs.ids]);
    const jobs = idsOfJobs();
    expect(jobs.length).toBeGreaterThan(1);
    expect(jobs.flat()).toHaveLength(tokens.reduce((sum, count) => sum + count, 0));
    runs.mockClear();
    const { embeddings: again } = await model.embed(texts, { cache: true });
    expect(idsOfJobs()).toEqual(jobs);
    for (const [, options] of runs.mock.calls) expect(options.cache).toBe(true);
    expect(again.data).toEqual(embeddings.data);
    runs.mockRestore();
    const { embeddings: plain } = await model.embed(texts);
    expect(embeddings.shape).toEqual([4000, 32]);
    for (let i = 0; i < plain.data.length; i += 997) expect(embeddings.data[i]).toBeCloseTo(plain.data[i], 4);
    expect(tokens).toHaveLength(4000);
    await model.close();
  });

  it('has one listener for all its models', async () => {
    const before = manager.listenerCount('tensor-published');
    const folders = [1, 2].map((seed) => writeModel(path.join(root, `${seed}`), makeModel('bert', { seed })));
    const models = await Promise.all(folders.map((each) => manager.loadModel(each, { precision: 'float32' })));
    expect(manager.listenerCount('tensor-published')).toBe(before + 1);
    await Promise.all(models.map((model) => model.close()));
    expect(manager.listenerCount('tensor-published')).toBe(before);
  });

  it('keeps the names of weights from applications', async () => {
    const model = await manager.loadModel(folder, { precision: 'float32' });
    const name = `switchyard:text:${model.digest}:float32`;
    for (const call of [() => manager.publish(name, [1]), () => manager.unpublish(name)])
      await expect(call()).rejects.toMatchObject({
        code: 'ERR_INVALID_ARGUMENT',
        message: expect.stringMatching(/names that begin with 'switchyard:' are switchyard's own/),
      });
    (await manager.lookup(name)).release();
    await model.close();
  });

  it('takes its models along when it closes', async () => {
    const model = await manager.loadModel(folder, { precision: 'float32' });
    await manager.close();
    await expect(model.embed('a')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await expect(manager.loadModel(folder, { precision: 'float32' })).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await model.close();
  });
});
