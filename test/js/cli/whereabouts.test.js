// Where a card is, in words.
'use strict';
const { whereIs } = require('../../../lib/cli/whereabouts');
const { describe: describeDevice } = require('../../../lib/cli/doctor/files');

const links = [
  { device: 'cuda:1', nvlink: true, peer: true },
  { device: 'cuda:2', nvlink: false, peer: true },
  { device: 'cuda:3', nvlink: true, peer: false },
];

test.each([
  [{}, ''],
  [{ pciBusId: '0000:17:00.0' }, 'PCI 0000:17:00.0'],
  [{ pciBusId: '0000:17:00.0', numaNode: 0 }, 'PCI 0000:17:00.0, NUMA node 0'],
  [
    { pciBusId: '0000:17:00.0', numaNode: 1, numaCpus: '8-15', links },
    'PCI 0000:17:00.0, NUMA node 1 (CPUs 8-15), NVLink to cuda:1, cuda:3, reads the memory of cuda:2',
  ],
])('%j', (device, expected) => expect(whereIs(device)).toBe(expected));

test('the doctor says it with the device', () => {
  const device = { id: 'cuda:0', name: 'A card', driver: '580' };
  expect(describeDevice(device)).toBe('cuda:0 A card (580)');
  expect(describeDevice({ ...device, numaNode: 0 })).toBe('cuda:0 A card (580) at NUMA node 0');
});
