// Calls of many callers on a small encoder, on a context and through a manager: each gets what it gets alone.
'use strict';
const { gpu } = require('../../support/random-data');
const { devices } = require('../../support/devices');
const { expectClose, failure } = require('../../support/assertions');
const { TextBatches } = require('../../../lib/text/batches');
const { makeNodes, makeTexts, makeWeights } = require('../../../bench/text/encoder');

const kSizes = { layers: 2, width: 24, heads: 3, hidden: 40, vocabulary: 60, positions: 40 };
const { nodes, outputs } = makeNodes(kSizes);
const packed = { rows: ['ids', 'typeIds', 'positions'], offsets: 'offsets', most: 200 };

function graphOf(weights, { ids, typeIds, offsets }) {
  const positions = new Int32Array(ids.length);
  for (let i = 1; i < offsets.length; ++i)
    for (let at = offsets[i - 1]; at < offsets[i]; ++at) positions[at] = at - offsets[i - 1];
  return { type: 'graph', inputs: { ...weights, ids, typeIds, offsets, positions }, nodes, outputs, packed };
}

const lengthsOf = (count, seed) => Array.from({ length: count }, (_, i) => 1 + ((i * 11 + seed * 5) % 30));
const textsOf = (count, seed) => makeTexts(lengthsOf(count, seed), kSizes, seed);

describe.each([...devices, 'a manager'])('on %s', (where) => {
  let owner, weights, run;
  const jobs = [];
  beforeAll(async () => {
    if (where === 'a manager') {
      owner = gpu.createGPUClusterManager({ logLevel: 'silent', contextTypes: ['cpu'] });
      await owner.ready;
      weights = makeWeights(kSizes, (shape) => owner.sharedTensor(shape));
      for (const tensor of Object.values(weights)) tensor.seal();
    } else {
      owner = await gpu.createContext({ device: where });
      weights = makeWeights(kSizes);
    }
    run = async (texts, { signal, timeout, priority }) => {
      jobs.push(texts);
      const graph = graphOf(weights, texts);
      const result = await (where === 'a manager'
        ? owner.executeWorkload(graph, { signal, timeout, priority })
        : owner.run(graph, { signal, timeout }));
      return { rows: result.outputs.embeddings, timings: result.timings };
    };
  });
  afterAll(() => owner.close());

  test('large calls, small ones and equal texts', async () => {
    const batches = new TextBatches({ run, budget: 200, width: () => 2 });
    const calls = Array.from({ length: 12 }, (_, i) => textsOf(i % 4 === 0 ? 40 + i : i % 4, 1 + (i % 5)));
    jobs.length = 0;
    const results = await Promise.all(calls.map((texts) => batches.add(texts)));
    expect(jobs.every(({ ids, offsets }) => ids.length <= 200 || offsets.length === 2)).toBe(true);
    expect(jobs.length).toBeGreaterThan(3);
    for (const [i, { rows, timings }] of results.entries()) {
      const alone = await run(calls[i], {});
      expect(rows.shape).toEqual(alone.rows.shape);
      expectClose(rows.data, alone.rows.data, 1e-4, `call ${i}`);
      expect(timings.total).toBeGreaterThan(0);
    }
  });

  test('a text that is wrong fails its own caller; one that is canceled nobody else', async () => {
    const batches = new TextBatches({ run, budget: 1000 });
    const wrong = textsOf(3, 9);
    wrong.ids[1] = kSizes.vocabulary;
    const abort = new AbortController();
    const good = batches.add(textsOf(2, 1));
    const bad = failure(batches.add(wrong), 'ERR_INVALID_ARGUMENT');
    const gone = failure(batches.add(textsOf(4, 3), { signal: abort.signal }), 'ERR_CANCELED');
    abort.abort();
    expect((await bad).message).toMatch(/'indices' holds 60/);
    expectClose((await good).rows.data, (await run(textsOf(2, 1), {})).rows.data, 1e-4);
    await (
      await gone
    ).released;
  });
});
