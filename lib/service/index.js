// The service for web clients: the server, which is loaded when it is started.
'use strict';

/** @type {typeof import('./start').start} */
const start = (...args) => require('./start').start(...args);

module.exports = { start };
