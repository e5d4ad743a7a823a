// Outputs of a result that is kept: the same again, into a caller's memory, too; and none where they say what isn't so.
'use strict';
const { packed, unpacked, isWhole, fits } = require('../../../../lib/cluster/worker/kept-outputs');
const { kMade } = require('../../../support/result-entries');

const outputs = {
  indices: { data: Int32Array.of(3, 1, 2), shape: [1, 3], dtype: 'int32' },
  none: { data: new Float32Array(0), shape: [0, 4], dtype: 'float32' },
  codes: { data: Int8Array.of(-1, 2), shape: [2], dtype: 'int8' },
  halves: { data: Uint16Array.of(15360), shape: [], dtype: 'float16' },
};
const kept = Object.entries(outputs).map(([name, { shape, dtype }]) => ({ name, shape, dtype }));
const entry = { outputs: kept, data: packed(outputs, 1000), made: kMade };

test('are the same again, and the caller has its own', () => {
  const again = unpacked(entry, undefined);
  expect(again).toEqual(outputs);
  again.indices.data.fill(0);
  expect(unpacked(entry, undefined)).toEqual(outputs);
  expect(isWhole(entry)).toBe(true);
});

test('are written into memory that fits, and that fits alone', () => {
  const targets = [new Int32Array(3), undefined, undefined, undefined];
  expect(fits(entry, { targets })).toBe(true);
  expect(unpacked(entry, targets).indices.data).toBe(targets[0]);
  expect([...targets[0]]).toEqual([3, 1, 2]);
  for (const wrong of [new Int32Array(4), new Float32Array(3)]) expect(fits(entry, { targets: [wrong] })).toBe(false);
});

test('are not kept beyond a size', () => {
  expect(entry.data.byteLength).toBe(32);
  expect(packed(outputs, 31)).toBeUndefined();
});

const one = { name: 'output', dtype: 'float32', shape: [8] };
test.each([
  ['more numbers than it has', { outputs: [{ ...one, shape: [9] }] }],
  ['a second output that it lacks', { outputs: [one, one] }],
  ['a dtype that there is not', { outputs: [{ ...one, dtype: 'float64' }] }],
  ['a negative extent', { outputs: [{ ...one, shape: [-2, -4] }] }],
  ['a broken extent', { outputs: [{ ...one, shape: [0.5] }] }],
  ['extents whose product is no number', { outputs: [{ ...one, shape: [2 ** 53 - 1, 2 ** 53 - 1] }] }],
  ['no shape', { outputs: [{ name: 'output', dtype: 'float32' }] }],
  ['no name', { outputs: [{ dtype: 'float32', shape: [8] }] }],
  ['no list', { outputs: { output: one } }],
  ['an empty place', { outputs: [null] }],
  ['no place where it was made', { made: undefined }],
  ['no cost', { made: { ...kMade, cost: null } }],
])('an entry that says %s is none', (_, wrong) => {
  const whole = { outputs: [one], data: new Uint8Array(32), made: kMade };
  expect(isWhole(whole)).toBe(true);
  expect(isWhole({ ...whole, ...wrong })).toBe(false);
});
