// Who owns what a cluster has once: the coordinator's table, and the processes' side of it, with a process that dies
// after each message there is.
'use strict';
const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { Resources } = require('../../../../lib/cluster/primary/resources');
const { ClusterFolder } = require('../../../../lib/cluster/primary/cluster-folder');
const { SharedResources } = require('../../../../lib/cluster/worker');

const log = { info() {}, warn() {}, error() {} };
const turn = () => new Promise(setImmediate);

let parent;
beforeEach(() => {
  parent = fs.mkdtempSync(path.join(os.tmpdir(), 'sw-res-'));
});
afterEach(() => fs.rmSync(parent, { recursive: true, force: true }));

/** Processes and their coordinator; messages go one a turn, and a process may die after so many. */
class Simulation {
  constructor({ dies, after = Infinity } = {}) {
    this.resources = new Resources({ folder: parent, log });
    this.dies = dies;
    this.after = after;
    this.sent = 0;
    this.processes = new Map();
    /** Every owner there was, by key: at most one at a time. */
    this.owners = new Map();
  }

  add(name, { inProcess = false, mayOwn = true } = {}) {
    const answers = new Map();
    let last = 0;
    const mine = { name, isDead: false, own: [], disowned: [] };
    mine.member = {
      ask: {},
      state: 'ready',
      serial: this.processes.size + 1,
      inProcess,
      say: (message) =>
        this.deliver(mine, () => {
          if (message.type === 'answer') answers.get(message.id).resolve(message.answer);
          else if (message.type === 'answer-error') answers.get(message.id).reject(message.error);
          else mine.shared.onMessage(message);
        }),
    };
    const connection = {
      connected: async () => {},
      say: (message) => this.deliver(mine, () => this.resources.onMessage(mine.member, message)),
      request: (message) =>
        new Promise((resolve, reject) => {
          const id = ++last;
          answers.set(id, { resolve, reject });
          connection.say({ ...message, id });
        }),
    };
    mine.shared = new SharedResources(connection);
    mine.follows = [];
    mine.isSlow = false;
    mine.hold = (key) =>
      mine.shared.hold(key, {
        mayOwn,
        standBy: async (how) => {
          await turn();
          mine.follows.push(how.address);
          return !mine.isSlow;
        },
        own: async ({ turn: number, isLost }) => {
          await turn();
          if (mine.isDead) return new Promise(() => {});
          const other = this.owners.get(key);
          if (other && !other.isDead) throw Object.assign(new Error(`${other.name} owns it`), { code: 'ERR_LOCKED' });
          this.owners.set(key, mine);
          mine.own.push({ key, isLost });
          return `${name}:${number}`;
        },
        gone: () => {},
        disown: async () => {
          await turn();
          mine.disowned.push(key);
          if (this.owners.get(key) === mine) this.owners.delete(key);
        },
      });
    mine.claim = (key) => {
      mine.hold(key);
      return mine.shared.claim(key);
    };
    this.processes.set(name, mine);
    return mine;
  }

  deliver(process, then) {
    this.sent += 1;
    const isLast = this.sent === this.after;
    setImmediate(() => {
      if (!process.isDead) then();
      if (isLast) this.kill(this.processes.get(this.dies));
    });
  }

  kill(process) {
    process.isDead = true;
    process.member.ask = undefined;
    process.member.state = 'gone';
    this.resources.onGone(process.member);
  }
}

async function settle(times = 40) {
  for (let i = 0; i < times; ++i) await turn();
}

test('the first one owns it, the others are told where', async () => {
  const cluster = new Simulation();
  const [a, b] = [cluster.add('a'), cluster.add('b')];
  expect(await a.claim('store:/x')).toEqual({ address: 'a:1', turn: 1, isMine: true });
  expect(await b.claim('store:/x')).toEqual({ address: 'a:1', turn: 1, isMine: false });
  expect(await b.claim('store:/y')).toEqual({ address: 'b:2', turn: 2, isMine: true });
  expect(await a.claim('store:/y')).toMatchObject({ isMine: false });
});

test('of those who have it open the one with the fewest, workers first, and who would rather not last', async () => {
  const cluster = new Simulation();
  const first = cluster.add('first');
  const primary = cluster.add('primary', { inProcess: true });
  const shy = cluster.add('shy', { mayOwn: false });
  const busy = cluster.add('busy');
  const idle = cluster.add('idle');
  await busy.claim('other');
  for (const each of [first, primary, shy, busy, idle]) await each.claim('x');
  const owner = () => cluster.owners.get('x').name;
  expect(owner()).toBe('first');
  const order = [];
  for (let i = 0; i < 4; ++i) {
    cluster.kill(cluster.owners.get('x'));
    await settle();
    order.push(owner());
  }
  expect(order).toEqual(['idle', 'busy', 'primary', 'shy']);
  expect(shy.own.filter(({ key }) => key === 'x')).toEqual([{ key: 'x', isLost: true }]);
});

describe('beside the owner', () => {
  const open = async (cluster, ...names) => {
    const all = names.map((name) => cluster.add(name));
    for (const each of all) {
      await each.claim('x');
      await settle();
    }
    return all;
  };

  test('two follow it, the next ones when those have gone, and again each next owner', async () => {
    const cluster = new Simulation();
    const primary = cluster.add('primary', { inProcess: true });
    const shy = cluster.add('shy', { mayOwn: false });
    const [a, b, c, d] = await open(cluster, 'a', 'b', 'c', 'd');
    for (const each of [primary, shy]) await each.claim('x');
    await settle();
    expect([a, b, c, d, primary, shy].map(({ follows }) => follows.length)).toEqual([0, 1, 1, 0, 0, 0]);
    c.shared.release('x');
    await settle();
    expect(d.follows).toEqual(['a:1']);
    cluster.kill(a);
    await settle();
    expect(cluster.owners.get('x')).toBe(b);
    expect(d.follows).toEqual(['a:1', 'b:2']);
    const e = cluster.add('e');
    await e.claim('x');
    await settle();
    expect(e.follows).toEqual(['b:2']);
    cluster.kill(d);
    await settle();
    expect(primary.follows.concat(shy.follows)).toEqual([]);
    cluster.kill(b);
    await settle();
    expect(cluster.owners.get('x')).toBe(e);
  });

  test('who has all of it goes on, sooner than who is here longer', async () => {
    const cluster = new Simulation();
    const [a, b, c] = ['a', 'b', 'c'].map((name) => cluster.add(name));
    await a.claim('x');
    b.isSlow = true;
    for (const each of [b, c]) await each.claim('x');
    await settle();
    cluster.kill(a);
    await settle();
    expect(cluster.owners.get('x')).toBe(c);
    expect(b.follows).toEqual(['a:1', 'c:2']);
    cluster.kill(c);
    await settle();
    expect(cluster.owners.get('x')).toBe(b);
    expect(await b.shared.claim('x')).toMatchObject({ isMine: true });
  });

  test('one that has let go of it is none any more, whatever it says', async () => {
    const cluster = new Simulation();
    const [a, b, c] = await open(cluster, 'a', 'b', 'c');
    b.shared.release('x');
    cluster.resources.onMessage(b.member, { type: 'standing-by', key: 'x', turn: 1 });
    cluster.resources.onMessage(b.member, { type: 'standing-by', key: 'nothing', turn: 1 });
    await settle();
    await b.claim('x');
    await settle();
    cluster.kill(a);
    await settle();
    expect([b, c]).toContain(cluster.owners.get('x'));
    expect(b.follows).toHaveLength(cluster.owners.get('x') === b ? 2 : 3);
  });
});

test('an owner that lets go of its own handle goes on for the others; the last one ends it', async () => {
  const cluster = new Simulation();
  const [a, b] = [cluster.add('a'), cluster.add('b')];
  await a.claim('x');
  await b.claim('x');
  a.shared.release('x');
  await settle();
  expect(await b.shared.claim('x')).toMatchObject({ address: 'a:1', isMine: false });
  b.shared.release('x');
  const again = b.claim('x'); // while it is being closed
  expect(await again).toMatchObject({ isMine: true, turn: 2 });
  expect(a.disowned).toEqual(['x']);
});

test('a process that leaves hands over what it owns', async () => {
  const cluster = new Simulation();
  const [a, b] = [cluster.add('a'), cluster.add('b')];
  await a.claim('x');
  await b.claim('x');
  await a.shared.close();
  await settle();
  expect(cluster.owners.get('x')).toBe(b);
  expect(b.own).toEqual([{ key: 'x', isLost: false }]);
  await expect(a.shared.claim('x')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
});

test('an owner that cannot open it says why to all who wait, and the next claim tries again', async () => {
  const cluster = new Simulation();
  const a = cluster.add('a');
  const stranger = { name: 'a stranger', isDead: false };
  cluster.owners.set('x', stranger);
  await expect(a.claim('x')).rejects.toMatchObject({ code: 'ERR_LOCKED', message: 'a stranger owns it' });
  stranger.isDead = true;
  expect(await a.claim('x')).toMatchObject({ isMine: true });
});

// What follows takes at most so many messages: claims, their answers, the owner's words.
describe.each(['a', 'b', 'c'])('%s dies', (dies) => {
  test.each(Array.from({ length: 14 }, (_, i) => i + 1))('after message %i', async (after) => {
    const cluster = new Simulation({ dies, after });
    const all = ['a', 'b', 'c'].map((name) => cluster.add(name));
    const claims = all.map((each) => each.claim('x'));
    claims.forEach((claim) => claim.catch(() => {}));
    await settle();
    if (cluster.sent < after) cluster.kill(cluster.processes.get(dies));
    await settle();
    const left = all.filter(({ isDead }) => !isDead);
    expect(left).toHaveLength(2);
    const owner = cluster.owners.get('x');
    expect(owner.isDead).toBe(false);
    for (const each of left) {
      const { address, isMine } = await each.shared.claim('x');
      expect(address.startsWith(`${owner.name}:`)).toBe(true);
      expect(isMine).toBe(each === owner);
      const before = await claims[all.indexOf(each)];
      expect(typeof before.address).toBe('string');
    }
    for (const each of left) each.shared.release('x');
    await settle();
    expect(cluster.owners.has('x')).toBe(false);
    expect(owner.disowned).toEqual(['x']);
  });
});

describe('the folder', () => {
  test('is of this user alone, and goes with the cluster', () => {
    const folder = new ClusterFolder(parent, log);
    const at = folder.open();
    expect(folder.open()).toBe(at);
    expect(fs.statSync(at).mode & 0o777).toBe(0o700);
    fs.mkdirSync(path.join(at, 'store'));
    folder.remove();
    expect(fs.existsSync(at)).toBe(false);
  });

  test('what a killed cluster has left goes, what another one has does not', () => {
    const other = new ClusterFolder(parent, log);
    const alive = other.open();
    const name = path.basename(alive).split('-');
    const dead = path.join(parent, [...name.slice(0, 4), '1', 'abcdef'].join('-')); // another start: not that process
    const foreign = path.join(parent, ['switchyard', name[1], '1', '999999', '1', 'abcdef'].join('-'));
    for (const each of [dead, foreign]) fs.mkdirSync(path.join(each, 'store'), { recursive: true });
    const folder = new ClusterFolder(parent, log);
    folder.open();
    expect([dead, alive, foreign].map((each) => fs.existsSync(each))).toEqual([false, true, true]);
    folder.remove();
    other.remove();
  });

  test('one that cannot be made is named, with what helps', () => {
    expect(() => new ClusterFolder(path.join(parent, 'not-there'), log).open()).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_ARGUMENT',
        message: expect.stringMatching(/not-there.*memoryFolder/),
      }),
    );
    const long = path.join(parent, 'x'.repeat(60));
    fs.mkdirSync(long);
    expect(() => new ClusterFolder(long, log).open()).toThrow(
      /its path has \d+ bytes, but .* at most \d+.*memoryFolder/,
    );
  });

  test('the longest one that is taken has room for sockets', async () => {
    let most = path.join(parent, 'x');
    const openIn = (where) => {
      fs.mkdirSync(where, { recursive: true });
      return new ClusterFolder(where, log).open();
    };
    let at = openIn(most);
    try {
      for (;;) at = openIn((most += 'x'));
    } catch ({ message }) {
      expect(message).toMatch(/since sockets lie in it/);
    }
    const server = net.createServer();
    server.listen(path.join(at, 's9999999999'));
    await once(server, 'listening');
    expect(fs.readdirSync(at)).toEqual(['s9999999999']);
    await new Promise((resolve) => server.close(resolve));
  });

  test('that others still write into at the end goes with the process', () => {
    const folder = new ClusterFolder(parent, log);
    const at = folder.open();
    const remove = jest.spyOn(fs, 'rmSync').mockImplementationOnce(() => {
      throw Object.assign(new Error('written to'), { code: 'ENOTEMPTY' });
    });
    const atExit = jest.spyOn(process, 'once').mockImplementationOnce(() => process);
    folder.remove();
    expect(fs.existsSync(at)).toBe(true);
    const [event, again] = atExit.mock.calls[0];
    expect(event).toBe('exit');
    again();
    expect(fs.existsSync(at)).toBe(false);
    remove.mockRestore();
    atExit.mockRestore();
  });
});
