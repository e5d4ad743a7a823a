// Results to keep, for tests.
'use strict';

const kMade = {
  contextId: '0-cpu-0',
  contextType: 'cpu',
  device: 'cpu:0',
  deviceName: 'a processor',
  workerId: 0,
  cost: 0.25,
};

/**
 * An entry of so many float32, which count up from a number.
 * @param {number} from
 * @param {number} [length]
 */
function entryOf(from, length = 16) {
  const values = Float32Array.from({ length }, (_, i) => from + i);
  return {
    outputs: [{ name: 'output', dtype: 'float32', shape: [length] }],
    data: new Uint8Array(values.buffer),
    made: kMade,
  };
}

/** The numbers of an entry. */
const numbersOf = ({ data }) => Array.from(new Float32Array(data.buffer, data.byteOffset, data.byteLength / 4));

module.exports = { entryOf, numbersOf, kMade };
