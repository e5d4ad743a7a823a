// Which device is held to have ended a worker as it was opened.
'use strict';
const { Starts } = require('../../../../lib/cluster/primary/starts');
const { readConfig } = require('../../../../lib/config/config');
const status = require('../../../../lib/metrics/status-page');

const log = { error: jest.fn() };
const devices = ['cuda:0', 'vulkan:0', 'cpu:0'].map((id) => ({ id, backend: id.split(':')[0] }));
const plan = devices.map(({ id }, index) => ({ index, device: id, memoryLimit: 1 }));

/** A worker that ended while its contexts were in these states. */
function ended(...states) {
  const page = new Float64Array(status.kPageSize);
  states.forEach((state, index) => {
    page[status.contextAt(index) + status.kState] = status.kStates.indexOf(state);
  });
  return { plan, page, devices };
}

test('the one device that was being opened, twice', () => {
  const starts = new Starts({ config: readConfig({}, {}), log });
  starts.failed(ended('ready', 'starting', 'ready'));
  expect(starts.isSuspicious).toBe(true);
  expect(starts.avoided).toEqual([]);
  starts.failed(ended('ready', 'starting', 'none'));
  expect(starts.avoided).toEqual(['vulkan:0']);
});

test('several at once are only suspects, however often; one by one shows which it was', () => {
  const starts = new Starts({ config: readConfig({}, {}), log });
  for (let i = 0; i < 5; ++i) starts.failed(ended('starting', 'starting', 'ready'));
  expect(starts.avoided).toEqual([]);
  expect(starts.isSuspicious).toBe(true);
  starts.opened('cuda:0');
  starts.failed(ended('ready', 'starting', 'ready'));
  expect(starts.avoided).toEqual(['vulkan:0']);
});

test('a device that opens again is innocent', () => {
  const starts = new Starts({ config: readConfig({}, {}), log });
  starts.failed(ended('starting', 'none', 'ready'));
  starts.opened('cuda:0');
  expect(starts.isSuspicious).toBe(false);
  starts.failed(ended('starting', 'none', 'ready'));
  expect(starts.avoided).toEqual([]);
});

test('the last one is never left out, nor the only one that is allowed', () => {
  const starts = new Starts({ config: readConfig({ contextTypes: ['vulkan'] }, {}), log });
  for (let i = 0; i < 3; ++i) starts.failed(ended('none', 'starting', 'none'));
  expect(starts.avoided).toEqual([]);
});
