// A process that stands by beside the owner of a store: what it follows is what the owner has, and what it goes on with
// is what was acknowledged, wherever the owner was when it ended. One process plays both here: an owner that is killed
// is its folder as it was at that moment.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { gpu } = require('../../../support/random-data');
const { rounds } = require('../../../support/rounds');
const { until } = require('../../../support/waiting');
const { HostIndexes } = require('../../../../lib/memory/cluster/host-indexes');
const { Link } = require('../../../../lib/memory/cluster/link');
const { Server } = require('../../../../lib/memory/cluster/server');
const { StandBy } = require('../../../../lib/memory/cluster/stand-by');
const { StoreHost } = require('../../../../lib/memory/cluster/host');
const { IndexCore } = require('../../../../lib/memory/vectors/index-core');

jest.setTimeout(rounds(60_000, 600_000));
const kFrom = '0123456789abcdef';
const log = { warn: jest.fn(), error: jest.fn() };
const index = { name: 'vectors', dimensions: 4, metric: 'dot', dtype: 'float32' };

let manager, parent, recovered, open, copies;
beforeAll(async () => {
  manager = gpu.createGPUClusterManager({ contextTypes: ['cpu'] });
  await manager.ready;
});
afterAll(() => manager.close());
beforeEach(() => {
  parent = fs.mkdtempSync(path.join(os.tmpdir(), 'sw-by-'));
  recovered = jest.spyOn(IndexCore.prototype, 'recover');
  open = [];
  copies = 0;
  log.warn.mockClear();
});
afterEach(async () => {
  jest.restoreAllMocks();
  for (const close of open.reverse()) await close();
  fs.rmSync(parent, { recursive: true });
});

/** The owner of a store, with what it has and what is to be there: a map of ids to their first numbers. */
class Owner {
  static #turns = 0;
  #who = {};
  #calls = 0;
  #writes;

  static async of(folder, { standBy, expected = new Map(), writes = 0 } = {}) {
    const made = new Owner();
    made.folder = folder;
    made.expected = expected;
    made.#writes = writes;
    made.turn = ++Owner.#turns;
    standBy?.end();
    made.host = await StoreHost.open(manager, folder, { durable: false, limit: 0 }, false);
    HostIndexes.on(made.host, standBy);
    made.server = new Server(made.host, log);
    made.address = await made.server.listen(parent, made.turn);
    open.push(async () => {
      made.server.pause();
      await made.host.close();
      await made.server.close();
    });
    return made;
  }

  call(name, what = {}, parts = []) {
    return this.host.call({ id: ++this.#calls, name, index, ...what }, parts, this.#who);
  }

  put(ids, value, mark = { from: kFrom, number: ++this.#writes, floor: this.#writes }) {
    const rows = Float32Array.from(ids.flatMap(() => [value, 1, 0, 0]));
    const metadata = ids.map((id) => JSON.stringify({ id, value }));
    for (const id of ids) this.expected.set(id, value);
    return this.call('index.put', { ids, metadata, durable: false, replaces: true, mark }, [
      new Uint8Array(rows.buffer),
    ]);
  }

  async remove(ids, mark = { from: kFrom, number: ++this.#writes, floor: this.#writes }) {
    for (const id of ids) this.expected.delete(id);
    const { value } = await this.call('index.remove', { ids, durable: false, mark });
    return value.count;
  }

  /** All that it has is what is to be there. */
  async check() {
    const ids = [...this.expected.keys()];
    const { value, parts } = await this.call('index.get', { ids });
    expect(value).toEqual(ids.map((id) => ({ id, value: this.expected.get(id) })));
    expect([...parts[0]].filter((_, i) => i % 4 === 0)).toEqual([...this.expected.values()]);
    const { value: stats } = await this.call('index.open');
    expect(stats.size).toBe(ids.length);
    const given = { k: String(Infinity), job: {} };
    const query = new Uint8Array(new Float32Array([1, 0, 0, 0]).buffer);
    const found = await this.call('index.search', { count: 1, given: { ...given, k: 1000 } }, [query]);
    expect([...found.value.ids[0]].sort()).toEqual([...ids].sort());
  }

  /** As it would be found if it was killed now. */
  kill() {
    const manifest = () => fs.readFileSync(path.join(this.folder, 'manifest'));
    for (;;) {
      const copy = path.join(parent, `copy-${++copies}`);
      const before = manifest();
      try {
        fs.cpSync(this.folder, copy, { recursive: true });
        if (manifest().equals(before)) return copy;
      } catch (error) {
        if (error.code !== 'ENOENT') throw error; // a file that a checkpoint has taken the place of
      }
    }
  }

  /** Another one goes on. */
  async next(standBy) {
    const { expected } = this;
    return Owner.of(this.kill(), { standBy, expected, writes: this.#writes });
  }
}

function follower() {
  let folder;
  const made = new StandBy({ manager, folderOf: () => folder, log });
  open.push(() => made.close());
  const follow = made.follow.bind(made);
  made.follow = (owner) => {
    ({ folder } = owner);
    return follow({ type: 'stand-by', key: 'x', turn: owner.turn, folder: parent, address: owner.address });
  };
  return made;
}

const first = () => Owner.of(path.join(parent, 'store'));
const some = (from, count) => Array.from({ length: count }, (_, i) => `id-${from + i}`);

test('it goes on with what it has followed, and with what it was not told of any more', async () => {
  const owner = await first();
  await owner.put(some(0, 20), 1);
  const by = follower();
  expect(await by.follow(owner)).toBe(true);
  await owner.put(some(10, 20), 2);
  expect(await owner.remove(some(25, 10))).toBe(5);
  const next = await owner.next(by); // before it can have been sent
  recovered.mockClear();
  await next.check();
  expect(recovered).not.toHaveBeenCalled();
  await next.put(some(0, 3), 3);
  await next.check();
  const last = await next.next(); // by nobody who has followed
  await last.check();
  expect(recovered).toHaveBeenCalledTimes(1);
});

test('what is done twice is done once, whichever owner has done it', async () => {
  const owner = await first();
  const by = follower();
  await owner.put(['before'], 1, { from: kFrom, number: 1, floor: 1 });
  await by.follow(owner);
  await owner.put(['a', 'b', 'c'], 1, { from: kFrom, number: 2, floor: 1 });
  const mark = { from: kFrom, number: 3, floor: 1 };
  expect(await owner.remove(['b', 'c', 'x'], mark)).toBe(2);
  const next = await owner.next(by);
  recovered.mockClear();
  expect(await next.remove(['b', 'c', 'x'], mark)).toBe(2);
  await next.put(['b'], 2, { from: kFrom, number: 4, floor: 1 });
  expect(await next.remove(['b', 'c', 'x'], mark)).toBe(2);
  next.expected.set('b', 2);
  await next.check();
  expect(recovered).not.toHaveBeenCalled();
});

test('an index that is opened later is followed, and one that is closed is not any more', async () => {
  const owner = await first();
  const follows = jest.spyOn(IndexCore.prototype, 'follow');
  const closes = jest.spyOn(IndexCore.prototype, 'close');
  const by = follower();
  expect(await by.follow(owner)).toBe(true); // there is none
  await owner.put(some(0, 5), 1);
  await until(() => follows.mock.results.length === 1, 5000, 'it to be followed');
  await follows.mock.results[0].value;
  await owner.call('index.close');
  await until(() => closes.mock.contexts.includes(follows.mock.contexts[0]), 5000, 'it to be let go of');
  await owner.put(some(5, 5), 2);
  await until(() => follows.mock.results.length === 2, 5000, 'it to be followed again');
  await follows.mock.results[1].value;
  await owner.put(some(8, 5), 3);
  const next = await owner.next(by);
  recovered.mockClear();
  await next.check();
  expect(recovered).not.toHaveBeenCalled();
});

test('checkpoints come between, and the one who goes on has older files', async () => {
  const owner = await first();
  await owner.put(some(0, 50), 1);
  await owner.call('index.compact');
  const by = follower();
  await by.follow(owner);
  await owner.put(some(40, 50), 2);
  await owner.remove(some(0, 10));
  await owner.call('index.compact'); // one file, without what was removed
  await owner.put(some(85, 10), 3);
  let next = await owner.next(by); // before it has read the new file
  recovered.mockClear();
  await next.check();
  expect(recovered).not.toHaveBeenCalled();
  await next.put(some(95, 10), 4);
  for (let i = 0; i < 2; ++i) {
    next = await next.next(); // its log begins where the checkpoint of the one before does
    await next.check();
    await next.call('index.compact');
    await next.put(some(100, 10), 5 + i);
  }
  await next.check();
});

test('a checkpoint is followed by reading its files', async () => {
  const owner = await first();
  await owner.put(some(0, 50), 1);
  const by = follower();
  await by.follow(owner);
  const follows = jest.spyOn(IndexCore.prototype, 'follow');
  await owner.call('index.compact');
  await owner.put(some(10, 5), 2);
  await until(() => follows.mock.results.length === 1, 5000, 'the files to be read');
  await follows.mock.results[0].value;
  await owner.put(some(12, 5), 3);
  const next = await owner.next(by);
  recovered.mockClear();
  await next.check();
  expect(recovered).not.toHaveBeenCalled();
  const { value } = await next.call('index.open');
  expect(value.segments.some(({ mapped }) => mapped)).toBe(true);
});

test('one that does not keep up is cut off, and reads what it has missed', async () => {
  const owner = await first();
  await owner.put(some(0, 5), 1);
  const by = follower();
  await by.follow(owner);
  const isFull = jest.spyOn(Link.prototype, 'waiting', 'get').mockReturnValue(1 << 30);
  const follow = jest.spyOn(Server.prototype, 'tell');
  await owner.put(some(0, 5), 2);
  await until(() => isFull.mock.calls.length > 0, 5000, 'it to be cut off');
  isFull.mockRestore();
  await owner.put(some(3, 5), 3);
  const catchUp = jest.spyOn(require('../../../../lib/memory/vectors/journal').Journal.prototype, 'catchUp');
  await until(() => catchUp.mock.results.length > 0, 5000, 'it to read on');
  await catchUp.mock.results[0].value;
  follow.mockRestore();
  await owner.put(some(6, 5), 4);
  const next = await owner.next(by);
  recovered.mockClear();
  await next.check();
  expect(recovered).not.toHaveBeenCalled();
});

test('the one that is left follows the next owner with what it has', async () => {
  let owner = await first();
  await owner.put(some(0, 30), 1);
  await owner.call('index.compact');
  let [next, after] = [follower(), follower()];
  for (const each of [next, after]) expect(await each.follow(owner)).toBe(true);
  const follows = jest.spyOn(IndexCore.prototype, 'follow');
  recovered.mockClear();
  for (let i = 0; i < 4; ++i) {
    await owner.put(some(10 * i, 30), 2 + i);
    owner = await owner.next(next);
    expect(await after.follow(owner)).toBe(true);
    next = after;
    after = follower();
    await owner.check();
    expect(await after.follow(owner)).toBe(true);
    expect(follows).toHaveBeenCalledTimes(i + 1); // the new one alone
  }
  expect(recovered).not.toHaveBeenCalled();
});

test('an owner that is not there, or whose files are damaged, is not followed', async () => {
  const owner = await first();
  await owner.put(some(0, 30), 1);
  await owner.call('index.compact');
  const by = follower();
  expect(await by.follow({ ...owner, address: path.join(parent, 's0') })).toBe(false);
  const [file] = fs.readdirSync(owner.folder).filter((name) => name.startsWith('data-'));
  const bytes = fs.readFileSync(path.join(owner.folder, file));
  for (const name of fs.readdirSync(owner.folder).filter((each) => each.startsWith('data-')))
    fs.writeFileSync(path.join(owner.folder, name), Buffer.alloc(fs.statSync(path.join(owner.folder, name)).size));
  expect(bytes.length).toBeGreaterThan(0);
  let isOver = false;
  const following = by.follow(owner).then((is) => {
    isOver = true;
    return is;
  });
  await until(() => log.warn.mock.calls.length > 0, 5000, 'what is wrong to be told');
  expect(isOver).toBe(false); // it tries again
  by.end();
  expect(await following).toBe(false);
});

test('whatever was done, and whoever goes on, is what was acknowledged', async () => {
  let state = 7;
  const next = (below) => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) % below;
  let owner = await first();
  let by = follower();
  await owner.put(some(0, 10), 0);
  await by.follow(owner);
  for (let i = 0; i < rounds(150, 3000); ++i) {
    const from = next(200);
    const what = next(20);
    if (what < 9) await owner.put(some(from, 1 + next(20)), i);
    else if (what < 13) await owner.remove(some(from, 1 + next(10)));
    else if (what < 15) await owner.call('index.compact');
    else if (what < 17) await Promise.all([owner.put(some(from, 5), i), owner.put(some(from + 3, 5), i + 0.5)]);
    else if (what === 17) by.follow(owner);
    else if (what === 18) await new Promise((resolve) => setTimeout(resolve, next(8)));
    else {
      owner = await owner.next(next(4) ? by : undefined);
      await owner.check();
      by = follower();
      await by.follow(owner);
    }
  }
  owner = await owner.next(by);
  await owner.check();
  owner = await owner.next();
  await owner.check();
});
