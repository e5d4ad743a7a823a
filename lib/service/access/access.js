// Who may enter: tokens, origins, quotas. What comes in is somebody's then: its caller, with what that may do.
'use strict';
const { clientOf, HttpError } = require('../../exchange');
const { invalid } = require('../../core');
const { hostRule, originRule, isLoopback, isOwnPage } = require('./origins');
const { Tokens } = require('./tokens');

/** @typedef {import('../../rpc/call').Caller} Caller */
/** @typedef {import('node:http').IncomingHttpHeaders} Headers */
/**
 * The settings it looks at.
 * @typedef {{ host: string, authToken?: string, authTokensFile?: string, allowAnonymous: boolean, allowedOrigins?:
 *   string, trustProxy?: unknown }} Config
 */

const kBearerProtocol = 'switchyard.bearer.',
  kEncodedProtocol = 'switchyard.bearer64.'; // of a token with characters that no subprotocol may have: in base64url
const kMostToken = 4096;

/** @param {string} message */
function unauthorized(message) {
  return new HttpError(401, 'ERR_UNAUTHORIZED', message, { headers: { 'www-authenticate': 'Bearer' } });
}

/**
 * Whether a subprotocol is a token, which is never answered: headers of answers stand in logs.
 * @param {string} protocol
 */
function isBearer(protocol) {
  return protocol.startsWith(kBearerProtocol) || protocol.startsWith(kEncodedProtocol);
}

/**
 * What a browser can send with a WebSocket: a token as one of its subprotocols.
 * @param {string|undefined} protocols
 */
function bearerOfProtocols(protocols = '') {
  const found = protocols
    .split(',')
    .map((each) => each.trim())
    .find(isBearer);
  if (!found?.startsWith(kEncodedProtocol)) return found?.slice(kBearerProtocol.length);
  return Buffer.from(found.slice(kEncodedProtocol.length), 'base64url').toString();
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
  #allowsHost;
  #isOpen;
  #gate;

  /**
   * @param {Config} config
   * @param {import('../../core/log').Logger} logger
   * @param {import('../../exchange').Gate} gate
   * @param {string} [before] the file of tokens as it was when it was right
   * @throws {import('../../core').GPUError} ERR_INVALID_ARGUMENT: what can't be right, or would let anybody in
   */
  constructor(config, logger, gate, before) {
    this.#tokens = new Tokens(config, logger, before);
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
    this.#allowsHost = this.#isOpen ? hostRule(config) : () => true;
  }

  /**
   * @param {string} origin
   * @param {string} [host] the header of that name
   * @returns {boolean} whether its pages may ask
   */
  allowsOrigin(origin, host) {
    return this.#allowsOrigin(origin) || isOwnPage(origin, host, !this.#isOpen);
  }

  /**
   * Refuses pages that may not ask.
   * @param {string|undefined} origin
   * @param {string} [host] the header of that name
   * @throws {HttpError} 403
   */
  checkOrigin(origin, host) {
    if (origin === undefined || this.allowsOrigin(origin, host)) return;
    throw new HttpError(
      403,
      'ERR_FORBIDDEN',
      `pages of the origin ${origin.slice(0, 100)} may not use this server (ALLOWED_ORIGINS)`,
    );
  }

  /**
   * Refuses names that are not this machine's, where only it can connect and nobody needs a token: a page whose own
   * name was made to mean this machine could read everything.
   * @param {string|undefined} host as the request has it
   * @throws {HttpError} 403
   */
  checkHost(host) {
    if (host === undefined || this.#allowsHost(host)) return;
    throw new HttpError(
      403,
      'ERR_FORBIDDEN',
      'this server has another name: ask for localhost, or set ALLOWED_ORIGINS, HTTP_TRUST_PROXY or tokens',
    );
  }

  /**
   * Who asks, where nobody has to be known.
   * @param {Headers} headers
   * @param {string} address of the client
   * @returns {Caller|undefined} undefined: who may see no more than everybody
   */
  knownCaller(headers, address) {
    try {
      this.checkOrigin(headers.origin, headers.host);
      this.checkHost(headers.host);
      return this.callerOf(headers, address);
    } catch (error) {
      if (error instanceof HttpError) return undefined;
      throw error;
    }
  }

  /**
   * @param {Headers} headers
   * @param {string} address of the client
   * @returns {Caller}
   * @throws {HttpError} 401: there is no token, or it is not a valid one
   */
  callerOf(headers, address) {
    // Clients of other services always send one: where there are none it says nothing.
    if (this.#isOpen) return { client: clientOf(address), allows: (scope) => scope !== 'kernels' };
    const secret = bearerOf(headers);
    if (secret === undefined) throw unauthorized('a token is needed: Authorization: Bearer <token>');
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
      token: name,
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

module.exports = { Access, isBearer };
