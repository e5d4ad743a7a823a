// Descriptors that run out, in a process that is alone and in each process of a cluster: what needs one fails with
// ERR_OUT_OF_MEMORY, and nothing else does.
'use strict';
const { runChild } = require('../../support/run-child');
const { suite } = require('../../support/run-cluster-suite');

jest.setTimeout(120000);

test.each([40, 64])('a process that is alone, where %i are allowed', async (most) => {
  const { code, signal, stdout, stderr } = await runChild('no-descriptors.js', [], { limits: `-n ${most}` });
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
  const { made, added, last, status } = JSON.parse(stdout);
  expect(made[0]).toBe('ERR_OUT_OF_MEMORY');
  for (const one of made) expect([3, 'ERR_OUT_OF_MEMORY']).toContain(one);
  expect(made).toContain(3);
  expect(added).toEqual([0, 1, 2, 3].map((each) => [each + 1, each + 1, each + 1]));
  expect({ last, status }).toEqual({ last: 3, status: 'ok' });
});

suite('descriptors', {}, { limits: '-n 80' });
