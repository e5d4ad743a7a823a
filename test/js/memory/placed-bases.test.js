// Bases where jobs read them, with memory of the test's own.
'use strict';
const { PlacedBases } = require('../../../lib/memory/embeddings/placed-bases');
const { fakeTiers } = require('../../support/fake-tiers');

const basisOf = (version) => ({
  version,
  bytes: 8,
  mean: new Float32Array(1),
  components: new Float32Array(1),
  width: 1,
  dimensions: 1,
});

function placedBases() {
  const { tiers, set } = fakeTiers();
  const [placed, there] = [[], new Set()];
  const owner = {
    async place(name) {
      placed.push(name.at(-1));
      there.add(name.at(-1));
      return { inputs: {}, release: async () => there.delete(name.at(-1)) };
    },
  };
  const bases = new PlacedBases(owner, tiers);
  const use = async (versions) => {
    placed.length = 0;
    for (const version of versions) await bases.use(basisOf(version), async () => {});
    await new Promise(setImmediate);
    return [placed.join(''), [...there].sort().join('')];
  };
  return { use, set, bases, there };
}

test('eight stay, the last used ones', async () => {
  const { use, bases, there } = placedBases();
  expect(await use('abcdefgh')).toEqual(['abcdefgh', 'abcdefgh']);
  expect(await use('abc')).toEqual(['', 'abcdefgh']);
  expect(await use('ij')).toEqual(['ij', 'abcfghij']);
  await bases.clear();
  expect(there.size).toBe(0);
});

test('as memory fills up there are no more than before, and those that are used stay', async () => {
  const { use, set } = placedBases();
  await use('ab');
  set({ device: 0.65 });
  expect(await use('ababab')).toEqual(['', 'ab']);
  expect(await use('c')).toEqual(['c', 'bc']);
  expect(await use('cbcb')).toEqual(['', 'bc']);
  set({ device: 0.85 });
  expect(await use('bcb')).toEqual(['bcb', '']);
  set({ device: 0.65 });
  expect(await use('bbb')).toEqual(['b', 'b']); // one at least, or each job would copy it anew
  set({ device: 0.1 });
  expect(await use('bcb')).toEqual(['c', 'bc']);
});
