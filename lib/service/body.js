// Request bodies: copied as they arrive into one buffer, with a bound for each and one for all of a worker together.
'use strict';
const { HttpError, badRequest } = require('../exchange');
const { releaseMemory } = require('../call');

const kFirst = 64 * 1024;
// Each chunk costs some microseconds however small it is: after so many they must have so many bytes on average.
const kFreeChunks = 10_000,
  kMinChunk = 4;

/** @typedef {{ take: (bytes: number) => void, give: (bytes: number) => void }} Share `take` may refuse */

const kMostDiscarded = 2 ** 30; // bytes of a body that was refused

/** The bytes that request bodies may hold at a time: all together, and those of one client. */
class Budget {
  /** @type {Map<string, number>} */
  #clients = new Map();

  /**
   * @param {number} limit
   * @param {number} share of it that a client may have
   */
  constructor(limit, share) {
    this.limit = limit;
    this.share = share;
    this.used = 0;
  }

  /**
   * What a body of a client's takes from it.
   * @param {string} client
   * @returns {Share}
   */
  of(client) {
    return {
      take: (bytes) => this.#take(bytes, client),
      give: (bytes) => this.#give(bytes, client),
    };
  }

  /**
   * @param {number} bytes
   * @param {string} client
   */
  #take(bytes, client) {
    const own = this.#clients.get(client) ?? 0;
    const [whose, used, limit] =
      own + bytes > this.share ? ['of this client', own, this.share] : ['', this.used, this.limit];
    if (used + bytes > limit) {
      throw new HttpError(
        429,
        'ERR_QUEUE_FULL',
        `the requests ${whose && `${whose} `}under way hold ${used} bytes, and this one would need more than the ` +
          `${limit} there are`,
        { retryAfter: 1000 },
      );
    }
    this.used += bytes;
    this.#clients.set(client, own + bytes);
  }

  /**
   * @param {number} bytes
   * @param {string} client
   */
  #give(bytes, client) {
    this.used -= bytes;
    const own = (this.#clients.get(client) ?? 0) - bytes;
    if (own > 0) this.#clients.set(client, own);
    else this.#clients.delete(client);
  }
}

/** @param {number} limit */
function tooLarge(limit) {
  return new HttpError(413, 'ERR_BODY_TOO_LARGE', `the body is larger than ${limit} bytes (HTTP_BODY_LIMIT)`);
}

/**
 * @param {number} chunks that have come
 * @param {number} bytes in them
 */
function refuseCrumbs(chunks, bytes) {
  if (chunks > kFreeChunks && bytes < kMinChunk * chunks)
    throw badRequest(`the body came in ${chunks} chunks of a few bytes each: send larger ones`);
}

/**
 * One body. Chunks are copied, never kept: a chunk of one byte would keep the 64 KB it was read into.
 */
class Body {
  /**
   * @param {number} limit
   * @param {number|undefined} declared Content-Length
   * @param {Share} budget
   */
  constructor(limit, declared, budget) {
    this.limit = limit;
    this.declared = declared;
    this.budget = budget;
    this.length = 0;
    this.chunks = 0;
    this.bytes = Buffer.alloc(0);
  }

  /** @param {number} needed */
  grow(needed) {
    if (needed > this.limit) throw tooLarge(this.limit);
    const capacity = Math.min(
      Math.max(needed, this.bytes.length * 2, kFirst),
      Math.max(needed, this.declared ?? this.limit),
    );
    this.budget.take(capacity - this.bytes.length);
    const grown = Buffer.allocUnsafeSlow(capacity); // with memory of its own: typed arrays lie in it, aligned
    this.bytes.copy(grown, 0, 0, this.length);
    if (this.bytes.length) releaseMemory(this.bytes.buffer);
    this.bytes = grown;
  }

  /** @param {Buffer} chunk */
  append(chunk) {
    if (this.length + chunk.length > this.bytes.length) this.grow(this.length + chunk.length);
    this.length += chunk.copy(this.bytes, this.length);
    refuseCrumbs(++this.chunks, this.length);
  }

  end() {} // whatever came is the body

  content() {
    return this.bytes.subarray(0, this.length);
  }

  /** No longer in use: views of it are empty from then on. Idempotent. */
  release() {
    if (this.bytes.length) {
      this.budget.give(this.bytes.length);
      releaseMemory(this.bytes.buffer);
    }
    this.bytes = Buffer.alloc(0);
    this.length = 0;
  }
}

/**
 * Throws away what still comes, so that the client, which may not look before it has sent everything, can read its
 * answer: a connection that is closed while it sends takes the answer with it. Beyond a bound it is closed all the
 * same; the time is bounded by the request's.
 * @param {import('node:stream').Readable} stream
 */
function discard(stream) {
  let left = kMostDiscarded;
  stream.on('data', (/** @type {Buffer} */ chunk) => {
    left -= chunk.length;
    if (left < 0) stream.destroy();
  });
  stream.resume();
}

/** @typedef {{ limit: number, declared: number|undefined, budget: Share }} BodyOptions */
/**
 * Where a body goes: append() and end() may refuse it.
 * @typedef {{ append: (chunk: Buffer) => void, end: () => void, release: () => void }} Target
 */

/**
 * @param {import('node:stream').Readable} stream
 * @param {BodyOptions} options
 * @returns {Promise<Body>} to be released by whoever gets it
 */
function readBody(stream, options) {
  return readInto(stream, new Body(options.limit, options.declared, options.budget), options);
}

/**
 * @template {Target} Into
 * @param {import('node:stream').Readable} stream
 * @param {Into} body
 * @param {BodyOptions} options
 * @returns {Promise<Into>} to be released by whoever gets it; it is released where this fails
 */
function readInto(stream, body, { limit, declared }) {
  return new Promise((resolve, reject) => {
    const fail = (/** @type {unknown} */ error) => {
      body.release();
      stream.off('data', onData).off('end', onEnd).off('close', onClose);
      stream.on('error', () => {});
      discard(stream);
      reject(error);
    };
    const onData = (/** @type {Buffer} */ chunk) => {
      try {
        body.append(chunk);
      } catch (error) {
        fail(error);
      }
    };
    const onEnd = () => {
      stream.off('close', onClose);
      try {
        body.end();
        resolve(body);
      } catch (error) {
        body.release();
        reject(error);
      }
    };
    const onClose = () => fail(badRequest('the connection ended before the body did'));
    // An error of a request's stream is the end of its connection.
    stream.on('data', onData).once('end', onEnd).once('close', onClose).once('error', onClose);
    if (declared !== undefined && declared > limit) fail(tooLarge(limit));
  });
}

module.exports = { Budget, Body, readBody, readInto, discard, refuseCrumbs, tooLarge };
