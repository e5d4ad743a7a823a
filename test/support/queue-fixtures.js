// For the tests of the queue: queues of given jobs, and taking all out the way the coordinator does.
'use strict';
const { makeJob } = require('./simulation');
const { JobQueue } = require('../../lib/cluster/primary/queue');

const yes = () => true;

const filled = (...jobs) => {
  const queue = new JobQueue({ limit: 1000 });
  for (const fields of jobs) queue.push(makeJob(fields));
  return queue;
};

/** Takes jobs out the way the coordinator does; gives what each had in the field. */
function drain(queue, field, now = 0, most = Infinity) {
  const order = [];
  for (let job; order.length < most && (job = queue.next(now, yes)); queue.takeMatching(job, 1, yes))
    order.push(job[field]);
  return order;
}

module.exports = { yes, filled, drain };
