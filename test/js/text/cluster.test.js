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

  it('takes its models along when it closes', async () => {
    const model = await manager.loadModel(folder, { precision: 'float32' });
    await manager.close();
    await expect(model.embed('a')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await expect(manager.loadModel(folder, { precision: 'float32' })).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await model.close();
  });
});
