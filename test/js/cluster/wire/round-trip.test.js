// The messages of a job between JavaScript and C++, each written by one and read by the other: its ask, what assigns
// it, that it is done, its result; and the status page beside them.
'use strict';
const { native } = require('../../../../lib/addon');
const { describe: describeCall, scratch, layout, nextId, specs } = require('../../../../lib/call');
const { createContext, GPUContext } = require('../../../../lib/context');
const { protocol, codec, Channel } = require('../../../../lib/cluster/wire');
const { Asks, kNoDigest } = require('../../../../lib/cluster/worker/asks');
const { statusPage } = require('../../../../lib/metrics');
const { DeviceUse } = require('../../../../lib/operations');
const { until } = require('../../../support/waiting');

const { ask, output, assign, assigned, done, result, kTypeAt } = protocol;
const { inPage, inContext, contextAt } = statusPage;
const kElements = 3;

/** Two ends of a connection; `heard` are the messages that have come to the first. */
function makeChannel() {
  const [mine, theirs] = native.makePair();
  const heard = [];
  const channel = new Channel(mine, {
    onMessage: (numbers, at, length) => heard.push(numbers.slice(at, at + length)),
    onEnd() {},
    onWrong() {},
    onError() {},
  });
  return { channel, theirs, heard };
}

const open = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

test('a job from its ask to its result', async () => {
  // The requester asks: JavaScript writes the first numbers, C++ the others.
  const coordinator = makeChannel();
  const requester = new Channel(coordinator.theirs, { onMessage() {}, onEnd() {}, onWrong() {}, onError() {} });
  open.push(
    () => requester.close(),
    () => coordinator.channel.close(),
  );
  const context = { id: '1-cpu-0', contextType: 'cpu', deviceName: 'a CPU', workerId: 1 };
  const asks = new Asks({
    workerId: 1,
    config: { timeout: Infinity, retries: 2 },
    registry: { find: (member, index) => member === 7 && index === 3 && context },
    events: { completed: (type, ended) => ended, failed: (workload, error) => error, ranIn() {} },
    use: new DeviceUse({ cpu: 3_600_000 }, String),
  });
  asks.connect(requester);
  const call = describeCall({
    type: 'add',
    inputs: { a: Float32Array.of(1, 2, 3), b: Float32Array.of(10, 20, 30) },
  });
  const options = { priority: -4, affinity: undefined, retries: 5, timeout: 60_000 };
  const outcome = asks.ask(call, {}, options, { kind: 'search', type: 'gpu' }, [11, 12, 13, 14], 0);
  await until(() => coordinator.heard.some((message) => message[kTypeAt] === protocol.kAsk));
  const asked = coordinator.heard.find((message) => message[kTypeAt] === protocol.kAsk);
  codec.checkFromMember(asked, 0, asked.length);
  expect(asked[0]).toBe(asked.length);
  expect(asked[ask.number]).toBe(call.number);
  expect(asked[ask.priority]).toBe(-4);
  expect(asked[ask.deadline]).toBeGreaterThan(0);
  expect(protocol.kKinds[asked[ask.kind]]).toBe('search');
  expect(protocol.kContextTypes[asked[ask.contextType]]).toBe('gpu');
  expect(asked[ask.affinity]).toBe(0);
  expect(asked[ask.retries]).toBe(5);
  expect(asked[ask.flags]).toBe(protocol.kCacheFlag);
  expect(asked[ask.workload]).toBe(specs.get('add').index);
  expect(asked[ask.flops]).toBeGreaterThanOrEqual(kElements);
  expect(asked[ask.bytes]).toBe(3 * kElements * 4);
  expect(asked[ask.joinKey]).toBeGreaterThan(0);
  expect([...asked.subarray(ask.digest, ask.resident)]).toEqual([11, 12, 13, 14]);
  expect([...asked.subarray(ask.resident, ask.outputs)].every((number) => number === 0)).toBe(true);
  expect(asked[ask.memory]).toBe(3 * kElements * 4);
  expect(asked[ask.own]).toBe(3 * kElements * 4);
  const body = asked.subarray(ask.body);
  expect(body[asked[ask.outputs]]).toBe(1);
  const place = body.subarray(asked[ask.outputs] + 1);
  expect(place.length).toBe(output.numbers);
  expect(place[output.region]).toBeGreaterThan(0);
  expect(place[output.bytes]).toBe(kElements * 4);

  // An executor of C++ is given the job, and says what has become of it.
  const worker = makeChannel();
  open.push(() => worker.channel.close());
  const region = native.createPage();
  const page = new Float64Array(native.pageBuffer(region));
  expect(page.length).toBe(inPage.numbers);
  const executor = new native.ExecutorHandle(worker.theirs, region, false);
  open.push(() => executor.stop(true, 5000));
  const gpu = await createContext({ device: 'cpu' });
  open.push(() => gpu.close());
  executor.add(3, GPUContext.handleOf(gpu));
  const given = protocol.begin(protocol.kAssign, assign.jobs + assigned.body + body.length);
  given[assign.context] = 3;
  given[assign.decided] = 1;
  given[assign.count] = 1;
  given[assign.jobs + assigned.number] = 99;
  given[assign.jobs + assigned.length] = body.length;
  given.set(body, assign.jobs + assigned.body);
  worker.channel.post(given);
  await until(() => worker.heard.length === 1);
  const [ended] = worker.heard;
  codec.checkFromExecutor(ended, 0, ended.length);
  expect(ended[kTypeAt]).toBe(protocol.kDone);
  expect(ended[done.number]).toBe(99);
  expect(ended[done.code]).toBe(0);
  expect(ended[done.batch]).toBe(1);
  expect(ended[done.switch]).toBeGreaterThan(0);
  expect(ended[done.compute]).toBeGreaterThan(0);
  for (const stage of [done.upload, done.readback]) expect(ended[stage]).toBeGreaterThanOrEqual(0);
  expect(ended[done.context]).toBe(3);
  expect(ended[done.textBytes]).toBe(0);

  // Its page says so, too; nobody but the executor has written there.
  const at = contextAt(3);
  await until(() => page[at + inContext.remoteRun] === 1);
  expect(page[inPage.executorBeat]).toBeGreaterThan(0);
  expect(page[at + inContext.remotePending]).toBe(0);
  expect(page[at + inContext.progress]).toBeGreaterThan(0);
  expect(page[at + inContext.lost]).toBe(0);
  const written = [inPage.executorBeat, at + inContext.remoteRun, at + inContext.progress];
  page.forEach((number, i) => expect([i, number !== 0]).toEqual([i, written.includes(i)]));

  // What is not understood is said in words.
  given.fill(0, assign.jobs + assigned.body);
  worker.channel.post(given);
  await until(() => worker.heard.length === 2);
  const refused = worker.heard[1];
  codec.checkFromExecutor(refused, 0, refused.length);
  expect(protocol.kCodes[refused[done.code] - 1]).toBe('ERR_INTERNAL');
  expect(codec.readError(refused, done, 0)).toMatchObject({
    code: 'ERR_INTERNAL',
    message: expect.stringMatching(/\w+ \w+/),
  });

  // The requester gets its result.
  const answer = protocol.begin(protocol.kResult, result.text);
  answer[result.number] = call.number;
  answer[result.batch] = 2;
  answer[result.member] = 7;
  answer[result.context] = 3;
  answer[result.attempts] = 4;
  answer[result.switch] = 0.5;
  answer[result.compute] = 0.25;
  answer[result.part] = 0.5;
  codec.checkFromCoordinator(answer, 0, answer.length);
  asks.onResult(answer, 0);
  const { outputs, timings, ...rest } = await outcome;
  expect([...outputs.output.data]).toEqual([11, 22, 33]);
  expect(timings).toMatchObject({ switch: 0.5, compute: 0.25 });
  expect(rest).toMatchObject({ workerId: 1, batchSize: 2, attempts: 4, cached: false, cost: 0.125 });
});

test('the numbers of an ask that JavaScript writes have their places in the scratch array', () => {
  expect(scratch.length).toBeGreaterThanOrEqual(layout.callAsk + ask.body);
  expect(nextId()).toBe(scratch[layout.callId]);
  expect(kNoDigest).toHaveLength(ask.resident - ask.digest);
});
