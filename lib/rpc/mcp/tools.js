// The methods as the tools of the Model Context Protocol: what a row of the table says, and nothing beside it.
'use strict';
const { kMethods } = require('../methods');

/** @typedef {import('../methods').Method} Method */
/** @typedef {import('../call').Caller} Caller */

/** @param {Method} method */
function toolOf({ name, title, description, scope, params, result, repeatable = false }) {
  const readOnlyHint = scope === 'read';
  return {
    name,
    title,
    description,
    inputSchema: params,
    outputSchema: result,
    annotations: { title, readOnlyHint, idempotentHint: repeatable, openWorldHint: false },
  };
}

/**
 * What needs a connection that stays is no tool: no answer of one would show what it sends.
 * @param {Method} method
 * @param {Caller} caller
 */
function isTool({ needsConnection, scope }, caller) {
  return !needsConnection && caller.allows(scope);
}

/**
 * @param {Caller} caller
 * @returns {ReturnType<typeof toolOf>[]} those that it may call
 */
function toolsOf(caller) {
  return kMethods.filter((method) => isTool(method, caller)).map(toolOf);
}

module.exports = { toolsOf };
