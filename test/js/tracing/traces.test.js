// Spans of jobs, as a collector gets them: one for each with what it spent its time on, as parts of their callers'
// traces; and nothing of it where nobody asked for spans.
'use strict';
const { startCollector } = require('../../support/collector');
const { runChild } = require('../../support/run-child');
const { startService } = require('../../support/started-service');
const { post } = require('../../support/http-service');
const { open, postRpc, message } = require('../../support/rpc-service');

const kTrace = '0af7651916cd43dd8448eb211c80319c';
const kParent = 'b7ad6b7169203331';
const traceparent = `00-${kTrace}-${kParent}-01`;
const kStages = ['queue', 'switch', 'upload', 'compute', 'readback'];
const kNone = Object.fromEntries(
  Object.keys(process.env).flatMap((name) => (name.startsWith('OTEL_') ? [[name, '']] : [])),
);

let collector;
beforeEach(async () => {
  collector = await startCollector();
});
afterEach(() => collector.close());

/** What a process alone says at its end. */
async function said(how, env) {
  const { stdout, code, stderr } = await runChild('traced.js', [how], { env: { ...kNone, ...env } });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

const childrenOf = (span) => collector.spans.filter(({ parentSpanId }) => parentSpanId === span.spanId);

test('a job is a span, its stages are children one after the other, as long as its timings say', async () => {
  const { timings, loaded } = await said('exporter', {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_SERVICE_NAME: 'a-name-of-the-test',
  });
  expect(loaded).toBeGreaterThan(0);
  expect(new Set(collector.requests.map(({ url }) => url))).toEqual(new Set(['/v1/traces']));
  const [job] = collector.spans.filter(({ name }) => name === 'job softmax');
  expect(job).toMatchObject({
    scope: 'switchyard',
    resource: { 'service.name': 'a-name-of-the-test' },
    attributes: {
      'switchyard.job.type': 'softmax',
      'switchyard.context.type': 'cpu',
      'switchyard.job.attempts': 1,
      'switchyard.job.cached': false,
    },
  });
  expect(job.parentSpanId ?? '').toBe('');
  const stages = childrenOf(job);
  expect(stages.map(({ name }) => name)).toEqual(
    kStages.filter((name) => timings[name === 'queue' ? 'queued' : name] > 0),
  );
  expect(stages.map(({ name }) => name)).toContain('compute');
  let at = job.begin;
  for (const { name, begin, ms } of stages) {
    expect(Math.abs(begin - at)).toBeLessThan(0.01);
    expect(Math.abs(ms - timings[name === 'queue' ? 'queued' : name])).toBeLessThan(0.01);
    at = begin + ms;
  }
  expect(job.begin + job.ms).toBeGreaterThan(at - 0.5);
});

test('a job that fails is a span with its error', async () => {
  const { refused } = await said('exporter', { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/spans` });
  expect(refused).toBe('ERR_UNKNOWN_WORKLOAD');
  expect(collector.requests[0].url).toBe('/spans');
  const [failed] = collector.spans.filter(({ attributes }) => attributes['error.type'] === 'ERR_UNKNOWN_WORKLOAD');
  expect(failed).toMatchObject({ name: 'job', status: { code: 2 }, attributes: { 'switchyard.job.type': 'nothing' } });
  expect(failed.events.map(({ name }) => name)).toEqual(['exception']);
});

test('an application that has a provider gets them there, below the span that is active', async () => {
  const { spans } = await said('application');
  const request = spans.find(({ name }) => name === 'request');
  const job = spans.find(({ name }) => name === 'job softmax');
  expect(job.parent).toBe(request.id);
  expect(spans.filter(({ parent }) => parent === job.id).map(({ name }) => name)).toContain('compute');
  expect(collector.spans).toEqual([]);
});

test.each([
  ['nothing says where they go', {}],
  ['OTEL_SDK_DISABLED says so', { OTEL_SDK_DISABLED: 'true', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' }],
])('nothing is loaded where %s', async (_, env) => {
  expect(await said('none', env)).toMatchObject({ loaded: 0, refused: 'ERR_UNKNOWN_WORKLOAD' });
});

test('a collector that is away costs no job', async () => {
  expect((await said('exporter', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' })).timings.total).toBeGreaterThan(
    0,
  );
}, 60_000);

describe('a service', () => {
  let service;
  const kSmall = { type: 'normalize', inputs: { input: [[3, 4]] } };
  const ends = async () => {
    await service.stop();
    return collector.spans.filter(({ name }) => name.startsWith('job'));
  };
  beforeEach(async () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
    service = await startService({ args: ['--types', 'cpu'], env });
  }, 60_000);

  test('goes on with the trace of a request, by each door', async () => {
    const port = Number(new URL(service.ready.url).port);
    expect((await post(port, kSmall, { traceparent })).status).toBe(200);
    expect((await postRpc(port, message('executeWorkload', kSmall), { traceparent })).status).toBe(200);
    const socket = await open(port);
    await socket.ask('executeWorkload', { ...kSmall, _meta: { traceparent } });
    socket.ws.close();
    const mine = (await ends()).filter(({ traceId }) => traceId === kTrace);
    expect(mine.map(({ name, parentSpanId }) => [name, parentSpanId])).toEqual(
      Array(3).fill(['job normalize', kParent]),
    );
  }, 60_000);

  test('a trace that can not be read is none, and no request fails of it', async () => {
    const port = Number(new URL(service.ready.url).port);
    expect((await post(port, kSmall, { traceparent: '00-nonsense' })).status).toBe(200);
    const socket = await open(port);
    for (const each of ['00-x', 7, null, { a: 1 }])
      expect((await socket.ask('executeWorkload', { ...kSmall, _meta: { traceparent: each } })).result).toBeDefined();
    socket.ws.close();
    const jobs = await ends();
    expect(jobs.length).toBeGreaterThanOrEqual(5);
    expect(jobs.map(({ parentSpanId }) => parentSpanId ?? '')).toEqual(jobs.map(() => ''));
  }, 60_000);
});
