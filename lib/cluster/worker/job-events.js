// What a process's manager tells of the jobs that were asked for here: workload-completed, workload-failed,
// context-switch, queue-full.
'use strict';
const { publicType } = require('../../call');
const { GPUError, soon, tell, plainError, detailsOf } = require('../../core');

/** @typedef {import('../../index').GPUResult} GPUResult */

class JobEvents {
  #lastContext = '';

  /**
   * @param {import('node:events').EventEmitter} emitter
   * @param {import('./context-registry').ContextRegistry} registry
   * @param {number} workerId
   */
  constructor(emitter, registry, workerId) {
    this.emitter = emitter;
    this.registry = registry;
    this.workerId = workerId;
  }

  /** Whether completed() has somebody to tell. */
  get isCompletionHeard() {
    return this.emitter.listenerCount('workload-completed') > 0;
  }

  /**
   * @param {string} type of the workload
   * @param {GPUResult} result
   */
  completed(type, result) {
    if (this.isCompletionHeard)
      tell(this.emitter, 'workload-completed', {
        workloadId: result.workloadId,
        type,
        context: result.contextId,
        duration: result.timings.total,
        memoryUsage: this.registry.memoryMb(result.contextId),
      });
    return result;
  }

  /**
   * @param {unknown} workload as its user wrote it
   * @param {GPUError} error gets the job's id
   * @param {string} [workloadId] one that was refused as it was asked for has none but its caller's
   * @returns {GPUError} the error again
   */
  failed(workload, error, workloadId) {
    const { type, id } = /** @type {{ type?: unknown, id?: string }} */ (workload ?? {});
    const name = workloadId ?? id ?? null;
    if (name !== null) error.workloadId = name;
    const { code } = error;
    tell(this.emitter, 'workload-failed', { workloadId: name, type: publicType(type), ...plainError(error) });
    if (code === 'ERR_QUEUE_FULL') tell(this.emitter, 'queue-full', { retryAfter: error.retryAfter });
    return error;
  }

  /**
   * A job has run in a context.
   * @param {string} to
   * @param {number} duration ms
   * @param {string} contextType
   * @returns {boolean} whether it is another one than that of the job before
   */
  ranIn(to, duration, contextType) {
    const from = this.#lastContext;
    if (from === to) return false;
    this.#lastContext = to;
    if (this.emitter.listenerCount('context-switch')) {
      const event = { from: from || null, to, workerId: this.workerId, contextType, duration };
      // The job may be settled within the call that has asked for it: nobody knows of it yet.
      soon(() => tell(this.emitter, 'context-switch', event));
    }
    return true;
  }
}

/**
 * The same error as an object of its own: a job's gets its id, its `released` and words of its own.
 * @param {GPUError} error
 * @param {string} [message]
 * @returns {GPUError}
 */
function errorAnew(error, message = error.message) {
  const { code, cause, released } = error;
  const ours = new GPUError(code, message, cause === undefined ? undefined : { cause });
  return Object.assign(ours, detailsOf(error), { released });
}

/**
 * That a job's time is up.
 * @param {string|undefined} id undefined: it has got none yet
 * @param {string} type
 * @param {number} timeout ms
 */
function lateText(id, type, timeout) {
  return `the job${id === undefined ? '' : ` '${id}'`} (${type}) did not finish within ${timeout} ms`;
}

module.exports = { JobEvents, errorAnew, lateText };
