// Which jobs are taken in: those that are late already, or that no context will ever fit, are refused at once.
'use strict';
const { isOfFitType } = require('./scheduler');
const { late } = require('./completion');
const { kBase } = require('../../call');

/** @typedef {import('./job').CoordinatorJob} CoordinatorJob */
/** @typedef {import('./context-view').ContextView} ContextView */
/** @typedef {import('./completion').Ending} Ending */
/**
 * @typedef {object} AdmissionParts
 * @property {() => ContextView[]} contexts those of all members
 * @property {(job: Pick<CoordinatorJob, 'contextType'|'kind'>) => boolean} mayHave whether there is, was or may still
 *   come a context that fits a job
 * @property {(job: Pick<CoordinatorJob, 'contextType'|'kind'>) => string|undefined} goneFor why none will come any more
 * @property {() => import('../../operations').Degradation} degradation
 */

const kOverloadMs = 1000; // until a refused job may try again

class Admission {
  /** @type {import('../../operations').Degradation|undefined} what there is once all of the primary is made */
  #degradation;

  /** @param {AdmissionParts} parts */
  constructor(parts) {
    this.parts = parts;
  }

  /**
   * @param {CoordinatorJob} job
   * @param {number} now
   * @returns {Ending|undefined} why it is not taken
   */
  refuse(job, now) {
    if (job.deadline <= now) return late(job);
    const degradation = (this.#degradation ??= this.parts.degradation());
    if (degradation.isOn && degradation.refuses(job.priority, now)) return this.#overloaded(job);
    return this.hopeless(job) ?? this.#tooLarge(job);
  }

  /**
   * Why no context that it needs will come; undefined: one may.
   * @param {CoordinatorJob} job
   * @returns {Ending|undefined}
   */
  hopeless(job) {
    const gone = this.parts.goneFor(job);
    if (gone !== undefined) return { code: 'ERR_DEVICE_LOST', message: gone };
    return isChoosy(job) && !this.parts.mayHave(job) ? this.#unsupported(job) : undefined;
  }

  /** @param {CoordinatorJob} job @returns {Ending} */
  #overloaded({ priority }) {
    const { below } = this.parts.degradation();
    return {
      code: 'ERR_QUEUE_FULL',
      retryAfter: kOverloadMs,
      message:
        `there is more to do than the cluster can, and jobs of a priority below ${below} are refused, ` +
        `which this one's, ${priority}, is; try again in ${kOverloadMs} ms`,
    };
  }

  /**
   * No context will ever have room for it: that is better said at once.
   * @param {CoordinatorJob} job
   */
  #tooLarge(job) {
    const contexts = this.parts.contexts().filter((context) => !context.isLost && isOfFitType(job, context));
    if (!contexts.length || contexts.some(({ maxMemory }) => maxMemory >= job.bytes)) return undefined;
    const max = Math.max(...contexts.map(({ maxMemory }) => maxMemory));
    return {
      code: 'ERR_OUT_OF_MEMORY',
      message:
        `the job's inputs and outputs take ${job.bytes} bytes, but the largest of its contexts may use ${max}: ` +
        'raise memoryLimit, or split the job',
    };
  }

  /**
   * @param {CoordinatorJob} job
   * @returns {Ending}
   */
  #unsupported(job) {
    const types = [...new Set(this.parts.contexts().map(({ type }) => type))];
    return {
      code: 'ERR_UNSUPPORTED',
      message: `${lack(job)}: there ${types.length > 1 ? 'are' : 'is'} ${types.join(', ') || 'none'}${remedy(job)}`,
    };
  }
}

/**
 * Not every context will do for it.
 * @param {CoordinatorJob} job
 */
function isChoosy({ contextType, kind }) {
  return contextType !== '' || kind === 'render';
}

/** @param {CoordinatorJob} job what no context has */
function lack({ kind, contextType, workload }) {
  if (kind === 'render') return `no context here can draw${contextType ? ` and is of the type '${contextType}'` : ''}`;
  if (contextType === 'gpu') return 'no context here can run the kernel, which has code for CUDA and for Vulkan';
  return workload >= kBase
    ? `no context here can run the kernel, which has code for ${contextType === 'cuda' ? 'CUDA' : 'Vulkan'}`
    : `no context here is of the type '${contextType}'`;
}

/** @param {CoordinatorJob} job */
function remedy({ kind, contextType, workload }) {
  if (kind !== 'render' && workload < kBase) return '';
  if (contextType === 'cuda') return '. An NVIDIA card with its driver is needed, or a GLSL source beside the CUDA one';
  return (
    '. A Vulkan driver is needed (`apt-get install mesa-vulkan-drivers` has one in software), and contextTypes and ' +
    'contextsPerWorker must leave room for a context of it'
  );
}

/**
 * @param {number} limit
 * @param {number} retryAfter ms
 * @returns {Ending}
 */
function queueFull(limit, retryAfter) {
  return {
    code: 'ERR_QUEUE_FULL',
    retryAfter,
    message: `the queue is full: ${limit} jobs wait already; try again in ${retryAfter} ms`,
  };
}

module.exports = { Admission, queueFull };
