// The primary process: who belongs to the cluster, and which job goes where.
'use strict';
const { Forks } = require('./forks');
const { Primary } = require('./primary');
const { Reports } = require('./reports');

module.exports = { Forks, Primary, Reports };
