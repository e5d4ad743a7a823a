// What holds wherever a manager is asked and wherever the job runs: in one process, on a worker's own context, in
// another process. The cases, in the order in which they run.
'use strict';

module.exports = {
  ...require('./common/results'),
  ...require('./common/tensors'),
  ...require('./common/refusals'),
  ...require('./common/lives'),
};
