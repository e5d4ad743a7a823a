// Jobs whose memory is made ready before the coordinator is asked for them: what is known of them meanwhile.
'use strict';
const { native } = require('../../../../lib/addon');
const { layout, scratch } = require('../../../../lib/call');
const { GPUError } = require('../../../../lib/core');
const { ask } = require('../../../../lib/cluster/wire/protocol');
const { Asks, kNoDigest } = require('../../../../lib/cluster/worker/asks');
const { OwnJobs } = require('../../../../lib/cluster/worker/own-jobs');

let own, asks, dropped;
beforeEach(() => {
  own = new OwnJobs(3, { isFull: false, find: () => undefined });
  asks = new Asks({
    workerId: 3,
    config: { timeout: 60_000, retries: 0 },
    registry: {},
    events: { failed: (workload, error) => error },
    own,
  });
  asks.connect({ handle: {}, post() {}, sent() {}, ref() {}, unref() {} });
  dropped = jest.spyOn(native, 'dropRemote').mockImplementation(() => {});
});
afterEach(() => jest.restoreAllMocks());

/** Asks for a job that the addon puts off, and estimates at so much. */
function askFor(flops, bytes) {
  const call = {
    counted: 0,
    workload: 0,
    type: 'matmul',
    outputs: [],
    targets: undefined,
    holds: () => undefined,
    ask() {
      scratch[layout.callAsk + ask.flops] = flops;
      scratch[layout.callAsk + ask.bytes] = bytes;
      return 0;
    },
  };
  return asks.ask(call, {}, undefined, { kind: 'matrix', type: '' }, kNoDigest, 0);
}

const costs = () => own.answer(1, undefined).jobs.map(({ costMs }) => costMs);

test('each is told with what it is estimated at itself', () => {
  jest.spyOn(native, 'stageRemote').mockImplementation(() => {});
  scratch[layout.startedFlops] = 5e8; // of another, that a context was given before
  askFor(1e8, 0).catch(() => {});
  askFor(2e8, 2e7).catch(() => {});
  expect(costs()).toEqual([1, 3]);
});

test('what ends all of them is an error of its own for each', async () => {
  jest.spyOn(native, 'stageRemote').mockImplementation(() => {});
  jest.spyOn(native, 'abandonRemote').mockImplementation(() => {});
  const asked = [askFor(1, 1), askFor(1, 1)].map((each) => each.catch((error) => error));
  const given = new GPUError('ERR_CLOSED', 'the cluster was closed', { cause: 'so it is' });
  asks.end(given);
  const errors = await Promise.all(asked);
  expect(new Set([given, ...errors]).size).toBe(3);
  for (const { code, message, cause } of errors)
    expect([code, message, cause]).toEqual(['ERR_CLOSED', 'the cluster was closed', 'so it is']);
});

test('one whose memory cannot be made ready is under way no longer', async () => {
  jest.spyOn(native, 'stageRemote').mockImplementation(() => {
    throw new Error('no thread for it');
  });
  await expect(askFor(1e8, 0)).rejects.toThrow('no thread for it');
  expect(costs()).toEqual([]);
  expect(dropped).toHaveBeenCalledTimes(1);
});
