// How a conversation on standard input begins, answered before the SDK is loaded, which takes longer than all else of
// a start. Only what clients say first, exactly as the protocol has it, is answered here, and with what the SDK would
// say; from the first other message on the SDK speaks, after it has heard how the conversation began.
'use strict';
const { PassThrough, Writable } = require('node:stream');
const { kCapabilities, kInstructions, kListed, kServerInfo } = require('./about');
const { toolsOf } = require('./tools');

/** Whatever JSON can hold. @typedef {ReturnType<typeof JSON.parse>} Json */
/** @typedef {{ jsonrpc?: unknown, id?: unknown, method?: unknown, params?: Json }} Message */
/**
 * @typedef {{ result?: object, isTold?: boolean }} Answer `isTold`: the SDK is told of it, as it changes what follows
 */
/** @typedef {import('node:stream').Readable} Readable */

/** Revisions that begin with `initialize`, and the one without. */
const kRevisions = new Set(['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05', '2024-10-07']);
const kModern = '2026-07-28';
const kMeta = 'io.modelcontextprotocol/';
const kMostLine = 64 * 1024; // bytes; a longer one is the SDK's to read

/**
 * @param {Json} value
 * @param {readonly string[]} names
 * @returns {boolean} whether it is an object that has these fields and no others
 */
function hasExactly(value, names) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return false;
  const keys = Object.keys(value);
  return keys.length === names.length && names.every((name) => Object.hasOwn(value, name));
}

/** @param {Json} value */
function isObject(value) {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/**
 * What clients say of themselves in words alone.
 * @param {Json} info
 */
function isImplementation(info) {
  if (!isObject(info) || info.name === undefined || info.version === undefined) return false;
  return Object.values(info).every((value) => typeof value === 'string');
}

/**
 * What clients usually can: nothing of it matters to us.
 * @param {Json} capabilities
 */
function isUsual(capabilities) {
  if (!isObject(capabilities)) return false;
  return Object.entries(capabilities).every(([name, each]) => {
    if (!isObject(each)) return false;
    if (name === 'roots')
      return Object.entries(each).every(([key, value]) => key === 'listChanged' && typeof value === 'boolean');
    if (name === 'elicitation')
      return Object.entries(each).every(([key, value]) => ['form', 'url'].includes(key) && hasExactly(value, []));
    return name === 'sampling' && hasExactly(each, []);
  });
}

/** @param {Json} params */
function isEmpty(params) {
  return params === undefined || hasExactly(params, []);
}

/**
 * Whether params are what each request of the revision without `initialize` has, and nothing beside.
 * @param {Json} params
 */
function isEnvelope(params) {
  if (!hasExactly(params, ['_meta'])) return false;
  const { _meta: meta } = params;
  return (
    hasExactly(meta, [`${kMeta}protocolVersion`, `${kMeta}clientInfo`, `${kMeta}clientCapabilities`]) &&
    meta[`${kMeta}protocolVersion`] === kModern &&
    isImplementation(meta[`${kMeta}clientInfo`]) &&
    isUsual(meta[`${kMeta}clientCapabilities`])
  );
}

/**
 * @param {object} result
 * @returns {object} as that revision has it
 */
function modern(result) {
  return { ...result, resultType: 'complete', _meta: { [`${kMeta}serverInfo`]: kServerInfo } };
}

class Opening {
  #hasBegun = false;
  #caller;

  /** @param {import('../call').Caller} caller */
  constructor(caller) {
    this.#caller = caller;
  }

  /**
   * @param {Message} message
   * @returns {Answer|undefined} undefined: it is the SDK's
   */
  answerTo({ jsonrpc, id, method, params, ...rest }) {
    if (jsonrpc !== '2.0' || Object.keys(rest).length > 0) return undefined;
    if (method === 'notifications/initialized')
      return id === undefined && this.#hasBegun && isEmpty(params) ? { isTold: true } : undefined;
    if (typeof id !== 'string' && !Number.isSafeInteger(id)) return undefined;
    if (method === 'initialize') return this.#begin(params);
    return this.#hasBegun ? this.#older(method, params) : this.#newer(method, params);
  }

  /**
   * @param {Json} params
   * @returns {Answer|undefined}
   */
  #begin(params) {
    if (this.#hasBegun || !hasExactly(params, ['protocolVersion', 'capabilities', 'clientInfo'])) return undefined;
    const { protocolVersion, capabilities, clientInfo } = params;
    if (!kRevisions.has(protocolVersion) || !isUsual(capabilities) || !isImplementation(clientInfo)) return undefined;
    this.#hasBegun = true;
    const result = {
      protocolVersion,
      capabilities: kCapabilities,
      serverInfo: kServerInfo,
      instructions: kInstructions,
    };
    return { result, isTold: true };
  }

  /**
   * @param {unknown} method
   * @param {Json} params
   * @returns {Answer|undefined}
   */
  #older(method, params) {
    if (!isEmpty(params)) return undefined;
    if (method === 'ping') return { result: {} };
    return method === 'tools/list' ? { result: { tools: toolsOf(this.#caller) } } : undefined;
  }

  /**
   * @param {unknown} method
   * @param {Json} params
   * @returns {Answer|undefined}
   */
  #newer(method, params) {
    if (!isEnvelope(params)) return undefined;
    if (method === 'tools/list') return { result: modern({ tools: toolsOf(this.#caller), ...kListed }) };
    const about = { supportedVersions: [kModern], capabilities: kCapabilities, instructions: kInstructions };
    const never = { ttlMs: 0, cacheScope: 'private' };
    return method === 'server/discover' ? { result: modern({ ...about, ...never }) } : undefined;
  }
}

/**
 * What is left to the SDK: what it is told, what has come for it, and the answers of its that were given already.
 * @typedef {object} Rest
 * @property {Buffer} bytes
 * @property {Set<unknown>} answered ids
 */

/**
 * Answers what comes for as long as it can.
 * @param {Readable} input
 * @param {Writable} output
 * @param {import('../call').Caller} caller
 * @param {() => void} onListed the tools were listed
 * @returns {Promise<Rest|undefined>} undefined: the input has ended
 */
function open(input, output, caller, onListed) {
  const opening = new Opening(caller);
  /** @type {Buffer[]} */
  const told = [];
  const answered = new Set();
  let pending = Buffer.alloc(0);
  return new Promise((resolve) => {
    const stop = (/** @type {Rest|undefined} */ rest) => {
      input.off('data', take).off('end', end).off('close', end);
      input.pause();
      resolve(rest);
    };
    const end = () => stop(undefined);
    const take = (/** @type {Buffer} */ chunk) => {
      pending = Buffer.concat([pending, chunk]);
      for (let at = pending.indexOf(10); at >= 0; at = pending.indexOf(10)) {
        const line = pending.subarray(0, at + 1);
        const { message, answer } = read(line, opening);
        if (!answer) break;
        pending = pending.subarray(at + 1);
        const { id, method } = /** @type {Message} */ (message);
        if (answer.isTold) told.push(line);
        if (!answer.result) continue;
        if (answer.isTold) answered.add(id);
        output.write(`${JSON.stringify({ jsonrpc: '2.0', id, result: answer.result })}\n`);
        if (method === 'tools/list') onListed();
      }
      if (pending.includes(10) || pending.length > kMostLine)
        stop({ bytes: Buffer.concat([...told, pending]), answered });
    };
    input.on('data', take).once('end', end).once('close', end);
  });
}

/**
 * @param {Buffer} line
 * @param {Opening} opening
 * @returns {{ message?: Message, answer?: Answer }} nothing where it is the SDK's
 */
function read(line, opening) {
  try {
    const message = JSON.parse(line.toString());
    return isObject(message) ? { message, answer: opening.answerTo(message) } : {};
  } catch {
    return {};
  }
}

/**
 * The streams that the SDK goes on with: it hears what it has to know first, and its answers to that go nowhere.
 * @param {Rest} rest
 * @param {Readable} input
 * @param {Writable} output
 */
function goOn({ bytes, answered }, input, output) {
  const heard = new PassThrough();
  heard.write(bytes);
  input.pipe(heard);
  const said = new Writable({
    decodeStrings: false,
    write(chunk, encoding, done) {
      if (answered.size > 0 && answered.delete(JSON.parse(String(chunk)).id)) done();
      else output.write(chunk, encoding, done);
    },
  });
  return { heard, said };
}

module.exports = { open, goOn, Opening, kRevisions, kModern };
