// Two workers and the primary, each of which runs out of descriptors: what needs one fails, and goes well again as soon
// as there is one. Run where few are allowed.
'use strict';
const { assert, failure } = require('../../assertions');
const { until } = require('../../waiting');
const { scale } = require('../../jobs');
const { takeDescriptors, giveDescriptorsBack } = require('../../descriptors');

exports.options = { workers: 2, contextTypes: ['cpu'], contextsPerWorker: 1 };

// Larger than what regions have left, and than those that were let go of and may be kept.
const kOwnRegion = [20e6],
  kOther = [30e6],
  kThird = [40e6];
let held;
exports.inWorker = {
  take: () => takeDescriptors(),
  giveBack: () => giveDescriptorsBack(),
  make: ({ manager }, shape, value) => {
    held = manager.sharedTensor(shape);
    held.data.fill(value);
    return held.handle;
  },
  release: () => held.release(),
  first: ({ manager }, handle) => {
    const tensor = manager.openTensor(handle);
    const [value] = tensor.data;
    tensor.release();
    return value;
  },
  pid: () => process.pid,
};

const sum = (a) => ({ type: 'reduce', inputs: { input: a }, params: { kind: 'sum' } });
const pidsOf = (trial) => Promise.all([0, 1].map((i) => trial.call(i, 'pid')));
/** A few small jobs on every context. */
const work = ({ manager }) =>
  Promise.all(
    Array.from({ length: 8 }, async (_, i) => {
      const { outputs } = await manager.executeWorkload(scale(new Float32Array(5).fill(i), 2));
      assert.deepEqual([...outputs.output.data], new Array(5).fill(2 * i));
    }),
  );
const inWorkers = (trial, name) => Promise.all([0, 1].map((i) => trial.call(i, name)));

exports.cases = {
  'workers that have none left': async (trial) => {
    const pids = await pidsOf(trial);
    await work(trial);
    await inWorkers(trial, 'take');
    const tensor = trial.manager.sharedTensor(kOwnRegion);
    tensor.data[7] = 42;
    for (let i = 0; i < 3; ++i) {
      const error = await failure(trial.manager.executeWorkload(sum(tensor)));
      assert.equal(error.code, 'ERR_OUT_OF_MEMORY', error.message);
      assert.match(error.message, /descriptor/);
      await work(trial);
    }
    await inWorkers(trial, 'giveBack');
    const again = async () => {
      try {
        return (await trial.manager.executeWorkload(sum(tensor))).outputs.output.data[0] === 42;
      } catch (error) {
        assert.equal(error.code, 'ERR_OUT_OF_MEMORY', error.message);
        return false;
      }
    };
    await until(async () => (await again()) && (await again()) && again(), 5000);
    tensor.release();
    assert.deepEqual(await pidsOf(trial), pids);
    assert.equal((await trial.manager.health()).status, 'ok');
  },

  'a worker that has none left for memory of its own': async (trial) => {
    await trial.call(0, 'take');
    const error = await failure(trial.call(0, 'make', kOwnRegion, 1));
    assert.equal(error.code, 'ERR_OUT_OF_MEMORY', error.message);
    await work(trial);
    await trial.call(0, 'giveBack');
    await trial.call(0, 'make', kOwnRegion, 1);
    await trial.call(0, 'release');
  },

  'a primary that has none left': async (trial) => {
    const pids = await pidsOf(trial);
    takeDescriptors();
    const refused = await failure(Promise.resolve().then(() => trial.manager.sharedTensor(kThird)));
    assert.equal(refused.code, 'ERR_OUT_OF_MEMORY', refused.message);
    const handle = await trial.call(0, 'make', kOther, 5);
    const error = await failure(trial.call(1, 'first', handle));
    assert.equal(error.code, 'ERR_OUT_OF_MEMORY', error.message);
    await work(trial);
    giveDescriptorsBack();
    await until(
      () =>
        trial.call(1, 'first', handle).then(
          (value) => value === 5,
          () => false,
        ),
      5000,
    );
    await trial.call(0, 'release');
    assert.deepEqual(await pidsOf(trial), pids);
    await work(trial);
  },
};
