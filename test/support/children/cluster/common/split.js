// Jobs that are split over devices: over two workers with the CPU each, or over two software drivers in a process that
// is alone.
'use strict';
const gpu = require('../../../../..');
const { random, matrix } = require('../../../random-data');
const { assert, failure, expectClose } = require('../../../assertions');
const { rounds } = require('../../../rounds');
const { until } = require('../../../waiting');
const oracle = require('../../../oracle');
const { refusals } = require('./split-refused');

/** What two software drivers, which take seconds for each, are given in the full list only. */
const kFullWithDrivers = [
  'rows of a layer, with and without what is optional',
  'rows of what is transformed, in halves',
  'queries, where they outweigh the base',
  'a shared tensor that is released at once',
  'its parts can be followed',
];

/** @param {boolean} isAlone */
function splitSuite(isAlone) {
  const clusterOptions = isAlone
    ? { contextTypes: ['vulkan'], contextsPerWorker: 2 }
    : { workers: 2, contextTypes: ['cpu'], contextsPerWorker: 1 };

  const kContexts = isAlone ? ['0-vulkan-0', '0-vulkan-1'] : ['1-cpu-0', '2-cpu-0'];

  /** The job as it is cut, and whole; `cut`: the input that must have been. */
  async function both(manager, given, cut, options) {
    // What several jobs use is shared: else each copies it.
    const tensors = Object.entries(given.inputs).map(([name, value]) => {
      const { data, shape, dtype } = gpu.tensor(value.data ?? value, value.shape, value.dtype);
      const shared = manager.sharedTensor(shape, dtype);
      shared.data.set(data);
      return [name, shared];
    });
    const job = { ...given, inputs: Object.fromEntries(tensors) };
    const split = await manager.executeWorkload({ ...job, split: true }, options);
    const { parts } = split;
    const said = JSON.stringify(parts);
    assert.deepEqual(parts.map(({ contextId }) => contextId).sort(), kContexts, said);
    let rows = 0;
    for (const part of parts) {
      const cuts = cut.split(',').filter((name) => job.inputs[name]);
      assert.deepEqual([part.cut.inputs, part.cut.first], [cuts, rows], said);
      rows += part.cut.rows;
    }
    assert.equal(rows, job.inputs[cut.split(',')[0]].shape[0]);
    const { outputs } = await manager.executeWorkload(job);
    for (const [, tensor] of tensors) tensor.release();
    return [split.outputs, outputs];
  }

  /** Rows of what came out, compared with double precision. */
  function expectRows(output, rows, expected, tolerance) {
    const width = output.shape.at(-1);
    for (const row of rows)
      expectClose(output.data.subarray(row * width, (row + 1) * width), expected(row), tolerance, `row ${row}`);
  }
  const rowOf = ({ data, shape }, row) => Array.from(data.slice(row * shape[1], (row + 1) * shape[1]));
  const someRows = (count) => [0, 1, count >> 2, (count >> 1) - 1, count >> 1, (count >> 1) + 1, count - 1];

  const product = (side = 480) => ({ type: 'matmul', inputs: { a: matrix(2 * side, side), b: matrix(side, side, 1) } });
  function expectProduct({ inputs: { a, b } }, output) {
    const right = oracle.rowsOf(b.data, b.shape[1]);
    expectRows(output, someRows(a.shape[0]), (row) => oracle.product([rowOf(a, row)], right)[0], 1e-4);
  }
  /** A product of which each part takes a while; a software driver takes half a second for the small one. */
  const slow = () =>
    isAlone ? product() : { type: 'matmul', inputs: { a: matrix(3072, 2048), b: matrix(2048, 2048, 1) } };
  const idsOf = ({ parts }) => parts.map(({ contextId }) => contextId).sort();

  const inWorker = {
    product: async ({ manager }) => {
      const job = product();
      const result = await manager.executeWorkload({ ...job, split: true, id: 'mine' });
      expectProduct(job, result.outputs.output);
      return { contexts: idsOf(result), id: result.workloadId, whys: await manager.why('mine') };
    },
  };

  let early;
  const begin = (trial) => {
    trial.manager = gpu.createGPUClusterManager({ exec: require.main.filename, logLevel: 'silent', ...clusterOptions });
    early = trial.manager.executeWorkload({ ...product(), split: true });
  };

  /** Software drivers take their time: what has nothing to do with devices is tried with workers alone. */
  const ofWorkers = {
    'what cannot be split, and what cannot go with it, is refused': ({ manager }) =>
      refusals(manager, product(4).inputs),

    'it counts as one job, and is one to those who listen': async ({ manager }) => {
      const counted = async () => {
        const [, all] = /requests_total\{outcome="completed"\} (\d+)/.exec(await manager.prometheus());
        const [, products] = /workload_jobs_total\{type="matmul"\} (\d+)/.exec(await manager.prometheus());
        return [Number(all), Number(products)];
      };
      const told = [];
      const listen = (event) => told.push(event.workloadId);
      manager.on('workload-completed', listen);
      const before = await counted();
      const { parts, workloadId, timings } = await manager.executeWorkload({ ...product(), id: 'once', split: true });
      assert.deepEqual([parts.length, workloadId], [2, 'once']);
      assert.deepEqual(
        await counted(),
        before.map((count) => count + 1),
      );
      assert.deepEqual(told, ['once']);
      assert.ok(parts.every((part) => part.timings.total <= timings.total));
      manager.off('workload-completed', listen);
    },

    'what its caller changes after the call is not read again': async ({ manager }) => {
      const base = manager.sharedTensor([40_000, 256]);
      base.data.set(random(40_000 * 256));
      const given = () => ({
        type: 'similarity-search',
        inputs: { queries: gpu.tensor(base.data.slice(0, 16 * 256), [16, 256]), base },
        params: { k: 40, metric: 'l2' },
      });
      const job = { ...given(), split: true };
      const options = { priority: 1 };
      const asked = manager.executeWorkload(job, options);
      Object.assign(job.params, { k: 3, metric: 'cosine' });
      Object.assign(job.inputs, { base: undefined, queries: undefined });
      options.timeout = 'none';
      const { outputs, parts } = await asked;
      assert.equal(parts.length, 2);
      assert.deepEqual(outputs.scores.shape, [16, 40]);
      const whole = await manager.executeWorkload(given());
      expectClose(outputs.scores.data, whole.outputs.scores.data, 1e-5);
      base.release();
    },

    'memory that is gone when it is needed is refused by name': async ({ manager }) => {
      const refused = async (asked, argument, text) => {
        const error = await failure(asked, 'ERR_INVALID_ARGUMENT');
        assert.equal(error.argument, argument);
        assert.match(error.message, text);
      };
      const shared = manager.sharedTensor([42_000, 256]);
      const view = { data: shared.data, shape: shared.shape.slice() };
      const released = manager.executeWorkload({ type: 'normalize', inputs: { input: view }, split: true });
      shared.release();
      await refused(released, 'inputs.input', /^normalize: input 'input' was released, transferred or detached/);

      const search = () => ({
        type: 'similarity-search',
        inputs: { queries: matrix(512, 256), base: matrix(40_000, 256) },
        params: { k: 10 },
        split: true,
      });
      for (const jobs of [0, 3]) {
        const into = { scores: new Float32Array(5120), indices: new Int32Array(5120) };
        const asked = manager.executeWorkload(search(), { into });
        const gone = refused(asked, 'into.scores', /^into 'scores' was transferred or detached while the job used it/);
        await until(async () => (await manager.jobs()).length >= jobs, 5000, 'its parts are under way');
        structuredClone(into.scores.buffer, { transfer: [into.scores.buffer] });
        await gone;
      }
    },

    'outputs of half precision': async ({ manager }) => {
      for (const [dtype, first, span] of [
        ['float16', 0x3000, 0x800],
        ['bfloat16', 0x3e00, 0x100],
      ]) {
        const halves = (n, d) =>
          gpu.tensor(
            Uint16Array.from({ length: n * d }, (_, i) => first + ((i * 37) % span)),
            [n, d],
            dtype,
          );
        const input = halves(84_000, 256);
        const into = { data: new Uint16Array(84_000 * 256), shape: [84_000, 256], dtype };
        const rows = await both(manager, { type: 'normalize', inputs: { input }, params: { dtype } }, 'input', {
          into: { output: into },
        });
        assert.equal(rows[0].output.data, into.data);
        const products = await both(
          manager,
          { type: 'matmul', inputs: { a: halves(960, 480), b: halves(480, 480) }, params: { dtype: 'same' } },
          'a',
        );
        for (const [split, whole] of [rows, products]) {
          assert.deepEqual([split.output.dtype, whole.output.dtype], [dtype, dtype]);
          expectClose(split.output.data, whole.output.data, 1e-4); // bits: the last one may differ
        }
      }
    },

    'so does its deadline, which says where they were': async ({ manager }) => {
      const job = { ...slow(), id: 'late', split: true };
      const error = await failure(manager.executeWorkload(job, { timeout: 60 }), 'ERR_TIMEOUT');
      assert.match(error.message, /^the job 'late' \(matmul\) did not finish within 60 ms: /);
      await error.released;
      assert.deepEqual(await manager.jobs(), []);
    },

    'equal ones share their parts': async ({ manager }) => {
      const job = { ...slow(), split: true };
      const counted = async () => {
        const text = await manager.prometheus();
        return ['hits', 'misses'].map((which) => Number(new RegExp(`cache_${which}_total (\\d+)`).exec(text)[1]));
      };
      const before = await counted();
      const results = await Promise.all([0, 1].map(() => manager.executeWorkload(job, { cache: true })));
      // Which of the two makes a part, and which gets it, is settled for each.
      const shared = results.flatMap(({ parts }) => parts).filter(({ cached }) => cached);
      assert.equal(shared.length, 2);
      const [hits, misses] = (await counted()).map((count, i) => count - before[i]);
      assert.deepEqual([hits + misses, hits], [2, results.filter(({ cached }) => cached).length]);
      for (const { cached, parts } of results)
        assert.equal(
          cached,
          parts.some((part) => part.cached),
        );
      for (const { outputs } of results) expectProduct(job, outputs.output);
      assert.notEqual(results[0].outputs.output.data.buffer, results[1].outputs.output.data.buffer);
    },

    'a worker asks for one': async (trial) => {
      const { contexts, id, whys } = await trial.call(0, 'product');
      assert.deepEqual([contexts, id], [kContexts, 'mine']);
      assert.match(whys.join('\n'), /part 2 of 2, 'mine\/2'/);
    },
  };

  const cases = {
    'one that is asked for before there are contexts waits for them, and is split': async () =>
      assert.deepEqual(idsOf(await early), kContexts),

    'rows of a product': async ({ manager }) => {
      const job = product();
      const [split, whole] = await both(manager, job, 'a');
      expectClose(split.output.data, whole.output.data, 1e-5);
      assert.deepEqual(split.output.shape, [960, 480]);
      expectProduct(job, split.output);
    },

    'rows of a layer, with and without what is optional': async ({ manager }) => {
      const [input, weight] = [matrix(4096, 256), matrix(512, 256, 1)];
      const codes = gpu.tensor(
        Int8Array.from(weight.data, (value) => Math.round(value * 100)),
        [512, 256],
      );
      const more = { bias: random(512), residual: matrix(4096, 512) };
      for (const some of [{ weight }, { weight, ...more }, { weight: codes, scales: random(512) }]) {
        const [split, whole] = await both(manager, { type: 'linear', inputs: { input, ...some } }, 'input,residual');
        assert.deepEqual(split.output.shape, [4096, 512]);
        expectClose(split.output.data, whole.output.data, 1e-3);
      }
    },

    'rows of what is normalized, into memory of the caller': async ({ manager }) => {
      const input = matrix(42_000, 256);
      const into = new Float32Array(input.data.length + 8).fill(7);
      const output = into.subarray(4, -4);
      const [split, whole] = await both(manager, { type: 'normalize', inputs: { input } }, 'input', {
        into: { output },
      });
      assert.equal(split.output.data, output);
      assert.deepEqual([...into.subarray(0, 4), ...into.subarray(-4)], Array(8).fill(7));
      expectClose(output, whole.output.data, 1e-6);
      const unit = (row) => {
        const values = rowOf(input, row);
        return values.map((value) => value / oracle.norm(values));
      };
      expectRows(split.output, someRows(42_000), unit, 1e-5);
    },

    'rows of what is transformed, in halves': async ({ manager }) => {
      const halves = Uint16Array.from({ length: 24_000 * 128 }, (_, i) => 0x3000 + ((i * 37) % 0x800));
      const input = gpu.tensor(halves, [24_000, 128], 'float16');
      const [split, whole] = await both(
        manager,
        { type: 'pca-transform', inputs: { input, mean: random(128), components: matrix(128, 128) } },
        'input',
      );
      assert.equal(split.output.dtype, whole.output.dtype);
      expectClose(split.output.data, whole.output.data, 1e-4);
    },

    'a base that is searched: equal scores, NaN and indices as of one search': async ({ manager }) => {
      const n = 40_000,
        d = 256;
      const base = matrix(n, d);
      const queries = gpu.tensor(base.data.slice(100 * d, 116 * d), [16, d]);
      // The same rows in both parts, and rows without a score.
      for (const row of [3, 20_000, 20_500, 39_999]) base.data.copyWithin(row * d, 100 * d, 101 * d);
      for (let row = 0; row < n; row += 7) base.data[row * d] = NaN;
      for (const metric of isAlone ? ['l2'] : ['cosine', 'l2']) {
        const job = { type: 'similarity-search', inputs: { queries, base }, params: { k: 40, metric } };
        const [split, whole] = await both(manager, job, 'base');
        assert.deepEqual([split.scores.shape, split.indices.dtype], [[16, 40], 'int32']);
        assert.deepEqual([...split.indices.data.subarray(0, 5)], [3, 100, 20_000, 20_500, 39_999], metric);
        expectClose(split.scores.data, whole.scores.data, 1e-5);
        const differ = split.indices.data.filter((index, i) => index !== whole.indices.data[i]).length;
        assert.ok(differ <= 2, `${differ} indices differ`); // of scores that are all but equal
        assert.ok(split.indices.data.every((index) => index % 7));
      }
    },

    'queries, where they outweigh the base': async ({ manager }) => {
      const job = {
        type: 'similarity-search',
        inputs: { queries: matrix(14_000, 128), base: matrix(128, 128) },
        params: { k: 10 },
      };
      const [split, whole] = await both(manager, job, 'queries');
      expectClose(split.scores.data, whole.scores.data, 1e-5);
    },

    'a shared tensor that is released at once': async ({ manager }) => {
      const input = manager.sharedTensor([42_000, 256]);
      input.data.fill(2);
      input.seal();
      const asked = manager.executeWorkload({ type: 'normalize', inputs: { input }, split: true }, { cache: true });
      input.release();
      const result = await asked;
      assert.deepEqual(idsOf(result), kContexts);
      assert.ok(result.outputs.output.data.every((value) => Math.abs(value - 1 / 16) < 1e-6));
    },

    'one that is too small runs in one piece, and says so': async ({ manager }) => {
      const told = [];
      const listen = ({ duration }) => told.push(duration);
      manager.on('workload-completed', listen);
      const result = await manager.executeWorkload({
        type: 'normalize',
        inputs: {
          input: gpu.tensor([
            [3, 4],
            [0, 2],
          ]),
        },
        split: true,
      });
      manager.off('workload-completed', listen);
      assert.deepEqual(told, [result.timings.total]);
      assert.deepEqual(result.parts, [
        {
          contextId: result.contextId,
          workerId: result.workerId,
          contextType: result.contextType,
          deviceName: result.deviceName,
          cached: false,
          attempts: 1,
          timings: result.timings,
        },
      ]);
      const { parts } = await manager.executeWorkload({ ...product(), split: false });
      assert.equal(parts, undefined);
    },

    'its parts can be followed': async ({ manager }) => {
      const asked = manager.executeWorkload({ ...slow(), id: 'long', split: true }, { priority: 3 });
      await until(async () => (await manager.jobs()).length === 3, 5000, 'its parts are under way');
      const jobs = await manager.jobs();
      assert.deepEqual(jobs.map(({ id, type, priority }) => [id, type, priority]).sort(), [
        ['long', 'matmul', 3],
        ['long/1', 'matmul', 3],
        ['long/2', 'matmul', 3],
      ]);
      const all = jobs.find(({ id }) => id === 'long');
      assert.deepEqual([all.state, all.reason], ['running', "runs in 2 parts: 'long/1', 'long/2'"]);
      assert.match((await manager.why('long')).at(-1), /^now: runs in 2 parts/);
      await asked;
      const steps = await manager.why('long');
      assert.match(steps[1], /^part 1 of 2, 'long\/1' \(rows 0 to \d+ of 'a'\): \d-\w+-\d, .* of computing$/);
      assert.match(steps[2], /^part 2 of 2, 'long\/2' \(rows \d+ to \d+ of 'a'\): /);
      assert.match(steps.at(-1), /^done after/);
      assert.match((await manager.why('long/2')).join('\n'), /given to \d-\w+-\d/);
    },

    'a signal ends all of its parts': async ({ manager }) => {
      const abort = new AbortController();
      const options = { signal: abort.signal };
      const asked = failure(manager.executeWorkload({ ...slow(), id: 'gone', split: true }, options), 'ERR_CANCELED');
      await until(async () => (await manager.jobs()).length === 3, 5000, 'its parts are under way');
      abort.abort();
      const error = await asked;
      assert.equal(error.workloadId, 'gone');
      await error.released;
      assert.deepEqual(await manager.jobs(), []);
      assert.match((await manager.why('gone')).at(-1), /^ended with ERR_CANCELED/);
    },

    ...(isAlone ? {} : ofWorkers),
  };
  for (const title of isAlone ? rounds(kFullWithDrivers, []) : []) delete cases[title];

  return { options: clusterOptions, inWorker, before: begin, cases };
}

module.exports = { splitSuite };
