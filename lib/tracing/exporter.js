// Where spans go: to a collector, by OTLP over HTTP, or to whatever the application has registered. What else the
// packages of OpenTelemetry read from the environment holds here, too: OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES,
// OTEL_TRACES_SAMPLER, OTEL_EXPORTER_OTLP_HEADERS, OTEL_BSP_*.
'use strict';
const { setTimeout: wait } = require('node:timers/promises');
const api = require('@opentelemetry/api');
const { version } = require('../../package.json');

/** @typedef {import('./tracing').Carrier} Carrier */
/** @typedef {import('./tracing').Tracing} Tracing */

const kFlushMs = 2000; // that an end waits for a collector

/**
 * What a header can be of a trace: one text each.
 * @param {Carrier} carrier
 */
function textsOf({ traceparent, tracestate }) {
  return {
    ...(typeof traceparent === 'string' ? { traceparent } : {}),
    ...(typeof tracestate === 'string' ? { tracestate } : {}),
  };
}

/**
 * @param {import('@opentelemetry/api').TextMapPropagator} propagator
 * @returns {Tracing['within']}
 */
function withinBy(propagator) {
  return (carrier, work) => {
    const parent = propagator.extract(api.ROOT_CONTEXT, textsOf(carrier), api.defaultTextMapGetter);
    return api.context.with(parent, work);
  };
}

/**
 * An exporter of our own. The application's is left alone: nothing is registered but what says which context is active,
 * and that only where nobody has.
 * @param {string} url
 * @param {string} name
 * @returns {Tracing}
 */
function exportTo(url, name) {
  const { BasicTracerProvider, BatchSpanProcessor } = require('@opentelemetry/sdk-trace-base');
  const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-http');
  const { AsyncLocalStorageContextManager } = require('@opentelemetry/context-async-hooks');
  const { W3CTraceContextPropagator } = require('@opentelemetry/core');
  const { defaultResource, detectResources, envDetector, resourceFromAttributes } = require('@opentelemetry/resources');
  const manager = new AsyncLocalStorageContextManager();
  manager.enable();
  if (!api.context.setGlobalContextManager(manager)) manager.disable();
  const resource = defaultResource()
    .merge(resourceFromAttributes({ 'service.name': name, 'service.version': version, 'process.pid': process.pid }))
    .merge(detectResources({ detectors: [envDetector] }));
  const provider = new BasicTracerProvider({
    resource,
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url }))],
  });
  return {
    api,
    tracer: provider.getTracer(name, version),
    within: withinBy(new W3CTraceContextPropagator()),
    // A collector that is away costs spans, and no job.
    flush: () => Promise.race([provider.forceFlush().catch(() => {}), wait(kFlushMs, undefined, { ref: false })]),
  };
}

/**
 * What the application has registered; what it does with spans, and when it sends them, is its own.
 * @param {string} name
 * @returns {Tracing}
 */
function ofApplication(name) {
  return {
    api,
    tracer: api.trace.getTracer(name, version),
    within: withinBy(api.propagation),
    flush: async () => {},
  };
}

module.exports = { exportTo, ofApplication };
