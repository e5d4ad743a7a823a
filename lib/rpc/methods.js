// The one table of methods. A row is all there is to say of one: validation, the doors (WebSocket, POST /rpc, MCP),
// GET /openapi.json and docs/rpc.md (`npm run generate`) follow from it. Nothing is loaded for it: a handler requires
// what it needs when it is called.
'use strict';
const { kEmbeddings } = require('./methods/embeddings');
const { kIndexes } = require('./methods/indexes');
const { kMemory } = require('./methods/memory');
const { kService } = require('./methods/service');
const { kStores } = require('./methods/stores');

/** @typedef {import('./schemas').Schema} Schema */
/** @typedef {'read'|'write'|'admin'} Scope `write` implies `read`, `admin` both */
/** @typedef {Record<string, any>} Params as the method's schema says, with tensors where `tensors` says */
/**
 * @typedef {(parts: import('./parts').Parts, params: Params, call: import('./call').Call) => Promise<object>} Handler
 */
/**
 * @typedef {object} Method
 * @property {string} name of the JSON-RPC method and of the MCP tool
 * @property {string} title a few words
 * @property {string} description what it does, in sentences
 * @property {Scope} scope that its caller needs
 * @property {Schema} params an object's
 * @property {Schema} result an object's; tensors may stand anywhere in it
 * @property {boolean} [onDevice] whether the time it takes is a device's, and counts as that
 * @property {boolean} [repeatable] whether the same call again changes nothing more: it may be sent again blindly
 * @property {boolean} [streams] whether it tells how far it is
 * @property {boolean} [needsConnection] whether it needs a door that notifications can leave by
 * @property {readonly string[]} [tensors] where params may have tensors: names with dots between them, * for any
 * @property {Handler} handler
 */

/** @type {readonly Method[]} in the order in which they are listed */
const kMethods = Object.freeze([...kEmbeddings, ...kMemory, ...kIndexes, ...kStores, ...kService]);
/** @type {ReadonlyMap<string, Method>} looked up by what strangers call */
const methods = new Map(kMethods.map((method) => [method.name, method]));

module.exports = { kMethods, methods };
