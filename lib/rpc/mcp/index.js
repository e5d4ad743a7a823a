// The Model Context Protocol over three doors: standard input and output, HTTP, and WebSockets. Each loads the SDK when
// it is first used.
'use strict';

/** @type {typeof import('./stdio').serveStdio} */
const serveStdio = (...args) => require('./stdio').serveStdio(...args);
/** @type {typeof import('./http').makeHttpHandler} */
const makeHttpHandler = (...args) => require('./http').makeHttpHandler(...args);
/** @returns {typeof import('./channel').McpReceiver} loads the engine */
const mcpReceiver = () => require('./channel').McpReceiver;

module.exports = { serveStdio, makeHttpHandler, mcpReceiver };
