// What figures put on a context: jobs kept in flight until told to stop.
'use strict';
const gpu = require('../..');

const vector = (seed) => Float32Array.from({ length: 1024 }, (_, i) => Math.sin(seed + i));
const smallJob = () => ({ type: 'add', inputs: { a: vector(1), b: vector(2) } });
const squareJob = (size) => {
  const values = (seed) => ({
    data: Float32Array.from({ length: size * size }, (_, i) => Math.sin(seed + i)),
    shape: [size, size],
    dtype: 'float32',
  });
  return { type: 'matmul', inputs: { a: values(1), b: values(2) } };
};
const largeJob = (bytes) => ({
  type: 'scale',
  inputs: { input: new Float32Array(bytes / 4).fill(1) },
  params: { factor: 2 },
});

// Keeps `width` jobs in flight from now on; stop() waits for the last of them and says how many were finished.
// options() gives the options of each of the `width`, kept from job to job.
function keepInFlight(context, job, width, options = () => undefined) {
  let going = true,
    finished = 0;
  const lane = async () => {
    const own = options();
    while (going) {
      await context.run(job, own);
      finished += 1;
    }
  };
  const lanes = Promise.all(Array.from({ length: width }, lane));
  lanes.catch(() => {
    going = false;
  });
  return {
    async stop() {
      going = false;
      await lanes;
      return finished;
    },
  };
}

const openContext = (device, options = {}) => gpu.createContext({ device, ...options });

module.exports = { gpu, smallJob, squareJob, largeJob, keepInFlight, openContext };
