// Searches of several callers are one job, whose cost each has its share of.
'use strict';
const { Searches } = require('../../../lib/memory/vectors/searches');

const kAsked = { k: 1, isRange: false, includeVectors: false, includeMetadata: false, explain: false };
const asked = (account) => ({ ...kAsked, job: { priority: 0, retries: 1, ...(account && { account }) } });

/** What runs, with as many rows of results as there are queries. */
function makeSearches() {
  const runs = [];
  const run = async (data, count, { job }) => {
    runs.push({ count, account: job.account });
    return { ids: Array.from({ length: count }, (_, i) => [i]), scores: Array.from({ length: count }, () => [1]) };
  };
  return { runs, searches: new Searches(run, () => 1) };
}

test('callers who differ share a job, by their queries', async () => {
  const { runs, searches } = makeSearches();
  const add = (count, account) => searches.add({ data: new Float32Array(count), count, asked: asked(account) });
  const found = await Promise.all([add(1, { caller: 'a' }), add(2, { caller: 'b' }), add(1, { caller: 'a' })]);
  expect(found.map(({ ids }) => ids)).toEqual([[[0]], [[1], [2]], [[3]]]);
  expect(runs).toHaveLength(1);
  expect(runs[0].account.parts).toEqual([
    { caller: 'a', share: 0.5 },
    { caller: 'b', share: 0.5 },
  ]);
});

test('one caller, in how many objects so ever, has all of it', async () => {
  const { runs, searches } = makeSearches();
  const add = () => searches.add({ data: new Float32Array(1), count: 1, asked: asked({ caller: 'a', token: 't' }) });
  await Promise.all([add(), add(), add()]);
  expect(runs).toEqual([{ count: 3, account: { caller: 'a', token: 't' } }]);
});

test('without accounts none is made up', async () => {
  const { runs, searches } = makeSearches();
  await Promise.all([1, 2].map(() => searches.add({ data: new Float32Array(1), count: 1, asked: asked() })));
  expect(runs).toEqual([{ count: 2, account: undefined }]);
});

test('an account that is none goes alone, for the job to refuse', async () => {
  const { runs, searches } = makeSearches();
  const add = (account) => searches.add({ data: new Float32Array(1), count: 1, asked: asked(account) });
  await Promise.all([add({ caller: 'a' }), add({ caller: 7 }), add({ caller: 'a' })]);
  expect(runs.map(({ count }) => count).sort()).toEqual([1, 2]);
});
