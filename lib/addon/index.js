// The native addon: loaded here, and typed. The rest of lib/ takes what it needs from this face.
'use strict';
const { native } = require('./native');

module.exports = { native };
