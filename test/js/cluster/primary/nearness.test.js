// Which cards a worker gets that is bound to a processor, and which context a job gets for what lies near it.
'use strict';
const fc = require('fast-check');
const { check, makeJob, makeContext } = require('../../../support/simulation');
const { Placement, planContexts } = require('../../../../lib/cluster/primary/placement');
const { chooseContext } = require('../../../../lib/cluster/primary/scheduler');
const { nodeOf, linkedTo, nearnessToData } = require('../../../../lib/cluster/primary/nearness');
const { readConfig } = require('../../../../lib/config/config');

const kGB = 2 ** 30;
const card = (index, numaNode, links) => ({
  id: `cuda:${index}`,
  backend: 'cuda',
  index,
  type: 'discrete',
  memory: { total: 80 * kGB, free: 80 * kGB },
  computeUnits: 100,
  features: { graphics: false },
  ...(numaNode === undefined ? {} : { numaNode }),
  links,
});
const cpu = {
  id: 'cpu:0',
  backend: 'cpu',
  type: 'cpu',
  memory: { total: kGB, free: kGB },
  computeUnits: 64,
  features: { graphics: false },
};
const kFourCards = [card(0, 0), card(1, 0), card(2, 1), card(3, 1), cpu];

/** Workers that come one after the other, each bound to a node or to none: the cards that each got. */
function place(devices, nodes, options = {}) {
  const placement = new Placement({ config: readConfig(options, {}), log: { error: jest.fn() } });
  const members = nodes.map((node, i) => ({
    slot: i + 1,
    workerId: i + 1,
    node,
    devices,
    plan: [],
    without: [],
    state: 'ready',
  }));
  return members.map((member, i) => {
    placement.plan(member, members.slice(0, i + 1));
    return member.plan.map(({ device }) => device).filter((id) => id.startsWith('cuda'));
  });
}

describe('the cards that a worker gets', () => {
  const kOne = { contextTypes: ['cuda'], contextsPerWorker: 1 };

  test('are near its processors, and taken in turn there', () => {
    expect(place(kFourCards, [1, 0, 1, 0, 1, 0, 1, 0], kOne).flat()).toEqual(
      [2, 0, 3, 1, 2, 0, 3, 1].map((index) => `cuda:${index}`),
    );
  });
  test('are others once those are full', () => {
    expect(place(kFourCards, [1, 1, 1, 1, 1, 1], kOne).flat()).toEqual(
      [2, 3, 2, 3, 0, 1].map((index) => `cuda:${index}`),
    );
  });
  test('are in turn where workers are not bound', () => {
    const expected = [0, 1, 2, 3, 0, 1, 2, 3].map((index) => `cuda:${index}`);
    expect(place(kFourCards, Array(8).fill(-1), kOne).flat()).toEqual(expected);
    const unknown = [card(0), card(1), card(2), card(3), cpu];
    expect(place(unknown, [1, 0, 1, 0, -1, 1, 0, 1], kOne).flat()).toEqual(expected);
  });
  test('of several contexts are near ones first, then the others', () => {
    const two = { contextTypes: ['cuda'], contextsPerWorker: 2 };
    expect(place(kFourCards, [1, 0], two)).toEqual([
      ['cuda:2', 'cuda:3'],
      ['cuda:0', 'cuda:1'],
    ]);
    expect(place(kFourCards, [1], { contextTypes: ['cuda'], contextsPerWorker: 4 })).toEqual([
      ['cuda:2', 'cuda:3', 'cuda:0', 'cuda:1'],
    ]);
  });

  test('near or not: none more than its share, none left out while it has room, the same for the unbound', () => {
    const machine = fc.array(fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined }), {
      minLength: 1,
      maxLength: 6,
    });
    const bound = fc.array(fc.integer({ min: -1, max: 2 }), { minLength: 1, maxLength: 16 });
    check(
      fc.property(machine, bound, fc.integer({ min: 1, max: 3 }), (nodes, workers, gpuWorkers) => {
        const devices = [...nodes.map((node, i) => card(i, node)), cpu];
        const got = place(devices, workers, { ...kOne, gpuWorkers });
        const counts = new Map(nodes.map((_, i) => [`cuda:${i}`, 0]));
        got.forEach(([id], i) => {
          const open = [...counts].filter(([, count]) => count < gpuWorkers).map(([name]) => name);
          if (id === undefined) return expect(open).toEqual([]);
          expect(open).toContain(id);
          const near = open.filter((name) => workers[i] >= 0 && nodes[Number(name.slice(5))] === workers[i]);
          if (near.length) expect(near).toContain(id);
          const among = near.length ? near : open;
          expect(counts.get(id)).toBe(Math.min(...among.map((name) => counts.get(name))));
          counts.set(id, counts.get(id) + 1);
        });
      }),
    );
  });
  test('are decided by what is given alone', () => {
    const config = readConfig(kOne, {});
    const input = { workerId: 1, node: 1, devices: kFourCards, taken: [], config, workers: 1, avoid: new Set() };
    expect(planContexts(input, new Map()).map(({ device }) => device)).toEqual(['cuda:2']);
  });
});

describe('what is known of a device', () => {
  test('its node: that of its card; of the CPU and of software drivers, of its process', () => {
    expect(nodeOf(card(0, 1), 0)).toBe(1);
    expect(nodeOf(card(0), 0)).toBe(-1);
    expect(nodeOf(cpu, 1)).toBe(1);
    expect(nodeOf({ ...card(0, 1), type: 'cpu' }, -1)).toBe(-1);
  });
  test('what NVLink joins to it, and not what is a peer over the bus', () => {
    const links = [
      { device: 'cuda:1', nvlink: true, peer: true },
      { device: 'cuda:2', nvlink: false, peer: true },
    ];
    expect(linkedTo(card(0, 0, links))).toEqual(['cuda:1']);
    expect(linkedTo(cpu)).toEqual([]);
  });
});

describe('a job whose data is on a context that is full', () => {
  const on = (index, fields) =>
    makeContext({ id: `c${index}`, type: 'cuda', deviceId: `cuda:${index}`, node: -1, member: 1, ...fields });
  const full = { state: 'busy', pending: 4, room: 0, holds: (id) => id === 7 };
  const job = makeJob({ inputs: [7], bytes: 2 ** 20 });
  const chosen = (contexts, what = job) => {
    const ids = [contexts, [...contexts].reverse()].map((each) => chooseContext(what, each, 0)?.id);
    expect(ids[0]).toBe(ids[1]);
    return ids[0];
  };
  // What comes after nearness says the opposite: it was used later.
  const late = { lastUsed: 100 };

  test('goes to a card that NVLink joins to it, in the same process', () => {
    expect(chosen([on(0, full), on(1), on(2, { linked: ['cuda:0'], ...late })])).toBe('c2');
    expect(chosen([on(0, full), on(1), on(2, { linked: ['cuda:3'], ...late })])).toBe('c1');
    // another process can't have it from there
    expect(chosen([on(0, full), on(1), on(2, { linked: ['cuda:0'], member: 2, ...late })])).toBe('c1');
  });
  test('else to one at the same processor, in whichever process', () => {
    const holder = on(0, { ...full, node: 1 });
    expect(chosen([holder, on(1, { node: 0 }), on(2, { node: 1, member: 2, ...late })])).toBe('c2');
    expect(chosen([holder, on(1, { node: 1 }), on(2, { linked: ['cuda:0'], node: 0, ...late })])).toBe('c2');
    expect(chosen([on(0, full), on(1), on(2, { node: 1, ...late })])).toBe('c1');
  });
  test('but where the data is, if that has room', () => {
    const room = { ...full, state: 'busy', room: 1, ...late };
    expect(chosen([on(0, room), on(1, { ...room, holds: () => false, linked: ['cuda:0'], lastUsed: 0 })])).toBe('c0');
  });
  test('and a job without such data does not ask who has it', () => {
    const asked = jest.fn(() => false);
    expect(chosen([on(0, { holds: asked }), on(1, { holds: asked, ...late })], makeJob())).toBe('c0');
    expect(asked).not.toHaveBeenCalled();
  });
  test('then near who asks, if that is bound', () => {
    const near = on(2, { node: 1, ...late });
    expect(chosen([on(1, { node: 0 }), near], makeJob({ node: 1 }))).toBe('c2');
    expect(chosen([on(1, { node: 0 }), near], makeJob({ node: -1 }))).toBe('c1');
    expect(chosen([on(1, { node: 0 }), near], makeJob())).toBe('c1');
    // the data counts for more
    const linked = on(3, { node: 0, linked: ['cuda:0'], ...late });
    expect(chosen([on(0, full), near, linked], makeJob({ inputs: [7], node: 1 }))).toBe('c3');
  });
  test('nearness is the best of all that have it', () => {
    const holders = [on(0, { node: 0 }), on(1, { node: 1 })];
    expect(nearnessToData(on(5, { node: 1, member: 2 }), holders)).toBe(1);
    expect(nearnessToData(on(5, { linked: ['cuda:1'] }), holders)).toBe(2);
    expect(nearnessToData(on(1), holders)).toBe(3);
    expect(nearnessToData(on(1, { member: 2 }), holders)).toBe(0);
    expect(nearnessToData(on(5), holders)).toBe(0);
  });
});
