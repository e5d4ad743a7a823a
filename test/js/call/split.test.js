// The parts of a job as views of its memory, and the best of what parts of a search have found.
'use strict';
const { inputsOfPart, mergeBest } = require('../../../lib/call');

test('a part has its rows of what is cut as a view, and all of the rest', () => {
  const a = {
    name: 'a',
    place: 0,
    data: Float32Array.from({ length: 24 }, (_, i) => i),
    shape: [2, 3, 4],
    dtype: 'float32',
  };
  const b = { name: 'b', place: 1, data: new Float32Array(8), shape: [4, 2], dtype: 'float32' };
  const part = inputsOfPart([a, b], { units: 6, axes: [2, 0], merge: 'rows' }, 2, 3);
  expect(part.a).toMatchObject({ shape: [3, 4], dtype: 'float32' });
  expect(part.a.data.buffer).toBe(a.data.buffer);
  expect(Array.from(part.a.data)).toEqual([8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
  expect(part.b).toEqual({ data: b.data, shape: [4, 2], dtype: 'float32' });
});

describe('the best of all parts', () => {
  /** Of parts [scores, indices], each for one query. */
  function merged(largest, k, ...parts) {
    const scores = new Float32Array(k),
      indices = new Int32Array(k);
    const lists = parts.map(([found, places, first]) => ({
      scores: Float32Array.from(found),
      indices: Int32Array.from(places),
      first,
      k: found.length,
    }));
    mergeBest(lists, largest, k, scores, indices);
    return [Array.from(scores), Array.from(indices)];
  }

  test.each([
    [
      'the largest',
      true,
      [[5, 1], [0, 2], 0],
      [[4, 3], [1, 0], 10],
      [
        [5, 4, 3],
        [0, 11, 10],
      ],
    ],
    [
      'the smallest',
      false,
      [[1, 5], [2, 0], 0],
      [[3, 4], [0, 1], 10],
      [
        [1, 3, 4],
        [2, 10, 11],
      ],
    ],
    [
      'equal ones: the earlier part first',
      true,
      [[2, 2], [0, 1], 0],
      [[2, 2], [0, 5], 8],
      [
        [2, 2, 2],
        [0, 1, 8],
      ],
    ],
    [
      '-0 is as +0',
      true,
      [[-0, -1], [3, 0], 0],
      [[0, -1], [1, 0], 8],
      [
        [-0, 0, -1],
        [3, 9, 0],
      ],
    ],
    [
      'NaN comes last',
      true,
      [[1, NaN], [1, 0], 0],
      [[0, NaN], [2, 0], 8],
      [
        [1, 0, NaN],
        [1, 10, 0],
      ],
    ],
    [
      'NaN comes last among the smallest',
      false,
      [[1, NaN], [1, 0], 0],
      [[2], [0], 8],
      [
        [1, 2, NaN],
        [1, 8, 0],
      ],
    ],
    [
      'a part of few rows',
      true,
      [[7], [0], 0],
      [[9, 8, 1], [2, 0, 1], 1],
      [
        [9, 8, 7],
        [3, 1, 0],
      ],
    ],
    [
      'infinities',
      true,
      [[Infinity, -Infinity], [0, 1], 0],
      [[3], [0], 2],
      [
        [Infinity, 3, -Infinity],
        [0, 2, 1],
      ],
    ],
  ])('%s', (_, largest, one, two, expected) => expect(merged(largest, 3, one, two)).toEqual(expected));

  test('each query by itself', () => {
    const scores = new Float32Array(4),
      indices = new Int32Array(4);
    const part = (values, first) => ({
      scores: Float32Array.from(values),
      indices: Int32Array.from([0, 1, 1, 0]),
      first,
      k: 2,
    });
    mergeBest([part([9, 1, 4, 3], 0), part([5, 4, 8, 7], 2)], true, 2, scores, indices);
    expect([Array.from(scores), Array.from(indices)]).toEqual([
      [9, 5, 8, 7],
      [0, 2, 3, 2],
    ]);
  });
});
