// One call of a tool: a method's call, whose result is said as text and as an object, and whose failure is a result,
// too, so that a model reads what helps.
'use strict';
const { GPUError, describeError: logged } = require('../../core');
const { describeError } = require('../errors');
const { weightOf } = require('../weight');

/** @typedef {import('@modelcontextprotocol/server').CallToolResult} CallToolResult */
/** @typedef {import('@modelcontextprotocol/server').ServerContext} Context */
/**
 * What serves tools.
 * @typedef {object} Parts
 * @property {import('../dispatcher').Dispatcher} dispatcher
 * @property {import('../call').Caller} caller
 * @property {import('../../core/log').Logger} logger hears of faults of ours
 */

const kErrorKey = 'switchyard/error';
const kMostBytes = 8 * 2 ** 20; // of the numbers in a result: it stands in the answer twice

/**
 * How far a call is, as the protocol says it, for a client that has asked for it.
 * @param {Context} context
 * @returns {((progress: import('../call').Progress) => void)|undefined}
 */
function progressOf({ mcpReq }) {
  const progressToken = mcpReq._meta?.progressToken;
  if (progressToken === undefined) return undefined;
  return ({ done, total, step: message }) => {
    const params = { progressToken, progress: done, total, ...(message ? { message } : {}) };
    mcpReq.notify({ method: 'notifications/progress', params }).catch(() => {}); // its client has gone
  };
}

/**
 * @param {object} result of a method
 * @param {'base64'} [encoding] of tensors
 * @returns {CallToolResult}
 * @throws {GPUError} ERR_UNSUPPORTED: it has more numbers than a model can want to read
 */
function resultOf(result, encoding) {
  const { textPieces } = require('../encode');
  const bytes = weightOf(result);
  if (bytes > kMostBytes)
    throw new GPUError(
      'ERR_UNSUPPORTED',
      `the result has some ${bytes} bytes, but a tool's result may have ${kMostBytes}: ask for less at a time, ` +
        'or call the method over JSON-RPC, whose binary frames carry more',
    );
  const text = [...textPieces(result, encoding)].join('');
  return { content: [{ type: 'text', text }], structuredContent: JSON.parse(text) };
}

/**
 * @param {unknown} error
 * @param {import('../../core/log').Logger} logger
 * @returns {CallToolResult}
 */
function failureOf(error, logger) {
  const { error: described, internal } = describeError(error);
  if (internal) logger.error(logged(error, logger.isLevelEnabled('debug')), 'a call of a tool failed');
  const { message, data } = described;
  const text = `${data.code}: ${message}\nWhat helps: ${data.remedy}.`;
  return { isError: true, content: [{ type: 'text', text }], _meta: { [kErrorKey]: { message, ...data } } };
}

/**
 * @param {Parts} parts
 * @param {{ name: string, arguments?: Record<string, unknown> }} params
 * @param {Context} context
 * @returns {Promise<CallToolResult>} rejects where the protocol has an error of its own for it: no such tool, canceled
 */
async function callTool({ dispatcher, caller, logger }, { name, arguments: params = {} }, context) {
  const { mcpReq } = context;
  try {
    const { checkMeta } = require('../json-rpc');
    const { progressToken, ...meta } = checkMeta(mcpReq._meta ?? {});
    const options = { caller, signal: mcpReq.signal, onProgress: progressOf(context), meta };
    const { result, end } = await dispatcher.call(name, params, options);
    try {
      return resultOf(result, meta.encoding);
    } finally {
      end();
    }
  } catch (error) {
    return failureOf(error, logger);
  }
}

module.exports = { callTool, kErrorKey };
