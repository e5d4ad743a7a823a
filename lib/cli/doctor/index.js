// What `switchyard doctor` finds out about this machine and this installation.
'use strict';
const { diagnose } = require('./doctor');

module.exports = { diagnose };
