// Who may enter: tokens, origins, quotas. What comes in is somebody's then: its caller, with what that may do.
'use strict';
const { clientOf, HttpError } = require('../../exchange');
const { invalid } = require('../../core');
const { originRule, isLoopback } = require('./origins');
const { Tokens } = require('./tokens');

/** @typedef {import('../../rpc/call').Caller} Caller */
/** @typedef {import('node:http').IncomingHttpHeaders} Headers */
/**
 * The settings it looks at.
 * @typedef {{ host: string, authToken?: string, authTokensFile?: string, allowAnonymous: boolean, allowedOrigins?:
 *   string }} Config
 */

const kBearerProtocol = 'switchyard.bearer.';
const kMostToken = 4096;

/** @param {string} message */
function unauthorized(message) {
  return new HttpError(401, 'ERR_UNAUTHORIZED', message, { headers: { 'www-authenticate': 'Bearer' } });
}

/**
 * What a browser can send with a WebSocket: a token as one of its subprotocols.
 * @param {string|undefined} protocols
 */
function bearerOfProtocols(protocols = '') {
  const found = protocols.split(',').find((each) => each.trim().startsWith(kBearerProtocol));
  return found?.trim().slice(kBearerProtocol.length);
}

/**
 * @param {Headers} headers
 * @returns {string|undefined} the token that is sent along
 */
function bearerOf({ authorization, 'sec-websocket-protocol': protocols }) {
  if (authorization === undefined) return bearerOfProtocols(protocols);
  const [, token] = /^Bearer +([\x21-\x7e]+) *$/i.exec(authorization) ?? [];
  if (token === undefined) throw unauthorized("the header Authorization must be 'Bearer <token>'");
  return token;
}

class Access {
  #tokens;
  #allowsOrigin;
  #isOpen;
  #gate;

  /**
   * @param {Config} config
   * @param {import('../../core/log').Logger} logger
   * @param {import('../../exchange').Gate} gate
   * @throws {import('../../core').GPUError} ERR_INVALID_ARGUMENT: what can't be right, or would let anybody in
   */
  constructor(config, logger, gate) {
    this.#tokens = new Tokens(config, logger);
    this.#allowsOrigin = originRule(config);
    this.#gate = gate;
    const { host, allowAnonymous } = config;
    if (!this.#tokens.areWanted && !allowAnonymous && !isLoopback(host))
      throw invalid(
        `host is ${host}, which others can reach, but there are no tokens: set AUTH_TOKEN or AUTH_TOKENS_FILE, or ` +
          'ALLOW_ANONYMOUS=true (--allow-anonymous) where something else decides who gets here',
        'host',
      );
    // Where there are tokens they are needed, whatever else is allowed: who sends none would have more than who does.
    this.#isOpen = !this.#tokens.areWanted;
  }

  /**
   * Refuses pages that may not ask.
   * @param {string|undefined} origin
   * @throws {HttpError} 403
   */
  checkOrigin(origin) {
    if (origin === undefined || this.#allowsOrigin(origin)) return;
    throw new HttpError(
      403,
      'ERR_FORBIDDEN',
      `pages of the origin ${origin.slice(0, 100)} may not use this server (ALLOWED_ORIGINS)`,
    );
  }

  /**
   * @param {Headers} headers
   * @param {string} address of the client
   * @returns {Caller}
   * @throws {HttpError} 401: there is no token, or it is not a valid one
   */
  callerOf(headers, address) {
    const secret = bearerOf(headers);
    if (secret === undefined) {
      if (!this.#isOpen) throw unauthorized('a token is needed: Authorization: Bearer <token>');
      return { client: clientOf(address), allows: (scope) => scope !== 'kernels' };
    }
    const token = secret.length <= kMostToken ? this.#tokens.find(secret) : undefined;
    if (!token) throw unauthorized('this token is not valid, or has expired');
    return this.#bearer(token.name, token.digest);
  }

  /**
   * The bearer of a token, whose rights are those that the token has at the time: a connection may be open for days.
   * @param {string} name
   * @param {Buffer} digest
   * @returns {Caller}
   */
  #bearer(name, digest) {
    const client = `token ${name}`;
    const current = () => this.#tokens.current(digest);
    const limited = (/** @type {(limits: import('../../exchange/quotas').Limits) => unknown} */ then) => {
      const token = current();
      if (!token) throw unauthorized('this token is not valid any more');
      const { requests, deviceMs } = token;
      return requests === Infinity && deviceMs === Infinity ? undefined : then({ requests, deviceMs });
    };
    return {
      client,
      allows: (scope) => current()?.scopes.has(scope) ?? false,
      isValid: () => current() !== undefined,
      charge: async () => {
        await limited((limits) => this.#gate.charge(client, limits));
      },
      used: (ms) => {
        if (current()) limited((limits) => this.#gate.used(client, limits, ms));
      },
    };
  }
}

module.exports = { Access, kBearerProtocol };
