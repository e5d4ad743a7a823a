// The devices of this machine, by their ids. Not for children: it opens the drivers.
'use strict';

const gpu = require('../..');

module.exports = { devices: gpu.devices().map(({ id }) => id) };
