// WebSockets of the service.
'use strict';
const { Sockets } = require('./sockets');

module.exports = { Sockets };
