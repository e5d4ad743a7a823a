// How much of sealed tensors stays on a device, by how full it is.
'use strict';
const { ResidentLimit } = require('../../../../lib/cluster/worker/resident-limit');

function limited() {
  const at = { used: 0, limit: 1000, resident: 0 };
  const calls = [];
  const residents = new ResidentLimit({
    id: '1-cuda-0',
    read: () => ({ used: at.used, limit: at.limit }),
    residentBytes: () => at.resident,
    limit: (...given) => calls.push(given),
    trim: () => calls.push('trim'),
  });
  return {
    at,
    /** What follows when so much is in use. */
    tend(used, resident = at.resident) {
      Object.assign(at, { used, resident });
      residents.tend();
      return calls.splice(0);
    },
  };
}

test('nothing is done while there is room', () => {
  const { tend } = limited();
  expect(tend(0)).toEqual([]);
  expect(tend(599, 500)).toEqual([]);
});

test('high: those that were not used for ten seconds go, down to half of the limit in use', () => {
  const { tend } = limited();
  expect(tend(650, 400)).toEqual([[250, 10_000]]);
  expect(tend(550, 300)).toEqual([[250, 10_000]]);
  expect(tend(700, 100)).toEqual([[0, 10_000]]);
  expect(tend(499, 100)).toEqual([[Infinity, 0]]);
  expect(tend(499, 100)).toEqual([]);
});

test('recovery: all that are not in use go, and unused memory, once', () => {
  const { tend } = limited();
  expect(tend(800, 400)).toEqual([[0, 1000], 'trim']);
  expect(tend(750, 100)).toEqual([[0, 1000]]);
  expect(tend(690, 100)).toEqual([[0, 10_000]]);
  expect(tend(900, 100)).toEqual([[0, 1000], 'trim']);
  expect(tend(10, 0)).toEqual([[Infinity, 0]]);
});
