// The records of jobs that ended within their call: which is found, which is forgotten, and what is said of one.
'use strict';
const { RanJobs } = require('../../../../lib/cluster/worker/ran-jobs');
const { scratch, layout, countedNames } = require('../../../../lib/call');

const kMatmul = countedNames.indexOf('matmul');

/** Records a job as if the addon had just left its timings. */
function add(ran, number, id) {
  scratch[layout.resultUpload] = number + 0.125;
  scratch[layout.resultCompute] = number + 0.25;
  scratch[layout.resultReadback] = number + 0.5;
  scratch[layout.resultTotal] = number + 1;
  ran.add(number, id, kMatmul, `3-cpu-${number % 2}`, 1e6 + number);
}

test('a job is found by its name, or by the id of its user, with what was measured of it', () => {
  const ran = new RanJobs(3);
  for (let number = 1; number <= 100; ++number) add(ran, number, number === 70 ? 'report' : undefined);
  for (const [id, number] of [
    ['job-3-1', 1],
    ['job-3-64', 64],
    ['report', 70],
    ['job-3-100', 100],
  ])
    expect(ran.find(id)).toMatchObject({
      id,
      type: 'matmul',
      requester: 3,
      asked: 1e6 + number,
      context: `3-cpu-${number % 2}`,
      own: true,
      end: {
        at: 1e6 + 2 * number + 1,
        upload: number + 0.125,
        compute: number + 0.25,
        readback: number + 0.5,
      },
    });
  for (const id of ['job-3-70', 'job-2-1', 'job-3-101', 'job-3-0', 'reports']) expect(ran.find(id)).toBeUndefined();
});

test('the last 10,000 are kept, and it is known that others were forgotten', () => {
  const ran = new RanJobs(3);
  for (let number = 1; number < 10_000; ++number) add(ran, number);
  expect(ran.isFull).toBe(false);
  expect(ran.find('job-3-1')).toBeDefined();
  for (let number = 10_000; number <= 10_070; ++number) add(ran, number, number === 10_007 ? 'late' : undefined);
  expect(ran.isFull).toBe(true);
  for (const number of [1, 70, 10_007]) expect(ran.find(`job-3-${number}`)).toBeUndefined();
  for (const number of [71, 9999, 10_000, 10_070]) expect(ran.find(`job-3-${number}`)?.asked).toBe(1e6 + number);
  expect(ran.find('late')?.asked).toBe(1e6 + 10_007);
});
