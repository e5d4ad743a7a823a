// What a model runs on: which devices are told apart, and how many jobs keep them busy.
'use strict';
const gpu = require('../../..');
const { ownerOf } = require('../../../lib/text/owners');

let manager, context;
beforeAll(async () => {
  manager = gpu.createGPUClusterManager({ logLevel: 'silent', contextTypes: ['cpu'], contextsPerWorker: 3 });
  context = await gpu.createContext({ device: 'cpu' });
  await manager.ready;
});
afterAll(() => Promise.all([manager.close(), context.close()]));

const { name, driver, apiVersion } = gpu.devices().find(({ backend }) => backend === 'cpu');

test('devices are known by their names and drivers: another one is measured anew', async () => {
  for (const of of [manager, context]) {
    const [first] = await ownerOf(of).devices();
    for (const part of [name, driver, apiVersion]) expect(first).toContain(part);
  }
});

test('twice as many jobs as contexts of the kind are at the queue', () => {
  expect(ownerOf(context).width()).toBe(2);
  expect(manager.contexts()).toHaveLength(3);
  expect(ownerOf(manager).width()).toBe(6);
  expect(ownerOf(manager).only('cpu').width()).toBe(6);
  expect(ownerOf(manager).only('cuda').width()).toBe(2); // there is none: who waits for one waits
});
