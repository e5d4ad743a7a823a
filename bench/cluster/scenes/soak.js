// The soak, for as long as a benchmark may take.
'use strict';
const { runSoak } = require('../../soak/run');

module.exports = { run: (options) => runSoak(options) };
