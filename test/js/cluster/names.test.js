// Tensors that have a name: in a cluster, and what one process keeps of them.
'use strict';
const { NamedTensors } = require('../../../lib/cluster/worker');
const { Versions } = require('../../../lib/cluster/primary/versions');
const { createSharedTensor, holdAgain } = require('../../../lib/call');
const { native } = require('../../../lib/addon');
const { statusPage } = require('../../../lib/metrics');
const { suite } = require('../../support/run-cluster-suite');
const { rounds } = require('../../support/rounds');
const { until } = require('../../support/waiting');

jest.setTimeout(60000);

suite('names', { SWITCHYARD_SWAPS: process.env.SWITCHYARD_SWAPS ?? String(rounds(20, 100)) });

describe('what a process keeps', () => {
  const { names: kNames } = statusPage.inPage;
  let asked, current, page, names;
  /** Blocks of shared memory; the runtime lets go of a buffer a moment after its tensor was. */
  const held = () => native.sharedUse().blocks;
  const holds = (blocks) => until(() => held() === blocks, 2000, `${blocks} blocks`);
  /** What the primary does: one more change, of which the page tells at once and the event later. */
  function publish(value) {
    current?.tensor.release();
    const tensor = createSharedTensor([4]).seal();
    tensor.data.fill(value);
    current = { tensor, version: (current?.version ?? 0) + 1 };
    ++page[kNames];
  }
  const answer = () => ({ tensor: current.tensor.handle, version: current.version, change: page[kNames] });
  beforeEach(() => {
    asked = [];
    page = new Float64Array(kNames + 1);
    current = undefined;
    names = new NamedTensors({
      page,
      isClosed: false,
      connected: () => Promise.resolve(),
      announce() {},
      request: (question) => new Promise((resolve) => asked.push({ question, reply: (it = answer()) => resolve(it) })),
    });
  });

  async function lookup(reply = true) {
    const looking = names.lookup('base');
    await null;
    await null;
    if (reply) asked.at(-1)?.reply();
    const tensor = await looking;
    const value = tensor.data[0];
    tensor.release();
    return value;
  }

  test('it asks once a version, and not when nothing has changed', async () => {
    publish(1);
    expect(await lookup()).toBe(1);
    for (let i = 0; i < 5; ++i) expect(await lookup(false)).toBe(1);
    expect(asked).toHaveLength(1);
    publish(2); // its event has not come yet
    expect(await lookup()).toBe(2);
    expect(await lookup(false)).toBe(2);
    ++page[kNames]; // another name
    expect(await lookup()).toBe(2);
    expect(await lookup(false)).toBe(2);
    expect(asked.map(({ question }) => question)).toEqual(Array(3).fill({ type: 'lookup', name: 'base' }));
  });

  test('who asks while it is asked shares the answer, unless a name has changed since', async () => {
    publish(1);
    const first = [names.lookup('base'), names.lookup('base')];
    await new Promise(setImmediate);
    expect(asked).toHaveLength(1);
    const old = answer();
    publish(2);
    const later = names.lookup('base');
    await new Promise(setImmediate);
    expect(asked).toHaveLength(2);
    asked[1].reply();
    const found = await later;
    expect(found.data[0]).toBe(2);
    asked[0].reply(old); // its memory is gone: it asks again, or has what the other got
    const tensors = await Promise.all(first);
    expect(tensors.map(({ data }) => data[0])).toEqual([2, 2]);
    for (const tensor of [...tensors, found]) tensor.release();
  });

  test('an answer that is older than what the process has heard is given, and not kept', async () => {
    const before = held();
    publish(1);
    const other = holdAgain(current.tensor); // another process holds it
    const looking = names.lookup('base');
    await new Promise(setImmediate);
    asked[0].reply();
    publish(2);
    names.onChanged({ name: 'base', version: 2 }); // in the same turn as the answer
    const found = await looking;
    expect(found.data[0]).toBe(1);
    other.release();
    found.release();
    await holds(before + 1);
    expect(await lookup()).toBe(2);
    current.tensor.release();
    names.close();
    await holds(before);
  });

  test('what has changed is let go of at the event, or at the next look, and all of it at the end', async () => {
    const before = held();
    publish(1);
    await lookup();
    await holds(before + 1);
    const old = current.version;
    publish(2);
    await holds(before + 2); // kept still
    names.onChanged({ name: 'base', version: old }); // heard late
    await holds(before + 2);
    names.onChanged({ name: 'base', version: current.version });
    await holds(before + 1);
    await lookup();
    publish(3);
    await lookup();
    await holds(before + 1);
    current.tensor.release();
    names.onChanged({ name: 'other', version: 0 });
    await holds(before + 1);
    names.close();
    await holds(before);
  });
});

describe('versions', () => {
  test('of a name only grow, also when it is given up and forgotten', () => {
    const versions = new Versions();
    expect([versions.next('a'), versions.next('a'), versions.next('b')]).toEqual([1, 2, 1]);
    versions.retire('a');
    expect(versions.next('a')).toBe(3);
    versions.retire('a');
    versions.retire('never');
    for (let i = 0; i < 10_000; ++i) {
      versions.next(`name-${i}`);
      versions.retire(`name-${i}`);
    }
    expect(versions.next('a')).toBeGreaterThan(3); // forgotten, as the oldest
    expect(versions.next('b')).toBe(2); // in use all the time
  });
});
