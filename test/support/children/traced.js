// Jobs of a process alone, told as spans: by our exporter, by a provider that the application has registered, or not at
// all. Says what was loaded, and of the application's spans what they were.
'use strict';
const [how] = process.argv.slice(2);

/** Spans of a provider of the application's own. */
function registerProvider() {
  const api = require('@opentelemetry/api');
  const { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-base');
  const { AsyncLocalStorageContextManager } = require('@opentelemetry/context-async-hooks');
  const exporter = new InMemorySpanExporter();
  api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  api.trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
  return { api, exporter };
}

async function main() {
  const application = how === 'application' ? registerProvider() : undefined;
  const gpu = require('../../../lib');
  const manager = gpu.createGPUClusterManager({ contextTypes: ['cpu'], logLevel: 'silent' });
  const input = new Float32Array(300_000).fill(2);
  const job = () =>
    manager.executeWorkload({ type: 'softmax', inputs: { input: { data: input, shape: [300, 1000] } } });
  const said = {};
  if (application) {
    const tracer = application.api.trace.getTracer('application');
    await tracer.startActiveSpan('request', async (span) => {
      said.timings = (await job()).timings;
      span.end();
    });
    said.spans = application.exporter.getFinishedSpans().map((span) => ({
      name: span.name,
      attributes: span.attributes,
      id: span.spanContext().spanId,
      parent: span.parentSpanContext?.spanId,
    }));
  } else {
    said.timings = (await job()).timings;
    said.refused = await manager.executeWorkload({ type: 'nothing', inputs: {} }).catch(({ code }) => code);
  }
  await manager.close();
  said.loaded = Object.keys(require.cache).filter((file) => /@opentelemetry|lib.tracing.exporter/.test(file)).length;
  console.log(JSON.stringify(said));
}

main();
