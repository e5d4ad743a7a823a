// Jobs that are split over two workers with the CPU each.
'use strict';
module.exports = require('./common/split').splitSuite(false);
