// Who may enter the service, and what is shown to them to prove who it is.
'use strict';
const { Access, kBearerProtocol } = require('./access');
const { isLoopback } = require('./origins');
const { readTls } = require('./tls');

module.exports = { Access, kBearerProtocol, isLoopback, readTls };
