// Who may enter the service, and what is shown to them to prove who it is.
'use strict';
const { Access, isBearer } = require('./access');
const { isLoopback } = require('./origins');
const { LastGood } = require('./last-good');
const { followTls, readTls } = require('./tls');

module.exports = { Access, isBearer, isLoopback, LastGood, readTls, followTls };
