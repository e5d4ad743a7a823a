// Which device is held to have ended a worker as it was opened.
'use strict';
const { Placement } = require('../../../../lib/cluster/primary/placement');
const { readConfig } = require('../../../../lib/config/config');
const status = require('../../../../lib/metrics/status-page');

const log = { error: jest.fn() };
const devices = ['cuda:0', 'vulkan:0', 'cpu:0'].map((id) => ({ id, backend: id.split(':')[0] }));
const plan = devices.map(({ id }, index) => ({ index, device: id, memoryLimit: 1 }));

/** A worker that ended while its contexts were in these states. */
function ended(...states) {
  const page = new Float64Array(status.inPage.numbers);
  states.forEach((state, index) => {
    page[status.contextAt(index) + status.inContext.state] = status.kStates.indexOf(state);
  });
  return { plan, page, devices };
}

test('the one device that was being opened, twice', () => {
  const placement = new Placement({ config: readConfig({}, {}), log });
  placement.failed(ended('ready', 'starting', 'ready'));
  expect(placement.isSuspicious).toBe(true);
  expect(placement.avoided).toEqual([]);
  placement.failed(ended('ready', 'starting', 'none'));
  expect(placement.avoided).toEqual(['vulkan:0']);
});

test('several at once are only suspects, however often; one by one shows which it was', () => {
  const placement = new Placement({ config: readConfig({}, {}), log });
  for (let i = 0; i < 5; ++i) placement.failed(ended('starting', 'starting', 'ready'));
  expect(placement.avoided).toEqual([]);
  expect(placement.isSuspicious).toBe(true);
  placement.opened('cuda:0');
  placement.failed(ended('ready', 'starting', 'ready'));
  expect(placement.avoided).toEqual(['vulkan:0']);
});

test('a device that opens again is innocent', () => {
  const placement = new Placement({ config: readConfig({}, {}), log });
  placement.failed(ended('starting', 'none', 'ready'));
  placement.opened('cuda:0');
  expect(placement.isSuspicious).toBe(false);
  placement.failed(ended('starting', 'none', 'ready'));
  expect(placement.avoided).toEqual([]);
});

test('the last one is never left out, nor the only one that is allowed', () => {
  const placement = new Placement({ config: readConfig({ contextTypes: ['vulkan'] }, {}), log });
  for (let i = 0; i < 3; ++i) placement.failed(ended('none', 'starting', 'none'));
  expect(placement.avoided).toEqual([]);
});
