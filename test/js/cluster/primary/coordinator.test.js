// The coordinator's books, with members that are only channels to look into: equal jobs, and whose memory is still
// needed.
'use strict';
const { Coordinator } = require('../../../../lib/cluster/primary/coordinator');
const { ContextView } = require('../../../../lib/cluster/primary/context-view');
const { Launch } = require('../../../../lib/cluster/primary/job');
const { Member } = require('../../../../lib/cluster/primary/member');
const { Speeds } = require('../../../../lib/cluster/primary/speeds');
const { MetricsBlock } = require('../../../../lib/metrics/metrics');
const { readConfig } = require('../../../../lib/config/config');
const { Degradation } = require('../../../../lib/operations');
const { nowMs } = require('../../../../lib/core/clock');
const { readError } = require('../../../../lib/cluster/wire/codec');
const { stepsOf } = require('../../../../lib/cluster/journal');
const protocol = require('../../../../lib/cluster/wire/protocol');

const { ask, result, done } = protocol;
const quiet = { isLevelEnabled: () => false, debug() {}, info() {}, warn() {}, error() {} };

function setUp(overloadAge = Infinity) {
  const degradation = new Degradation(
    overloadAge,
    () => 0,
    () => {},
  );
  const own = new MetricsBlock();
  /** @type {any} */
  const parts = {
    config: readConfig({}, {}),
    log: quiet,
    metrics: { own },
    speeds: new Speeds(),
    contexts: () => parts.all,
    all: [],
    kill: jest.fn(),
    onContextLost: jest.fn(),
    onStopped: jest.fn(),
    mayHave: () => true,
    goneFor: () => undefined,
    emit: jest.fn(),
    degradation: () => degradation,
  };
  const coordinator = new Coordinator(parts);
  let slots = 0;
  const join = (inProcess = false) => {
    const member = new Member({ slot: ++slots, workerId: slots, pid: 1, inProcess, maxConcurrent: 4 });
    member.results = [];
    member.assigned = [];
    member.ask = { post: (numbers, length = numbers.length) => member.results.push(numbers.slice(0, length)) };
    member.run = { post: (numbers, length = numbers.length) => member.assigned.push(numbers.slice(0, length)) };
    member.state = 'ready';
    return member;
  };
  const addContext = (member) => {
    const device = { id: 'cpu:0', backend: 'cpu', type: 'cpu', features: { graphics: false } };
    const context = new ContextView(
      member,
      { index: 0, id: `${member.workerId}-cpu-0`, memoryLimit: 2 ** 29 },
      device,
      parts.speeds,
    );
    member.contexts = [context];
    parts.all = [...parts.all, context];
  };
  return { coordinator, join, addContext, own, parts, degradation };
}

let lastAsk = 0;
/** An ask with one output in a region; equal ones have the same digest. */
function askFor(coordinator, from, { digest = 0, deadline = 0, lent = false, priority = 0 } = {}) {
  const number = ++lastAsk;
  const message = protocol.begin(protocol.kAsk, ask.body + 2 + protocol.output.numbers);
  message[ask.number] = number;
  message[ask.deadline] = deadline;
  message[ask.priority] = priority;
  message[ask.retries] = 2;
  message[ask.flags] = (digest ? protocol.kCacheFlag : 0) + (lent ? protocol.kLentFlag : 0);
  message[ask.digest] = digest;
  message[ask.outputs] = 1;
  message.set([0, 1, 77, 4096, 16], ask.body); // kind, then one output: region, offset, bytes
  coordinator.onAsk(from, message, 0);
  return number;
}

const failure = {
  code: 'ERR_COMPILE',
  message: 'no',
  log: 'k:1: no',
  line: 1,
  column: 2,
  argument: 'inputs.a',
};

/** The job that was assigned last, as it ends: well, or with an error. */
function finish(coordinator, member, error) {
  const { assigned } = member;
  const last = assigned.filter((message) => message[protocol.kTypeAt] === protocol.kAssign).pop();
  const message = protocol.withText(protocol.kDone, done, error ? JSON.stringify(error) : '');
  message[done.number] = last[protocol.assign.jobs + protocol.assigned.number];
  message[done.code] = error ? protocol.codeNumber(error.code) : 0;
  message[done.batch] = 1;
  message[done.switch] = 0.01;
  coordinator.onDone(member, message, 0);
  coordinator.dispatch();
}

const codes = (member) =>
  member.results.map((message) => [message[result.number], protocol.kCodes[message[result.code] - 1] ?? 'ok']);

test('equal jobs: the second gets a copy, and the first its result when that is made', () => {
  const { coordinator, join, addContext } = setUp();
  const a = join(),
    b = join(),
    c = join();
  addContext(c);
  const first = askFor(coordinator, a, { digest: 5 }),
    second = askFor(coordinator, b, { digest: 5 });
  coordinator.dispatch();
  expect(c.assigned).toHaveLength(1);
  finish(coordinator, c);
  expect(codes(a)).toEqual([]);
  expect(codes(b)).toEqual([[second, 'ok']]);
  expect(Array.from(b.results[0].subarray(result.text))).toEqual([77, 4096, 16]);
  expect(b.results[0][result.cached]).toBe(1);
  expect(coordinator.usesMemoryOf(a.serial)).toBe(true);
  coordinator.onCancel(b, second); // too late: it is settled, and stays so
  coordinator.onCopied(b, second);
  coordinator.onCopied(b, second);
  expect(codes(b)).toHaveLength(1);
  expect(codes(a)).toEqual([[first, 'ok']]);
  expect(coordinator.usesMemoryOf(a.serial)).toBe(false);
  coordinator.close();
});

test('under overload jobs of the lowest priority are refused, and told of', () => {
  const { coordinator, join, degradation } = setUp(100);
  const a = join();
  const high = askFor(coordinator, a, { priority: 1 });
  askFor(coordinator, a);
  degradation.look(nowMs(), 400);
  const low = askFor(coordinator, a);
  expect(codes(a)).toEqual([[low, 'ERR_QUEUE_FULL']]);
  const { message, retryAfter } = readError(a.results[0], result, 0);
  expect(message).toMatch(/priority below 1 are refused, which this one's, 0, is/);
  expect(retryAfter).toBeGreaterThan(0);
  expect(askFor(coordinator, a, { priority: 1 })).toBeGreaterThan(high);
  expect(codes(a)).toHaveLength(1);
  expect(coordinator.pending).toBe(3);
  coordinator.close();
});

test("a job's part of its launch is told by its rows", () => {
  const { coordinator, join, addContext } = setUp();
  const a = join(),
    c = join();
  addContext(c);
  const number = askFor(coordinator, a);
  coordinator.dispatch();
  finish(coordinator, c);
  expect(codes(a)).toEqual([[number, 'ok']]);
  expect(a.results[0][result.part]).toBe(1);
  const weights = [1, 2, 5];
  const jobs = weights.map((rows) => ({ number: rows, rows, cost: 0 }));
  const launch = new Launch(jobs, c, undefined);
  expect(jobs.map((job) => launch.partOf(job, 3))).toEqual([1 / 8, 2 / 8, 5 / 8]);
  expect(jobs.map((job) => launch.partOf(job, 1))).toEqual([1, 1, 1]);
  const byCost = [1, 3].map((cost) => ({ number: cost, rows: 0, cost }));
  expect(byCost.map((job) => new Launch(byCost, c, undefined).partOf(job, 2))).toEqual([0.25, 0.75]);
  const nothing = [0, 0].map((cost) => ({ number: 1, rows: 0, cost }));
  expect(nothing.map((job) => new Launch(nothing, c, undefined).partOf(job, 2))).toEqual([0.5, 0.5]);
  coordinator.close();
});

test('a job that was canceled while it was queued leads nobody', () => {
  const { coordinator, join, addContext } = setUp();
  const a = join(),
    c = join();
  const first = askFor(coordinator, a, { digest: 6 });
  coordinator.onCancel(a, first);
  const second = askFor(coordinator, a, { digest: 6 });
  addContext(c);
  coordinator.dispatch();
  finish(coordinator, c);
  expect(codes(a)).toEqual([
    [first, 'ERR_CANCELED'],
    [second, 'ok'],
  ]);
  coordinator.close();
});

test('a leader that is canceled goes on for those that wait', () => {
  const { coordinator, join, addContext } = setUp();
  const a = join(),
    b = join(),
    c = join();
  addContext(c);
  askFor(coordinator, a, { digest: 7 });
  const second = askFor(coordinator, b, { digest: 7 });
  coordinator.dispatch();
  coordinator.onMemberGone(a);
  expect(coordinator.usesMemoryOf(a.serial)).toBe(true);
  expect(c.assigned.some((message) => message[protocol.kTypeAt] === protocol.kCancel)).toBe(false);
  finish(coordinator, c);
  expect(codes(b)).toEqual([[second, 'ok']]);
  expect(coordinator.usesMemoryOf(a.serial)).toBe(true); // b still copies from it
  coordinator.onCopied(b, second);
  expect(coordinator.usesMemoryOf(a.serial)).toBe(false);
  coordinator.close();
});

test('memory of a process that has gone is needed while its leader waits in the queue for others', () => {
  const { coordinator, join, addContext } = setUp();
  const a = join(),
    b = join(),
    c = join();
  addContext(c);
  askFor(coordinator, a, { digest: 8 });
  const second = askFor(coordinator, b, { digest: 8 });
  coordinator.dispatch();
  coordinator.onMemberGone(a);
  c.state = 'gone';
  coordinator.onMemberGone(c); // it did not run: back to the queue
  expect(coordinator.pending).toBe(1);
  expect(coordinator.usesMemoryOf(a.serial)).toBe(true);
  coordinator.rejectAll();
  expect(codes(b)).toEqual([[second, 'ERR_CLOSED']]);
  expect(coordinator.usesMemoryOf(a.serial)).toBe(false);
  coordinator.close();
});

test('when the leader is late, the next one does the work', () => {
  const { coordinator, join, addContext } = setUp();
  const a = join(),
    b = join(),
    c = join();
  const first = askFor(coordinator, a, { digest: 9, deadline: nowMs() + 20 }),
    second = askFor(coordinator, b, { digest: 9 });
  coordinator.dispatch();
  return new Promise((resolve) => {
    setTimeout(resolve, 60);
  }).then(() => {
    expect(codes(a)).toEqual([[first, 'ERR_TIMEOUT']]);
    addContext(c);
    coordinator.dispatch();
    finish(coordinator, c);
    expect(codes(b)).toEqual([[second, 'ok']]);
    coordinator.close();
  });
});

test("a failure is everybody's; a process that dies before it has copied holds nobody up", () => {
  const { coordinator, join, addContext, own } = setUp();
  const a = join(),
    b = join(),
    c = join();
  addContext(c);
  const first = askFor(coordinator, a, { digest: 10 }),
    second = askFor(coordinator, b, { digest: 10 });
  coordinator.dispatch();
  finish(coordinator, c, failure);
  expect(codes(a)).toEqual([[first, 'ERR_COMPILE']]);
  expect(codes(b)).toEqual([[second, 'ERR_COMPILE']]);
  for (const { results } of [a, b]) expect(readError(results[0], result, 0)).toEqual(failure);
  const third = askFor(coordinator, a, { digest: 11 });
  askFor(coordinator, b, { digest: 11 });
  coordinator.dispatch();
  finish(coordinator, c);
  coordinator.onMemberGone(b);
  expect(codes(a)).toEqual([
    [first, 'ERR_COMPILE'],
    [third, 'ok'],
  ]);
  expect(coordinator.unsettled).toBe(0);
  expect(own.copy().view.some((number) => number > 0)).toBe(true);
  coordinator.close();
});

test('a job whose memory is lent runs in the process that has it, and waits for that', () => {
  const { coordinator, join, addContext } = setUp();
  const worker = join();
  const own = join(true);
  addContext(worker);
  addContext(own);
  const assignedTo = ({ assigned }) => assigned.reduce((sum, message) => sum + message[protocol.assign.count], 0);
  const kJobs = 12; // more than one context takes
  for (let i = 0; i < kJobs; ++i) askFor(coordinator, own, { lent: true });
  coordinator.dispatch();
  expect(assignedTo(worker)).toBe(0);
  expect(assignedTo(own)).toBeGreaterThan(0);
  expect(coordinator.pending).toBe(kJobs - assignedTo(own));
  askFor(coordinator, worker);
  coordinator.dispatch();
  expect(assignedTo(worker)).toBe(1);
  coordinator.rejectAll();
  coordinator.close();
});

test('a job that comes back when what it needs has gone for good is ended', () => {
  const { coordinator, join, addContext, parts } = setUp();
  const a = join(),
    c = join();
  addContext(c);
  const first = askFor(coordinator, a);
  coordinator.dispatch();
  parts.goneFor = () => 'cuda:0 was lost';
  coordinator.refuseHopeless(); // it is not in the queue
  expect(codes(a)).toEqual([]);
  coordinator.onMemberLeft(c);
  expect(codes(a)).toEqual([[first, 'ERR_DEVICE_LOST']]);
  expect(coordinator.unsettled).toBe(0);
  coordinator.close();
});

test('what is kept of a job says where it was, or that it was nowhere', () => {
  const { coordinator, join, addContext } = setUp();
  const a = join(),
    c = join(),
    d = join();
  const steps = (number) =>
    stepsOf(coordinator.ended.find(`job-1-${number}`)).filter((step) => /^(given|came back|ended)/.test(step));
  addContext(c);
  const canceled = askFor(coordinator, a);
  coordinator.dispatch();
  coordinator.onCancel(a, canceled);
  c.state = 'gone';
  coordinator.onMemberGone(c); // before it said that the job has stopped
  expect(steps(canceled)).toEqual([
    'given to 2-cpu-0',
    expect.stringMatching(/^ended with ERR_CANCELED after .*: the job was canceled$/),
  ]);
  addContext(d);
  const left = askFor(coordinator, a);
  coordinator.dispatch();
  coordinator.onCancel(a, left);
  coordinator.onMemberLeft(d);
  expect(steps(left)[0]).toBe('given to 3-cpu-0');
  const queued = askFor(coordinator, a);
  coordinator.dispatch();
  coordinator.onMemberLeft(d); // it goes back to the queue
  coordinator.rejectAll();
  expect(steps(queued).join()).toMatch(/^came back from worker 3.*,ended with ERR_CLOSED after /);
  coordinator.close();
});
