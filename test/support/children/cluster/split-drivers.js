// Jobs that are split over two software drivers in a process that is alone.
'use strict';
module.exports = require('./common/split').splitSuite(true);
