// One call of a method, from its caller to the end of its answer: what a handler knows beside its params.
'use strict';

/**
 * Who calls: a token, or an address without one.
 * @typedef {object} Caller
 * @property {string} client what its jobs, answers and connections are counted for
 * @property {string} [token] the name of its token
 * @property {(scope: string) => boolean} allows `read`, `write`, `admin`, `kernels`
 * @property {() => boolean} [isValid] whether its token still is one
 * @property {() => Promise<void>} [charge] takes a request from its quota, or rejects
 * @property {(ms: number) => void} [used] milliseconds of a device that a job of its took
 */
/** @typedef {{ done: number, total: number, step?: string }} Progress */
/**
 * What comes with a call, and is no param of it: MCP's and ours alike stand in `params._meta`.
 * @typedef {object} Meta
 * @property {string|number} [progressToken] it wants to hear how far it is, under this name
 * @property {'base64'} [encoding] of tensors in an answer that is text
 * @property {string} [idempotencyKey] the same key again is the same call
 * @property {string} [traceparent] the trace that it is a part of, as W3C has it
 * @property {string} [tracestate]
 */
/**
 * @typedef {object} CallOptions
 * @property {Caller} caller
 * @property {AbortSignal} [signal]
 * @property {(progress: Progress) => void} [onProgress]
 * @property {import('../exchange').Section} [section] what stands behind the header of a binary frame
 * @property {import('./session').Session} [session] of a connection that notifications can leave by
 * @property {Meta} [meta]
 */

/** All that a caller on this machine may do, who has started the process. @type {Caller} */
const kLocal = Object.freeze({ client: 'local', allows: () => true });

class Call {
  /** @type {(() => void)[]} */
  #afterwards = [];
  #isOver = false;
  /** Whether the room for its answer was taken already, as a job's is. */
  hasRoom = false;
  /** Bytes of its answer that there is room for. */
  roomBytes = 0;
  /** Whether the time of devices that it took is known, and counted. */
  isCounted = false;

  /** @param {CallOptions} options */
  constructor({ caller, signal = new AbortController().signal, onProgress, session, meta = {} }) {
    this.caller = caller;
    this.signal = signal;
    this.session = session;
    this.meta = meta;
    this.onProgress = onProgress;
  }

  /**
   * Tells how far it is, where somebody wants to hear it.
   * @param {Progress} progress
   */
  progress(progress) {
    if (!this.#isOver) this.onProgress?.(progress);
  }

  /**
   * Is done once its answer has gone, or nobody waits for it any more: what lies in the answer's memory stays until
   * then.
   * @param {() => void} then
   */
  afterwards(then) {
    if (this.#isOver) then();
    else this.#afterwards.push(then);
  }

  /** Its answer has gone, or it has none. Idempotent. */
  end() {
    this.#isOver = true;
    for (const each of this.#afterwards.splice(0)) each();
  }
}

module.exports = { Call, kLocal };
