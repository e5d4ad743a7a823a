// The service for web clients: requests in JSON and in binary frames, and the server, which is loaded when it is
// started.
'use strict';
const { encodeFrame, decodeFrame, kType } = require('./frame');
const { parseJson } = require('./json');
const { readTensor } = require('./tensors');
const { readWorkload } = require('./workload');

/** @type {typeof import('./start').start} */
const start = (...args) => require('./start').start(...args);

module.exports = { encodeFrame, decodeFrame, kType, parseJson, readTensor, readWorkload, start };
