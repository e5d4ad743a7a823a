// The rows of the table of settings (settings.js) that are about the HTTP service.
'use strict';
const { integer, integerOrAuto, wholeMilliseconds, milliseconds, bytes, text, addresses } = require('./kinds');

/** @type {Record<string, import('./settings').Row>} */
const kServiceRows = {
  port: {
    of: 'service',
    kind: integer(0, 65535),
    env: ['PORT'],
    initial: 3000,
    flag: '--port <port>',
    what: 'where to listen; 0: any that is free',
  },
  host: {
    of: 'service',
    kind: text,
    env: ['HOST'],
    initial: '127.0.0.1',
    flag: '--host <host>',
    what: 'the address to listen on; 0.0.0.0: reachable from everywhere',
  },
  bodyLimit: {
    of: 'service',
    kind: bytes(1, 2048),
    env: ['HTTP_BODY_LIMIT'],
    initial: 64 * 2 ** 20,
    what: 'the body of one request',
  },
  tensorLimit: {
    of: 'service',
    kind: bytes(0, 2 ** 20),
    env: ['HTTP_TENSOR_LIMIT'],
    initial: 2 ** 30,
    what: 'all named tensors of the cluster together, beyond which none is taken by HTTP; 0: none is',
    more: 'Each counts for 64 KB at least. What the application publishes itself counts, and is not refused.',
  },
  headersTimeout: {
    of: 'service',
    kind: wholeMilliseconds(1, 3_600_000),
    env: ['HTTP_HEADERS_TIMEOUT'],
    initial: 10_000,
    what: 'the time until the headers must be complete',
  },
  requestTimeout: {
    of: 'service',
    kind: wholeMilliseconds(1, 3_600_000),
    env: ['HTTP_REQUEST_TIMEOUT'],
    initial: 60_000,
    what: 'the time until the whole request must be there',
  },
  maxConnections: {
    of: 'service',
    kind: integer(1, 1_000_000),
    env: ['HTTP_MAX_CONNECTIONS'],
    initial: 1024,
    what: 'connections of a worker',
  },
  answerLimit: {
    of: 'service',
    kind: bytes(1, 2 ** 20),
    env: ['HTTP_ANSWER_LIMIT'],
    initial: 256 * 2 ** 20,
    what: 'the answers of all workers that clients have not read yet; one client gets about half of it',
    more:
      'Answers of 64 KB and less do not count, one that is larger than half of this counts as half. One that is ' +
      'larger than this is made when it is the only one.',
  },
  answerTimeout: {
    of: 'service',
    kind: wholeMilliseconds(1, 3_600_000),
    env: ['HTTP_ANSWER_TIMEOUT'],
    initial: 30_000,
    what: 'the time in which a client must take a megabyte of its answer, or the rest of it',
  },
  clientTimeout: {
    of: 'service',
    kind: milliseconds,
    env: ['HTTP_CLIENT_TIMEOUT'],
    initial: 300_000,
    what: "the longest `timeout` that a client's request may have",
    more: 'A request without one has the `timeout` of the server. Infinity: there is none.',
  },
  clientCost: {
    of: 'service',
    kind: milliseconds,
    env: ['HTTP_CLIENT_COST'],
    initial: Infinity,
    otherwise: 'none',
    what: 'the estimated work of the jobs that a client has under way, on a core of 100 GFLOP/s and 20 GB/s',
    more: 'What a client asks for beyond it waits; a job that is larger by itself is refused.',
  },
  clientJobs: {
    of: 'service',
    kind: integerOrAuto(1, 1_000_000),
    env: ['HTTP_CLIENT_JOBS'],
    otherwise: 'auto: of long jobs one less than there are contexts that run jobs',
    what: 'jobs that a client has under way at a time; others of its wait',
    more: 'auto counts the jobs that are estimated at 100 ms of work and more; a number counts all.',
  },
  trustProxy: {
    of: 'service',
    kind: addresses,
    env: ['HTTP_TRUST_PROXY'],
    otherwise: 'none',
    what: 'the proxies whose X-Forwarded-For says who the client is: addresses, networks like 10.0.0.0/8, or loopback',
    more: 'A client is a remote address, of IPv6 a /64. Behind a proxy that is not named here all are one client.',
  },
  drainTimeout: {
    of: 'service',
    kind: wholeMilliseconds(1, 3_600_000),
    env: ['HTTP_DRAIN_TIMEOUT'],
    initial: 30_000,
    what: 'the time that requests under way get when the server stops',
  },
};

module.exports = { kServiceRows };
