// Where the parts of a job may run side by side.
'use strict';
const { makeContext } = require('../../../support/simulation');
const { splitTargets } = require('../../../../lib/cluster/primary/split-targets');

let lastHome;
beforeEach(() => {
  lastHome = 0;
});
const context = (type, fields) => {
  const home = ++lastHome;
  const device = { id: `${type}:0`, uuid: '' };
  return makeContext({ id: `${type}-${home}`, home, type, device, pendingMs: 0, ...fields });
};
const job = { kind: 'matrix', contextType: '', workload: 5 };
const ids = (contexts, fields) => splitTargets({ ...job, ...fields }, contexts).map(({ id }) => id);

test('one for each card, and one for the processors of each worker', () => {
  const contexts = [
    context('cuda', { workerId: 1, state: 'busy', pending: 1 }),
    context('cpu', { workerId: 1 }),
    context('cpu', { workerId: 1 }),
    context('cuda', { workerId: 2 }),
    context('cuda', { workerId: 2, device: { id: 'cuda:1', uuid: '' } }),
    context('cpu', { workerId: 2 }),
  ];
  expect(ids(contexts)).toEqual(['cpu-2', 'cuda-4', 'cuda-5', 'cpu-6']);
  expect(ids([...contexts].reverse())).toHaveLength(4);
});

test('one for a card that both CUDA and Vulkan reach', () => {
  const device = (id, uuid) => ({ device: { id, uuid } });
  const contexts = [
    context('vulkan', device('vulkan:0', '01234567-89ab-cdef-0123-456789abcdef')),
    context('vulkan', device('vulkan:1', '11234567-89ab-cdef-0123-456789abcdef')),
    context('cuda', device('cuda:0', 'GPU-01234567-89ab-cdef-0123-456789abcdef')),
  ];
  expect(ids(contexts)).toEqual(['vulkan-2', 'cuda-3']);
});

test('software Vulkan only where no CPU context takes the job: it would take its processors', () => {
  const contexts = [
    context('vulkan', { software: true }),
    context('vulkan', { software: true, device: { id: 'vulkan:1', uuid: '' } }),
    context('cpu'),
  ];
  expect(ids(contexts)).toEqual(['cpu-3']);
  expect(ids(contexts, { contextType: 'vulkan' })).toEqual(['vulkan-1', 'vulkan-2']);
});

test('none that is lost, starts, or is of another type than was asked for', () => {
  expect(ids([context('cuda', { state: 'lost' }), context('cpu', { state: 'starting' })])).toEqual([]);
  expect(ids([context('cuda'), context('cpu')], { contextType: 'cpu' })).toEqual(['cpu-4']);
});

test('what is known of each', () => {
  const speed = (workload) => (workload === 5 ? 0.5 : undefined);
  expect(
    splitTargets(job, [
      context('cuda', { speed, state: 'busy', pending: 2, pendingMs: 40 }),
      context('cpu', { state: 'busy', pending: 1, pendingMs: 7 }),
    ]),
  ).toEqual([
    { home: 1, id: 'cuda-1', rank: 0, isCard: true, speed: 0.5, busyMs: 20 },
    { home: 2, id: 'cpu-2', rank: expect.any(Number), isCard: false, speed: null, busyMs: 7 },
  ]);
});
