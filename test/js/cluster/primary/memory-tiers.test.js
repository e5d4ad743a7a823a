// The tiers of memory as the primary process sees them.
'use strict';
const { MemoryTiers } = require('../../../../lib/cluster/primary/memory-tiers');
const { watchStore } = require('../../../../lib/pressure');
const { statusPage } = require('../../../../lib/metrics');

const { inPage } = statusPage;

function tiersOf() {
  const contexts = [
    { id: '1-cuda-0', workerId: 1, usedBytes: 0, memoryLimit: 1000 },
    { id: '2-cpu-0', workerId: 2, usedBytes: 0, memoryLimit: 2000 },
  ];
  const members = [1, 2].map((workerId) => ({ workerId, inProcess: false, page: new Float64Array(inPage.numbers) }));
  const told = [];
  const tiers = new MemoryTiers({
    config: { hostMemoryLimit: undefined, memoryFullWithin: 0 },
    contexts: () => contexts,
    members: () => members,
    tell: (event) => told.push(event),
  });
  return { contexts, members, told, tiers };
}

test('contexts: each change of a state is told with what it was told with before', () => {
  const { contexts, told, tiers } = tiersOf();
  tiers.look();
  contexts[0].usedBytes = 950;
  tiers.look();
  tiers.look();
  contexts[0].usedBytes = 100;
  tiers.look();
  expect(told.map(({ state }) => state)).toEqual(['recovery', 'normal']);
  expect(told[0]).toEqual({
    tier: 'device',
    of: '1-cuda-0',
    state: 'recovery',
    used: 950,
    limit: 1000,
    fullInMs: null,
    contextId: '1-cuda-0',
    workerId: 1,
    memoryUsage: 950 / 2 ** 20,
    memoryLimit: 1000 / 2 ** 20,
    utilization: 95,
  });
});

test('stores of members by their pages, those of this process by themselves', () => {
  const { members, told, tiers } = tiersOf();
  members[0].page.set([700, 1000], inPage.storeBytes);
  const disks = () => tiers.statuses().filter(({ tier }) => tier === 'disk');
  expect(disks()).toEqual([
    { tier: 'disk', of: 'stores of worker 1', state: 'high', used: 700, limit: 1000, fullInMs: null },
  ]);
  expect(told).toMatchObject([{ tier: 'disk', workerId: 1, utilization: 70 }]);
  members.push({ workerId: 0, inProcess: true, page: new Float64Array(inPage.numbers) });
  const close = watchStore(() => ({ used: 9, limit: 10 }));
  expect(disks().map(({ of, state }) => [of, state])).toEqual([
    ['stores of worker 1', 'high'],
    ['stores of worker 0', 'recovery'],
  ]);
  close();
  members.shift();
  expect(disks()).toEqual([]);
});

test('the host is always there, contexts as long as they are', () => {
  const { contexts, tiers } = tiersOf();
  const named = () => tiers.statuses().map(({ tier, of }) => [tier, of]);
  const [[, of]] = named();
  expect(['host', 'cgroup v1', 'cgroup v2']).toContain(of);
  expect(named().slice(1)).toEqual([
    ['device', '1-cuda-0'],
    ['device', '2-cpu-0'],
  ]);
  contexts.shift();
  expect(named().slice(1)).toEqual([['device', '2-cpu-0']]);
});
