// The tokens that there are: the one of AUTH_TOKEN, and those of a file, which is read again when it has changed.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { timingSafeEqual } = require('node:crypto');
const { describeError, epochMs, invalid, nowMs, show } = require('../../core');
const { checkedDigest, digestOf, kScopes, parseTokens } = require('./tokens-file');

/** @typedef {import('./tokens-file').Token} Token */

const kLookMs = 1000; // between two looks at the file
const kGoneMs = 10_000; // for which a file may be gone, as one that is being replaced may
const kMostBytes = 4 * 2 ** 20;

/** @param {fs.Stats} stats */
function versionOf({ mtimeMs, size, ino }) {
  return `${mtimeMs} ${size} ${ino}`;
}

class Tokens {
  /** @type {Token[]} */
  #own = [];
  /** @type {Token[]} */
  #ofFile = [];
  /** @type {Map<string, Token>} all of them */
  #byDigest = new Map();
  #file;
  #logger;
  #looked = nowMs();
  #version = '';
  /** @type {number|undefined} since when there has been no file */
  #gone;
  /** What was logged last: the same is not told each second. */
  #told = '';
  /** The file as it was when it was right. @type {string|undefined} undefined: there is none */
  text;

  /**
   * @param {{ authToken?: string, authTokensFile?: string }} config
   * @param {import('../../core/log').Logger} logger
   * @param {string} [before] the file as it was when it was right, for where it is not now
   * @throws {import('../../core').GPUError} ERR_INVALID_ARGUMENT: what is wrong with the token or the file
   */
  constructor({ authToken, authTokensFile }, logger, before) {
    this.#logger = logger;
    this.#file = authTokensFile;
    if (authToken !== undefined) {
      const scopes = new Set(kScopes.admin);
      const digest = checkedDigest(authToken, 'AUTH_TOKEN');
      this.#own = [{ name: 'AUTH_TOKEN', digest, scopes, expires: Infinity, requests: Infinity, deviceMs: Infinity }];
    }
    if (authTokensFile !== undefined) this.#begin(before);
    this.#order();
  }

  /** @param {string} [before] */
  #begin(before) {
    try {
      this.#read();
    } catch (error) {
      if (before === undefined) throw error;
      this.#ofFile = parseTokens(before, 'the tokens before');
      this.text = before;
      this.#version = '';
    }
  }

  #order() {
    this.#byDigest = new Map([...this.#own, ...this.#ofFile].map((token) => [token.digest.toString('hex'), token]));
  }

  /** Whether there can be any. */
  get areWanted() {
    return this.#own.length > 0 || this.#file !== undefined;
  }

  /**
   * @param {string} secret as its bearer has sent it
   * @returns {Token|undefined} undefined: it is none, or not any more
   */
  find(secret) {
    this.look();
    const digest = digestOf(secret);
    /** @type {Token|undefined} */
    let found;
    // All of them, whichever it is: how long it takes tells nothing.
    for (const token of [...this.#own, ...this.#ofFile]) if (timingSafeEqual(token.digest, digest)) found = token;
    return found && found.expires > epochMs() ? found : undefined;
  }

  /**
   * What a token that was found once is now.
   * @param {Buffer} digest of ours, so that nothing is told by how long the look takes
   * @returns {Token|undefined} undefined: it has expired, or is there no more
   */
  current(digest) {
    this.look();
    const found = this.#byDigest.get(digest.toString('hex'));
    return found && found.expires > epochMs() ? found : undefined;
  }

  /** Reads a file that has changed: one that is wrong changes nothing, one that is gone takes its tokens along. */
  look() {
    if (this.#file === undefined || nowMs() - this.#looked < kLookMs) return;
    this.#looked = nowMs();
    try {
      const version = versionOf(fs.statSync(this.#file));
      this.#gone = undefined;
      if (version === this.#version) return;
      this.#read();
      this.#order();
      this.#told = '';
      this.#logger.info({ tokens: this.#ofFile.length }, 'the tokens were read again');
    } catch (error) {
      if (error.code === 'ENOENT') this.#miss();
      else this.#tell(error, 'the tokens can not be read again: those before stay');
    }
  }

  /** There is no file: it is being replaced, or nobody is to enter with its tokens any more. */
  #miss() {
    const now = nowMs();
    this.#gone ??= now;
    if (now - this.#gone < kGoneMs || this.#ofFile.length === 0) return;
    this.#ofFile = [];
    this.text = undefined;
    this.#version = '';
    this.#order();
    this.#tell(new Error(`AUTH_TOKENS_FILE is gone for ${kGoneMs} ms`), 'the tokens of the file hold no more');
  }

  /**
   * @param {unknown} error
   * @param {string} message
   */
  #tell(error, message) {
    const described = describeError(error);
    const told = JSON.stringify(described);
    if (told === this.#told) return;
    this.#told = told;
    this.#logger.error(described, message);
  }

  #read() {
    const file = /** @type {string} */ (this.#file);
    const what = `AUTH_TOKENS_FILE (${path.basename(file)})`;
    /** @type {string} */
    let text;
    /** @type {string} */
    let version;
    try {
      const stats = fs.statSync(file);
      if (stats.size > kMostBytes) throw invalid(`${what} has ${stats.size} bytes, but may have ${kMostBytes}`);
      version = versionOf(stats);
      text = fs.readFileSync(file, 'utf8');
    } catch (error) {
      if (error.code === 'ERR_INVALID_ARGUMENT') throw error;
      throw invalid(`AUTH_TOKENS_FILE is ${show(file)}, but must be a file that can be read (${error.code})`);
    }
    // Even one that is wrong is looked at once.
    this.#version = version;
    this.#ofFile = parseTokens(text, what);
    this.text = text;
  }
}

module.exports = { Tokens };
