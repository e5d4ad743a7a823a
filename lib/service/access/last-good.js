// What the primary keeps for workers that are made later: the tokens and the certificate as they were when they were
// right. A worker that dies while somebody writes those files has a successor all the same.
'use strict';
const { setInterval, clearInterval } = require('node:timers');
const { createLogger } = require('../../core');
const { followTls, readTls } = require('./tls');
const { Tokens } = require('./tokens');

/** @typedef {{ tokens?: string, tls?: import('./tls').Tls }} Before `tokens`: the file's text */

const kLookMs = 1000;

class LastGood {
  #tokens;
  #tls;
  #ends;

  /**
   * @param {import('./access').Config & { tlsCert?: string, tlsKey?: string }} config
   * @throws {import('../../core').GPUError} ERR_INVALID_ARGUMENT: what is wrong with them
   */
  constructor(config) {
    const logger = createLogger({ logLevel: 'silent' }); // workers tell it
    this.#tokens = new Tokens(config, logger);
    this.#tls = readTls(config);
    const timer = setInterval(() => this.#tokens.look(), kLookMs);
    timer.unref();
    const end = followTls(config, logger, (tls) => {
      this.#tls = tls;
    });
    this.#ends = () => {
      clearInterval(timer);
      end();
    };
  }

  /** @returns {Before} */
  get before() {
    return { tokens: this.#tokens.text, tls: this.#tls };
  }

  close() {
    this.#ends();
  }
}

module.exports = { LastGood };
