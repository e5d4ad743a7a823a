// Weights under a name: what is there is taken if it is what it must be.
'use strict';
const { placeShared } = require('../../../lib/text/weights');

const parts = [{ name: 'w', dtype: 'float32', shape: [4], bytes: 16 }];
const content = { parts, forms: new Map(), read: () => Promise.reject(new Error('nobody reads')) };

function namesWith(found) {
  const unwatch = jest.fn();
  return {
    publishFirst: async () => false,
    lookup: async () => found,
    withdraw: jest.fn(async () => true),
    watch: jest.fn(() => unwatch),
    unwatch,
  };
}

const tensorOf = (data, shape, dtype) => ({ data, shape, dtype, release: jest.fn() });

test('the tensor of that name, as views of its parts', async () => {
  const shared = tensorOf(new Uint8Array(256), [256], 'uint8');
  const names = namesWith(shared);
  const placed = await placeShared(names, 'switchyard:text:a', content, {});
  expect(placed.inputs.w.data.buffer).toBe(shared.data.buffer);
  await placed.release();
  expect(shared.release).toHaveBeenCalledTimes(1);
  expect(names.unwatch).toHaveBeenCalledTimes(1);
  expect(names.withdraw).toHaveBeenCalledWith('switchyard:text:a');
});

test.each([
  [tensorOf(new Uint8Array(255), [255], 'uint8')],
  [tensorOf(new Float32Array(64), [64], 'float32')],
  [tensorOf(new Uint8Array(256), [16, 16], 'uint8')],
])('another one is refused, and let go of: %#', async (shared) => {
  const names = namesWith(shared);
  await expect(placeShared(names, 'switchyard:text:a', content, {})).rejects.toMatchObject({
    code: 'ERR_INTERNAL',
    message: expect.stringMatching(/'switchyard:text:a' is .*, but must be uint8 \[256\]/),
  });
  expect(shared.release).toHaveBeenCalledTimes(1);
  expect(names.watch).not.toHaveBeenCalled();
});
