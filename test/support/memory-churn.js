// Writes and searches of an index that a cluster shares, for tests that kill its owners meanwhile: functions for the
// processes of a MemoryCluster, which notice what was lost and what was done twice.
'use strict';

/**
 * Adds, upserts and removes of ids of its own, some at once: an add that was done twice would find its id there, a
 * removal that was done twice would count less.
 */
const churn = async ({ kept }, own, atOnce) => {
  kept.isEnding = false;
  const { index } = kept;
  const there = new Map();
  const one = async (lane) => {
    for (let i = 0; !kept.isEnding; ++i) {
      const id = `${own}-${lane}-${i}`;
      await index.add([id], [[i, 1, 0, 0]]);
      there.set(id, i);
      if (i % 4 === 1) {
        await index.upsert([id], [[i + 0.5, 1, 0, 0]]);
        there.set(id, i + 0.5);
      } else if (i % 4 === 3) {
        const before = `${own}-${lane}-${i - 1}`;
        const count = await index.remove([id, before, 'nobody']);
        if (count !== 2) throw new Error(`the removal of ${id} and ${before} counted ${count}`);
        there.delete(id);
        there.delete(before);
      }
      if (i % 5 === 0 && (await index.has(id)) !== there.has(id))
        throw new Error(`${id}: ${there.has(id)} was acknowledged`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, (_, lane) => one(lane)));
  return [...there];
};

const searches = async ({ kept }) => {
  let count = 0;
  for (; !kept.isEnding; ++count) {
    const { ids } = await kept.index.search([1, 0, 0, 0], { k: 5 });
    if (ids.length > 5 || new Set(ids).size !== ids.length) throw new Error(`found ${ids}`);
    if (kept.index.stats().size !== kept.index.size) throw new Error('two sizes');
    await new Promise(setImmediate); // its owner answers at once, which may be this process
  }
  return count;
};

const stop = ({ kept }) => {
  kept.isEnding = true;
};

/** Of an index with that many of 4 dimensions, what `churn` has acknowledged; throws where it is not that. */
const compare = async ({ kept }, expected) => {
  const there = new Map(expected);
  const { ids, vectors } = await kept.index.search([0, 0, 0, 0], { k: 100_000, includeVectors: true });
  const found = new Map(ids.map((id, i) => [id, vectors.data[4 * i]]));
  for (const [id, value] of there)
    if (found.get(id) !== value) throw new Error(`${id}: ${found.get(id)}, not ${value}`);
  for (const id of found.keys()) if (!there.has(id)) throw new Error(`${id} is there, and should not be`);
  return found.size;
};

module.exports = { churn, compare, searches, stop };
