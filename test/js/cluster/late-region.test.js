// A result may name memory of which this process hears later, over another socket: the event loop does not wait for it.
'use strict';
const { native } = require('../../../lib/addon');
const { describe: describeCall } = require('../../../lib/call');
const { protocol, Channel } = require('../../../lib/cluster/wire');
const { Asks, kNoDigest } = require('../../../lib/cluster/worker/asks');
const { DeviceUse } = require('../../../lib/operations');
const { ownTime, watchTurns } = require('../../support/own-time');

const { result: at, output: place, kResult, kRegion, kTypeAt } = protocol;
const kElements = 64;
const kOffset = 16384; // inside of a page's blocks, wherever exactly they begin
const kRememberedDrops = 1024; // src/memory/shared_memory.cpp
const open = [];

/** A region this process has never heard of, filled with a number. @param {number} value */
function makeUnknownRegion(value) {
  const region = native.createPage();
  new Float32Array(native.pageBuffer(region)).fill(value);
  const [mine, theirs] = native.makePair();
  const sender = new native.ChannelHandle(theirs, () => {});
  const announcement = protocol.withNumber(kRegion, region);
  sender.post(announcement, announcement.length, region);
  const receiver = new Channel(mine, { onMessage() {}, onEnd() {}, onError() {} });
  open.push(sender, receiver);
  native.dropRegion(region);
  for (let i = 0; i <= kRememberedDrops; ++i) native.dropRegion(native.createPage());
  return { region, announce: () => sender.flush() };
}

function makeAsks() {
  const events = { completed: (type, result) => result, failed: (workload, error) => error, ranIn() {} };
  const context = { id: 'worker-1/cpu-0', contextType: 'cpu', deviceName: 'a CPU', device: 'cpu:0', workerId: 1 };
  const config = { timeout: Infinity, retries: 0 };
  const own = { begun() {}, left() {}, ended() {} };
  const use = new DeviceUse({}, String);
  const asks = new Asks({ workerId: 1, config, registry: { find: () => context }, events, own, use });
  const [mine, theirs] = native.makePair();
  const handle = new native.ChannelHandle(mine, () => {});
  open.push(handle, new native.ChannelHandle(theirs, () => {}));
  const posted = [];
  asks.connect({ handle, sent() {}, ref() {}, unref() {}, post: (numbers) => posted.push([...numbers]) });
  return { asks, posted };
}

/** The result of a job whose outputs an equal one has written to a region. */
function resultFor(number, region) {
  const numbers = protocol.begin(kResult, at.text + place.numbers);
  numbers[at.number] = number;
  numbers[at.shared] = place.numbers;
  numbers[at.text + place.region] = region;
  numbers[at.text + place.offset] = kOffset;
  numbers[at.text + place.bytes] = 4 * kElements;
  return numbers;
}

/** Asks for a job, hands in its result, and looks at how long the event loop stood still until the job ended. */
async function run(region, onWaiting) {
  const { asks, posted } = makeAsks();
  const call = describeCall({
    type: 'add',
    inputs: { a: new Float32Array(kElements), b: new Float32Array(kElements) },
  });
  const job = asks.ask(call, {}, undefined, { kind: 'vector', type: '' }, kNoDigest, 0);
  const watch = watchTurns(5);
  const [started, startedOwn] = [performance.now(), ownTime()];
  asks.onResult(resultFor(call.number, region), 0);
  watch.look();
  onWaiting?.(asks, call);
  const ended = await job.then(
    (result) => ({ result }),
    (error) => ({ error }),
  );
  const [ms, ownMs] = [performance.now() - started, ownTime() - startedOwn];
  return { ...ended, posted, ms, ownMs, longestTick: watch.stop() };
}

afterEach(() => {
  for (const each of open.splice(0)) each.close();
});

test('a region that is announced 300 ms late holds up its job, not the event loop', async () => {
  const { region, announce } = makeUnknownRegion(1.5);
  setTimeout(announce, 300);
  const { result, error, posted, longestTick, ms } = await run(region);
  expect(error).toBeUndefined();
  const [output] = Object.values(result.outputs);
  expect([...output.data]).toEqual(new Array(kElements).fill(1.5));
  expect(ms).toBeGreaterThan(280);
  expect(longestTick).toBeLessThan(100); // some 6 on a machine at rest; 300 and more where the loop waits
  expect(posted.filter((message) => message[kTypeAt] === protocol.kCopied)).toHaveLength(1);
});

test('one that never comes fails its job after a second', async () => {
  const { region } = makeUnknownRegion(0);
  const { error, longestTick, ms } = await run(region);
  expect(error).toMatchObject({
    code: 'ERR_WORKER_LOST',
    message: 'the process that ran an equal job has gone',
  });
  expect(ms).toBeGreaterThan(900);
  expect(longestTick).toBeLessThan(100);
});

test('what is known needs no turn of the event loop', async () => {
  const region = native.createPage();
  new Float32Array(native.pageBuffer(region)).fill(2);
  const { result, ownMs } = await run(region);
  expect(Object.values(result.outputs)[0].data[0]).toBe(2);
  expect(ownMs).toBeLessThan(100);
  native.dropRegion(region);
});

test('the end of the connection while a result waits settles the job once', async () => {
  const { region, announce } = makeUnknownRegion(1);
  const { error } = await run(region, (asks) => {
    asks.end(Object.assign(new Error('gone'), { code: 'ERR_WORKER_LOST' }));
    announce();
  });
  expect(error).toMatchObject({ message: 'gone' });
  await new Promise((resolve) => setTimeout(resolve, 50)); // the region has come meanwhile: nothing more happens
});
