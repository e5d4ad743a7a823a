// Whether spans are wanted, and of whom: an exporter of ours, where a setting says where spans go, or the provider that
// the application has registered. One for the process, as OpenTelemetry has it.
'use strict';
const { GPUError } = require('../core');

/** @typedef {import('@opentelemetry/api').Span} Span */
/** @typedef {import('@opentelemetry/api').Tracer} Tracer */
/** @typedef {{ traceEndpoint?: string, telemetryEndpoint?: string }} Config the settings that it looks at */
/**
 * What a request has of its caller's trace, among other things.
 * @typedef {{ traceparent?: unknown, tracestate?: unknown, [name: string]: unknown }} Carrier
 */
/**
 * @typedef {object} Tracing
 * @property {typeof import('@opentelemetry/api')} api
 * @property {Tracer} tracer
 * @property {<Result>(carrier: Carrier, work: () => Result) => Result} within does the work as a part of that trace
 * @property {() => Promise<void>} flush
 */

const kName = 'switchyard';
/** Where the packages of OpenTelemetry put what an application has registered. */
const kGlobal = Symbol.for('opentelemetry.js.api.1');

/** @type {Tracing|undefined} */
let made;

/** @param {Config} config */
function endpointOf({ traceEndpoint, telemetryEndpoint }) {
  if (process.env.OTEL_SDK_DISABLED === 'true') return undefined;
  return traceEndpoint ?? (telemetryEndpoint && `${telemetryEndpoint.replace(/\/$/, '')}/v1/traces`);
}

/** Whether the application has registered a provider of spans. */
function isRegistered() {
  const registered = /** @type {Record<symbol, { trace?: object }|undefined>} */ (/** @type {unknown} */ (globalThis));
  return registered[kGlobal]?.trace !== undefined;
}

/**
 * @template Loaded
 * @param {() => Loaded} load
 * @returns {Loaded}
 */
function needed(load) {
  try {
    return load();
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
    throw new GPUError(
      'ERR_UNSUPPORTED',
      `spans can't be sent: ${error.message.split('\n')[0]}; install the optional dependencies, or leave the setting ` +
        'traceEndpoint (OTEL_EXPORTER_OTLP_ENDPOINT) out',
      { cause: error },
    );
  }
}

/**
 * @param {Config} config
 * @returns {Tracing|undefined} undefined: nobody wants spans
 * @throws {GPUError} ERR_UNSUPPORTED: an exporter is wanted whose packages are not installed
 */
function tracingOf(config) {
  if (made) return made;
  const url = endpointOf(config);
  if (url !== undefined) made = needed(() => require('./exporter').exportTo(url, kName));
  else if (isRegistered()) made = needed(() => require('./exporter').ofApplication(kName));
  return made;
}

/**
 * Does the work as a part of its caller's trace, where there is one and spans are wanted.
 * @template Result
 * @param {Carrier|undefined} carrier headers of a request, or what stands in `_meta`
 * @param {() => Result} work
 * @returns {Result}
 */
function within(carrier, work) {
  return made && carrier?.traceparent !== undefined ? made.within(carrier, work) : work();
}

/** Sends what is still here: before a process ends. */
async function flushTraces() {
  await made?.flush();
}

module.exports = { tracingOf, within, flushTraces };
