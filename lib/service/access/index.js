// Who may enter the service.
'use strict';
const { Access, kBearerProtocol } = require('./access');
const { isLoopback } = require('./origins');

module.exports = { Access, kBearerProtocol, isLoopback };
