// What is held against a device when a worker ends before it is ready, and for how long.
'use strict';
const { Membership } = require('../../../../lib/cluster/primary/membership');
const { Placement } = require('../../../../lib/cluster/primary/placement');
const { Retrials } = require('../../../../lib/cluster/primary/retrials');
const { kMissedBeats } = require('../../../../lib/cluster/primary/member');
const { protocol } = require('../../../../lib/cluster/wire');
const { readConfig } = require('../../../../lib/config/config');
const status = require('../../../../lib/metrics/status-page');
const { version } = require('../../../../package.json');

const log = { debug: jest.fn(), info: jest.fn(), warn: jest.fn(), error: jest.fn() };
const config = readConfig({}, {});
const devices = ['vulkan:0', 'cpu:0'].map((id) => ({
  id,
  backend: id.split(':')[0],
  type: 'cpu',
  computeUnits: 1,
  features: { graphics: false },
}));
const hello = { type: 'switchyard:hello', version, protocol: protocol.kProtocol };

let now, placement, membership, gone, pid;
beforeEach(() => {
  now = 0;
  pid = 0;
  gone = [];
  placement = new Placement({ config, log, now: () => now });
  membership = new Membership({
    config,
    log,
    isClosing: () => false,
    handlers: () => ({}),
    onMember() {},
    onConnected() {},
    onLeaving() {},
    onLeft() {},
    onGone: ({ endReason }, expected) => gone.push(expected ? 'left' : endReason),
    onFailedStart: (member) => placement.failed(member),
  });
});
afterEach(() => membership.close());

/** A worker that opens its contexts. */
function starting() {
  membership.invite(++pid, pid, hello);
  const member = [...membership.all()].find((each) => each.pid === pid);
  member.devices = devices;
  placement.plan(member, [...membership.all()]);
  for (const { index, device } of member.plan)
    member.page[status.contextAt(index) + status.inContext.state] = status.kStates.indexOf(
      device === 'vulkan:0' ? 'starting' : 'ready',
    );
  return member;
}

/** Two workers that end in the same way. */
function endTwo(signal, how = () => {}) {
  for (let i = 0; i < 2; ++i) {
    const member = starting();
    how(member);
    membership.processEnded(member.pid, signal);
  }
}

test.each(['SIGTERM', 'SIGKILL', 'SIGINT', 'SIGHUP'])('%s comes from outside', (signal) => {
  endTwo(signal);
  expect(placement.avoided).toEqual([]);
  expect(gone).toEqual(['crash', 'crash']);
});

test.each([
  [0, 'exit'],
  [1, 'crash'],
])('an exit of the program, with %d, says nothing of devices', (code, reason) => {
  endTwo(null, ({ page }) => {
    page[status.inPage.exited] = 1 + code;
  });
  expect(placement.avoided).toEqual([]);
  expect(gone).toEqual([reason, reason]);
});

test.each(['SIGSEGV', 'SIGABRT', null])("a driver's crash (%s) is held against what was being opened", (signal) => {
  endTwo(signal);
  expect(placement.avoided).toEqual(['vulkan:0']);
});

test('a start that takes too long is, too, but not that of a process that was stopped', () => {
  const late = (member) => {
    member.endReason = 'start-timeout';
  };
  endTwo('SIGKILL', (member) => {
    late(member);
    member.missedBeats = kMissedBeats;
  });
  expect(placement.avoided).toEqual([]);
  endTwo('SIGKILL', late);
  expect(placement.avoided).toEqual(['vulkan:0']);
});

describe('a device that is left out', () => {
  const trials = [];
  let retrials, works;
  beforeEach(() => {
    trials.length = 0;
    endTwo('SIGSEGV');
    retrials = new Retrials({
      log,
      placement,
      membership,
      mayReplace: ({ workerId }) => workerId !== 4,
      tryOut: (device) => {
        trials.push([device, now / 60_000]);
        return { works: Promise.resolve(works), stop() {} };
      },
    });
  });
  const pass = async (minutes) => {
    for (let i = 0; i < minutes; ++i) {
      now += 60_000;
      retrials.onTick(now);
      await Promise.resolve();
      await Promise.resolve();
    }
  };

  test('is tried again after pauses that become longer', async () => {
    works = false;
    await pass(240);
    const times = trials.map(([, minute]) => minute);
    expect(times).toEqual([1, 3, 7, 15, 31, 63, 123, 183]);
    expect(placement.avoided).toEqual(['vulkan:0']);
  });

  test('comes back once it works, also in workers that were planned without it, one by one', async () => {
    const members = [starting(), starting()]; // 3 and 4
    expect(members.map(({ without }) => without)).toEqual([['vulkan:0'], ['vulkan:0']]);
    for (const member of members) member.state = 'ready';
    works = true;
    await pass(1);
    expect(placement.avoided).toEqual([]);
    expect(members.map(({ state }) => state)).toEqual(['ready', 'ready']);
    members[0].jobs.set(1, {});
    await pass(1);
    expect(members[0].state).toBe('ready'); // it has jobs
    members[0].jobs.clear();
    await pass(1);
    expect(members.map(({ state }) => state)).toEqual(['leaving', 'ready']);
    membership.processEnded(members[0].pid, 'SIGKILL');
    expect(gone.at(-1)).toBe('left');
    const next = starting();
    expect(next.plan.map(({ device }) => device)).toContain('vulkan:0');
    next.state = 'ready';
    await pass(3);
    expect(members[1].state).toBe('ready'); // the application's own: its next one has it
  });
});
