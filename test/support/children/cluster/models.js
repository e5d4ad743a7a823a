// Models in a cluster: their weights lie on the machine once, whoever loads them, and as long as anybody has them.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { until } = require('../../waiting');
const { makeModel, writeModel, temporaryFolder } = require('../../text/models');
const { embed } = require('../../text/reference');

const kTexts = ['', 'the copy of a work', 'you may use and sell the software', 'a'];
const pooling = { pooling_mode_mean_tokens: true };
const spec = makeModel('bert');
const root = temporaryFolder();
const folder = path.join(root, 'encoder');

/** Where this process finds a model's weights: the same for all means that they lie there once. */
async function placeOf(manager, { digest, precision }) {
  const shared = await manager.lookup(`switchyard:text:${digest}:${precision}`);
  const { region, block, generation } = shared.handle;
  const { sealed } = shared;
  shared.release();
  return JSON.stringify({ region, block, generation, sealed });
}

async function isGone(manager, name) {
  try {
    (await manager.lookup(name)).release();
    return false;
  } catch (error) {
    assert.strictEqual(error.code, 'ERR_NOT_FOUND');
    return true;
  }
}

async function expectRows(model, { embeddings }) {
  const { ids, offsets } = await model.tokenize(kTexts);
  const rows = embed(
    spec,
    kTexts.map((_, i) => [...ids.subarray(offsets[i], offsets[i + 1])]),
    { normalize: true },
  );
  assert.deepStrictEqual(embeddings.shape, [kTexts.length, 32]);
  for (const [i, value] of embeddings.data.entries())
    assert.ok(Math.abs(value - rows[Math.floor(i / 32)][i % 32]) < 2e-5, `${i}: ${value}`);
}

/** In a worker: models by a key, as the primary has them loaded. */
const models = new Map();

module.exports = {
  options: { workers: 2, contextTypes: ['cpu'], contextsPerWorker: 1 },
  before: () => writeModel(folder, spec, { pooling, normalize: true }),
  after: () => fs.rmSync(root, { recursive: true }),
  inWorker: {
    async load({ manager }, key, from) {
      const model = await manager.loadModel(from, { precision: 'float32' });
      models.set(key, model);
      return { place: await placeOf(manager, model), memory: model.memory, digest: model.digest };
    },
    async embed(_, key) {
      const { embeddings } = await models.get(key).embed(kTexts);
      return [...embeddings.data];
    },
    async close(_, key) {
      await models.get(key).close();
    },
    stop() {
      process.exit(1);
    },
  },
  cases: {
    async 'all processes that load a folder at once share its weights'(trial) {
      const { manager } = trial;
      const [own, ...others] = await Promise.all([
        manager.loadModel(folder, { precision: 'float32' }),
        trial.call(0, 'load', 'a', folder),
        trial.call(1, 'load', 'a', folder),
      ]);
      const place = await placeOf(manager, own);
      assert.match(place, /"sealed":true/);
      for (const other of others) assert.strictEqual(other.place, place);
      await expectRows(own, await own.embed(kTexts, { priority: 1, contextType: 'cpu', timeout: 20_000 }));
      trial.own = own;
      trial.place = place;
    },

    async 'every process gets the same vectors'(trial) {
      const { embeddings } = await trial.own.embed(kTexts);
      for (const worker of [0, 1]) {
        const data = await trial.call(worker, 'embed', 'a');
        for (const [i, value] of embeddings.data.entries()) assert.ok(Math.abs(value - data[i]) < 1e-6);
      }
    },

    async 'who closes a model leaves the others theirs, and the name to those who come'(trial) {
      const name = `switchyard:text:${trial.own.digest}:float32`;
      await trial.call(0, 'close', 'a');
      await until(async () => !(await isGone(trial.manager, name)), 5000, 'the name');
      const { place } = await trial.call(0, 'load', 'b', folder);
      assert.strictEqual(place, trial.place);
      await expectRows(trial.own, await trial.own.embed(kTexts));
    },

    async 'a worker that dies takes nothing along'(trial) {
      const [dying] = trial.workers;
      trial.call(dying, 'stop').catch(() => {});
      await until(() => dying.isDead(), 5000, 'the end');
      await until(() => trial.workers.length === 2, 15_000, 'its successor');
      await expectRows(trial.own, await trial.own.embed(kTexts));
      const again = trial.workers.find((worker) => worker.id > dying.id);
      const { place } = await trial.call(again, 'load', 'c', folder);
      assert.strictEqual(place, trial.place);
      await trial.call(again, 'close', 'c');
    },

    async 'weights that only a process which died had are gone with it'(trial) {
      const other = path.join(root, 'other');
      const { digest } = await trial.call(
        trial.workers[0],
        'load',
        'e',
        writeModel(other, makeModel('bert', { seed: 9 })),
      );
      const name = `switchyard:text:${digest}:float32`;
      assert.strictEqual(await isGone(trial.manager, name), false);
      const [dying] = trial.workers;
      trial.call(dying, 'stop').catch(() => {});
      await until(() => isGone(trial.manager, name), 5000, 'the end of the name');
      await until(() => !trial.workers.includes(dying) && trial.workers.length === 2, 15_000, 'its successor');
      // What others have is there again.
      await until(async () => !(await isGone(trial.manager, `switchyard:text:${trial.own.digest}:float32`)), 5000);
    },

    async 'a damaged folder is refused in each process, and takes none down'(trial) {
      const damaged = path.join(root, 'damaged');
      writeModel(damaged, spec);
      fs.truncateSync(path.join(damaged, 'model.safetensors'), 5000);
      const loads = [trial.manager.loadModel(damaged, { precision: 'float32' }), trial.call(0, 'load', 'd', damaged)];
      for (const { status, reason } of await Promise.allSettled(loads))
        assert.deepStrictEqual([status, reason.code], ['rejected', 'ERR_INVALID_ARGUMENT']);
      assert.strictEqual(trial.workers.length, 2);
    },

    async 'the last one takes the weights along'(trial) {
      const name = `switchyard:text:${trial.own.digest}:float32`;
      await trial.own.close();
      await assert.rejects(trial.own.embed('a'), { code: 'ERR_CLOSED' });
      for (const worker of trial.workers) await trial.call(worker, 'close', 'a').catch(() => {});
      await until(() => isGone(trial.manager, name), 5000, 'the end of the name');
    },
  },
};
