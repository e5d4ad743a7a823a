// A requester whose jobs are spans: one for each, from the call to its end, with what it spent its time on as children.
'use strict';
const { epochMs, nowMs } = require('../../core');
const { Requester } = require('./requester');

/** @typedef {import('../../tracing/tracing').Tracing} Tracing */
/** @typedef {import('../../index').GPUResult} GPUResult */

const kStages = /** @type {const} */ (['queue', 'switch', 'upload', 'compute', 'readback']);

/** @param {unknown} workload */
function nameOf(workload) {
  const { type, scene } = /** @type {{ type?: unknown, scene?: unknown }} */ (Object(workload));
  if (typeof type !== 'string') return 'unknown';
  return typeof scene === 'string' ? `${type}/${scene}` : type;
}

/** @param {GPUResult} result */
function attributesOf({ workloadId, contextId, contextType, deviceName, workerId, cached, batchSize, attempts }) {
  return {
    'switchyard.job.id': workloadId,
    'switchyard.job.cached': cached,
    'switchyard.job.batch_size': batchSize,
    'switchyard.job.attempts': attempts,
    'switchyard.context.id': contextId,
    'switchyard.context.type': contextType,
    'switchyard.device.name': deviceName,
    'switchyard.worker.id': workerId,
  };
}

class TracedRequester extends Requester {
  #tracing;

  /**
   * @param {import('./requester').RequesterParts} parts
   * @param {Tracing} tracing
   */
  constructor(parts, tracing) {
    super(parts);
    this.#tracing = tracing;
  }

  /**
   * @param {unknown} workload
   * @param {unknown} [given] options
   * @returns {Promise<GPUResult>}
   */
  execute(workload, given) {
    const { api, tracer } = this.#tracing;
    const clock = epochMs() - nowMs(); // whose milliseconds have fractions
    const began = clock + nowMs();
    const type = nameOf(workload);
    // Names are few: of a type that there is not, which a client may have made up, the attribute has it.
    const span = tracer.startSpan('job', {
      kind: api.SpanKind.INTERNAL,
      startTime: began,
      attributes: { 'switchyard.job.type': type.slice(0, 128) },
    });
    return super.execute(workload, given).then(
      (result) => {
        span.updateName(`job ${type}`);
        span.setAttributes(attributesOf(result));
        if (span.isRecording()) this.#addStages(span, began, result.timings);
        span.end(clock + nowMs());
        return result;
      },
      (error) => {
        span.setAttributes({ 'error.type': error.code, 'switchyard.job.id': error.workloadId });
        span.recordException({ name: error.code, message: error.message });
        span.setStatus({ code: api.SpanStatusCode.ERROR, message: error.message });
        span.end(clock + nowMs());
        throw error;
      },
    );
  }

  /**
   * A child for each stage that took time, one after the other.
   * @param {import('@opentelemetry/api').Span} span
   * @param {number} began ms since 1970
   * @param {import('../../index').Timings} timings
   */
  #addStages(span, began, timings) {
    const { api, tracer } = this.#tracing;
    const parent = api.trace.setSpan(api.context.active(), span);
    const { queued, ...others } = timings;
    const took = { queue: queued, ...others };
    let at = began;
    for (const stage of kStages) {
      const ms = took[stage];
      if (!(ms > 0)) continue;
      tracer.startSpan(stage, { startTime: at }, parent).end(at + ms);
      at += ms;
    }
  }
}

/**
 * @param {import('./requester').RequesterParts} parts
 * @param {Tracing|undefined} tracing
 * @returns {Requester}
 */
function makeRequester(parts, tracing) {
  return tracing ? new TracedRequester(parts, tracing) : new Requester(parts);
}

module.exports = { makeRequester };
