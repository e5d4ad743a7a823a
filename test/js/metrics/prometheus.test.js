// The text for Prometheus, read back by a strict parser of its format.
'use strict';
const { MetricsBlock, kMaxWorkloads } = require('../../../lib/metrics/metrics');
const { kContentType } = require('../../../lib/metrics/prometheus');
const status = require('../../../lib/metrics/status-page');
const { page, metricsAt, contextOf, kOperations, stages } = require('../../support/metrics-fixtures');

// The text format 0.0.4, strictly: families in one piece, HELP and TYPE before their samples, no series twice.
const kSample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (-?(?:\d+(?:\.\d+)?(?:e[+-]\d+)?)|[+-]Inf|NaN)$/;

const kLabel = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,(?=.)|$)/;

function parseLabels(text) {
  const labels = {};
  while (text) {
    const match = kLabel.exec(text);
    if (!match || match[1] in labels) throw new Error(`labels: ${text}`);
    labels[match[1]] = match[2].replace(/\\(.)/g, (_, c) => (c === 'n' ? '\n' : c));
    text = text.slice(match[0].length);
  }
  return labels;
}

function checkHistogram({ name, samples }) {
  const buckets = samples.filter((sample) => sample.name === `${name}_bucket`);
  expect(buckets.length).toBe(samples.length - 2);
  const bounds = buckets.map(({ labels }) => (labels.le === '+Inf' ? Infinity : Number(labels.le)));
  expect(bounds[bounds.length - 1]).toBe(Infinity);
  for (let i = 1; i < buckets.length; ++i) {
    expect(bounds[i]).toBeGreaterThan(bounds[i - 1]);
    expect(buckets[i].value).toBeGreaterThanOrEqual(buckets[i - 1].value);
  }
  expect(samples.map((sample) => sample.name).slice(-2)).toEqual([`${name}_sum`, `${name}_count`]);
  expect(samples[samples.length - 1].value).toBe(buckets[buckets.length - 1].value);
}

/** What names of samples end with, by their family's type. */
const kEnds = { histogram: ['_bucket', '_sum', '_count'], summary: ['_sum', '_count'] };

function parse(text) {
  expect(text.endsWith('\n')).toBe(true);
  const families = new Map(),
    seen = new Set();
  let family;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [, keyword, name, rest] = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line) ?? [];
    if (keyword === 'HELP') {
      if (families.has(name)) throw new Error(`${name} twice`);
      families.set(name, (family = { name, help: rest, type: undefined, samples: [] }));
    } else if (keyword === 'TYPE') {
      if (family?.name !== name || family.type || family.samples.length)
        throw new Error(`TYPE of ${name} out of place`);
      if (!['counter', 'gauge', 'histogram', 'summary'].includes(rest)) throw new Error(`type ${rest}`);
      family.type = rest;
    } else {
      const match = kSample.exec(line);
      if (!match || !family?.type) throw new Error(`not a sample: ${line}`);
      const allowed = (kEnds[family.type] ?? ['']).map((end) => family.name + end);
      if (!allowed.includes(match[1])) throw new Error(`${match[1]} among those of ${family.name}`);
      const sample = {
        name: match[1],
        labels: parseLabels(match[2]),
        value: Number(match[3].replace('Inf', 'Infinity')),
      };
      const key = sample.name + JSON.stringify(Object.entries(sample.labels).sort());
      if (seen.has(key)) throw new Error(`${key} twice`);
      seen.add(key);
      family.samples.push(sample);
    }
  }
  for (const each of families.values()) if (each.type === 'histogram') checkHistogram(each);
  return families;
}

/** Those that stand under names of their own. */
const kKnown = {
  llm_cost_usd_total: 'counter',
  llm_cost_per_request_usd: 'gauge',
  cache_savings_usd_total: 'counter',
  model_routing_savings_usd_total: 'counter',
  tiered_cache_hits_total: 'counter',
  compilation_duration_seconds: 'summary',
  worker_queue_depth: 'gauge',
  gpu_utilization_percent: 'gauge',
  batch_processing_requests_total: 'counter',
};

describe('the text for Prometheus', () => {
  const kGib = 2 ** 30;
  function clusterOfTwo() {
    const { metrics, clock } = metricsAt({ workloads: ['add', 'matmul'] });
    const members = [1, 2].map((workerId) => {
      const of = page();
      metrics.attach(workerId, of);
      of[status.inPage.loopBeat] = clock.ms - 250 * workerId;
      of[status.inPage.executorBeat] = workerId === 1 ? clock.ms + 0.01 : 0;
      of[status.inPage.loopLag] = 12;
      of[status.contextAt(0) + status.inContext.gpuUtilization] = workerId === 1 ? 0.25 : NaN;
      of[status.contextAt(0) + status.inContext.gpuUsedBytes] = kGib + workerId;
      of[status.contextAt(0) + status.inContext.gpuTotalBytes] = 8 * kGib;
      return { workerId, page: of };
    });
    const contexts = [
      contextOf('1-cuda-0', 'cuda:0', { state: 'busy', reserved: 100, pending: 3 }),
      contextOf('2-cuda-0', 'cuda:0', { reserved: 50, pending: 2 }),
      contextOf('2-cpu-0', 'cpu:0', { slot: 1, reserved: 7, pending: 4 }),
    ];
    const state = {
      now: clock.ms,
      pending: 3,
      running: 2,
      oldestPendingAgeMs: 1500,
      restarts: { crash: 2, 'a "quote"\\\n': 1 },
      contexts,
      members,
      compiled: { count: 4, ms: 500 },
      published: { count: 2, bytes: 300 },
      shared: { count: 5, bytes: 700 },
      tiers: [
        { tier: 'device', of: '1-cpu-0', state: 'high', used: 70, limit: 100, fullInMs: 5000 },
        { tier: 'host', of: 'host', state: 'normal', used: 1, limit: null, fullInMs: null },
      ],
      operations: kOperations,
    };
    return { metrics, clock, members, state };
  }
  const valuesOf = (families, name) =>
    families.get(`switchyard_${name}`).samples.map(({ labels, value }) => [labels, value]);

  test('has every name of the interface, each of its type', async () => {
    const { metrics, state } = clusterOfTwo();
    const families = parse(await metrics.prometheus(state));
    const types = Object.fromEntries(
      [...families.values()].map(({ name, type }) => [name.replace(/^switchyard_/, ''), type]),
    );
    expect(types).toEqual({
      requests_total: 'counter',
      failures_total: 'counter',
      retries_total: 'counter',
      workload_jobs_total: 'counter',
      workload_compute_seconds_total: 'counter',
      cache_hits_total: 'counter',
      cache_misses_total: 'counter',
      context_switches_total: 'counter',
      worker_restarts_total: 'counter',
      context_switch_seconds: 'histogram',
      request_duration_seconds: 'histogram',
      queue_duration_seconds: 'histogram',
      upload_duration_seconds: 'histogram',
      compute_duration_seconds: 'histogram',
      readback_duration_seconds: 'histogram',
      batch_size: 'histogram',
      pending: 'gauge',
      running: 'gauge',
      oldest_pending_age_seconds: 'gauge',
      contexts: 'gauge',
      gpu_memory_used_bytes: 'gauge',
      gpu_memory_total_bytes: 'gauge',
      gpu_memory_pool_bytes: 'gauge',
      resident_bytes: 'gauge',
      gpu_utilization_ratio: 'gauge',
      published_tensors: 'gauge',
      published_bytes: 'gauge',
      shared_tensors: 'gauge',
      shared_bytes: 'gauge',
      memory_tier_bytes: 'gauge',
      memory_tier_state: 'gauge',
      memory_tier_full_seconds: 'gauge',
      event_loop_lag_seconds: 'gauge',
      heartbeat_age_seconds: 'gauge',
      programs: 'gauge',
      program_bytes: 'gauge',
      program_cache_hits_total: 'counter',
      program_cache_misses_total: 'counter',
      program_compile_seconds_total: 'counter',
      result_cache_hits_total: 'counter',
      result_cache_misses_total: 'counter',
      result_cache_bytes: 'gauge',
      result_cache_entries: 'gauge',
      result_cache_up: 'gauge',
      device_seconds_total: 'counter',
      cost_total: 'counter',
      saved_cost_total: 'counter',
      budget_spent: 'gauge',
      budget_limit: 'gauge',
      alert_firing: 'gauge',
      degradation_stage: 'gauge',
      overload_refused_total: 'counter',
      ...kKnown,
    });
    const isOurs = (name) => name.startsWith('switchyard_') !== Object.hasOwn(kKnown, name);
    expect([...families.keys()].every(isOurs)).toBe(true);
    expect(kContentType).toMatch(/^text\/plain; version=0\.0\.4/);
  });

  test('gauges of members, contexts and cards; a card that two workers see counts once', async () => {
    const { metrics, state } = clusterOfTwo();
    const families = parse(await metrics.prometheus(state));
    const of = (name) => valuesOf(families, name);
    expect(of('pending')).toEqual([[{}, 3]]);
    expect(of('running')).toEqual([[{}, 2]]);
    expect(of('oldest_pending_age_seconds')).toEqual([[{}, 1.5]]);
    expect(of('worker_restarts_total')).toEqual([
      [{ reason: 'crash' }, 2],
      [{ reason: 'a "quote"\\\n' }, 1],
    ]);
    expect(of('contexts')).toEqual([
      [{ state: 'idle' }, 2],
      [{ state: 'busy' }, 1],
      [{ state: 'lost' }, 0],
      [{ state: 'starting' }, 0],
    ]);
    expect(of('gpu_memory_used_bytes')).toEqual([[{ device: 'cuda:0' }, kGib + 2]]);
    expect(of('gpu_memory_total_bytes')).toEqual([[{ device: 'cuda:0' }, 8 * kGib]]);
    expect(of('gpu_memory_pool_bytes')).toEqual([
      [{ device: 'cuda:0' }, 150],
      [{ device: 'cpu:0' }, 7],
    ]);
    expect(of('resident_bytes')).toEqual([
      [{ device: 'cuda:0' }, 0],
      [{ device: 'cpu:0' }, 0],
    ]);
    expect(of('gpu_utilization_ratio')).toEqual([[{ device: 'cuda:0' }, 0.25]]);
    const [device, host] = [
      { tier: 'device', of: '1-cpu-0' },
      { tier: 'host', of: 'host' },
    ];
    expect(of('memory_tier_bytes')).toEqual([
      [{ ...device, which: 'used' }, 70],
      [{ ...device, which: 'limit' }, 100],
      [{ ...host, which: 'used' }, 1],
    ]);
    expect(of('memory_tier_state')).toEqual([
      [device, 1],
      [host, 0],
    ]);
    expect(of('memory_tier_full_seconds')).toEqual([[device, 5]]);
    expect([of('published_tensors'), of('published_bytes')]).toEqual([[[{}, 2]], [[{}, 300]]]);
    expect([of('shared_tensors'), of('shared_bytes')]).toEqual([[[{}, 5]], [[{}, 700]]]);
    expect(of('event_loop_lag_seconds')).toEqual([
      [{ worker: '1' }, 0.012],
      [{ worker: '2' }, 0.012],
    ]);
    expect(of('heartbeat_age_seconds')).toEqual([
      [{ worker: '1', which: 'loop' }, 0.25],
      [{ worker: '1', which: 'device' }, 0],
      [{ worker: '2', which: 'loop' }, 0.5],
    ]);
  });

  test('counters and histograms are sums over members, also when one has gone', async () => {
    const { metrics, members, state } = clusterOfTwo();
    const blocks = members.map(({ page: of }) => MetricsBlock.ofPage(of));
    blocks[0].completed(0, { queued: 0.01, upload: 0, compute: 1, readback: 0, total: 1.5 }, 4);
    blocks[1].completed(1, { queued: 0.01, upload: 0, compute: 30, readback: 0, total: 40 }, 1);
    metrics.own.completed(kMaxWorkloads - 1, { queued: 0.01, upload: 0, compute: 30, readback: 0, total: 200000 }, 100);
    blocks[0].failed('ERR_TIMEOUT');
    metrics.own.failed('ERR_TIMEOUT');
    metrics.own.failed('ERR_QUEUE_FULL');
    blocks[1].retried('ERR_DEVICE_LOST');
    blocks[1].cacheHit();
    const text = await metrics.prometheus(state);
    const families = parse(text);
    expect(valuesOf(families, 'requests_total')).toEqual([
      [{ outcome: 'completed' }, 3],
      [{ outcome: 'failed' }, 3],
    ]);
    expect(valuesOf(families, 'failures_total').filter(([, n]) => n)).toEqual([
      [{ reason: 'ERR_TIMEOUT' }, 2],
      [{ reason: 'ERR_QUEUE_FULL' }, 1],
    ]);
    expect(valuesOf(families, 'retries_total').filter(([, n]) => n)).toEqual([[{ reason: 'ERR_DEVICE_LOST' }, 1]]);
    expect(valuesOf(families, 'workload_jobs_total')).toEqual([
      [{ type: 'add' }, 1],
      [{ type: 'matmul' }, 1],
      [{ type: 'other' }, 1],
    ]);
    expect(valuesOf(families, 'cache_hits_total')).toEqual([[{}, 1]]);
    const request = new Map(
      families
        .get('switchyard_request_duration_seconds')
        .samples.map((s) => [s.labels.le ?? s.name.split('_').pop(), s.value]),
    );
    expect([
      request.get('0.001'),
      request.get('0.002'),
      request.get('0.02'),
      request.get('0.05'),
      request.get('100'),
      request.get('+Inf'),
    ]).toEqual([0, 1, 1, 2, 2, 3]);
    expect(request.get('sum')).toBeCloseTo(200.0415, 9);
    expect(request.get('count')).toBe(3);
    expect(valuesOf(families, 'batch_size').map(([, n]) => n)).toEqual([1, 1, 2, 2, 2, 2, 2, 3, 105, 3]);
    metrics.retire(1);
    metrics.retire(2);
    expect(await metrics.prometheus(state)).toBe(text);
  });

  test("texts made at once do not disturb each other, and the application's own registry is left alone", async () => {
    const { metrics, state } = clusterOfTwo();
    const texts = await Promise.all([1, 2, 3].map((pending) => metrics.prometheus({ ...state, pending })));
    texts.forEach((text, i) => expect(valuesOf(parse(text), 'pending')).toEqual([[{}, i + 1]]));
    expect(require('prom-client').register.getMetricsAsArray()).toEqual([]);
  });

  test('operations: kept results by tier, costs, savings, budgets, alerts, overload', async () => {
    const { metrics, state } = clusterOfTwo();
    const families = parse(await metrics.prometheus(state));
    const of = (name) => valuesOf(families, name);
    expect(of('result_cache_hits_total')).toEqual([
      [{ tier: 'memory' }, 5],
      [{ tier: 'redis' }, 2],
      [{ tier: 'disk' }, 0],
    ]);
    expect(of('result_cache_bytes')).toEqual([
      [{ tier: 'memory' }, 300],
      [{ tier: 'disk' }, 0],
    ]);
    expect(of('result_cache_up')).toEqual([
      [{ tier: 'memory' }, 1],
      [{ tier: 'redis' }, 0],
    ]);
    expect(of('device_seconds_total')).toEqual([[{}, 1.5]]);
    expect(of('cost_total')).toEqual([[{ currency: 'EUR' }, 0.75]]);
    expect(of('saved_cost_total')).toEqual([
      [{ by: 'cache', currency: 'EUR' }, 1],
      [{ by: 'batching', currency: 'EUR' }, 2],
      [{ by: 'routing', currency: 'EUR' }, 3],
    ]);
    expect(of('budget_spent')).toEqual([[{ budget: 'all', period: 'day' }, 0.75]]);
    expect(of('budget_limit')).toEqual([[{ budget: 'all', period: 'day' }, 10]]);
    expect(of('alert_firing')).toEqual([
      [{ alert: 'slow' }, 1],
      [{ alert: 'hot' }, 0],
    ]);
    expect(of('degradation_stage')).toEqual([[{}, 2]]);
    expect(of('overload_refused_total')).toEqual([[{}, 4]]);
  });

  test('those under names of their own have the numbers of ours', async () => {
    const { metrics, state } = clusterOfTwo();
    const batches = metrics.own.view.slice();
    metrics.own.completed(0, stages(1), 3); // three in one launch
    metrics.own.completed(0, stages(1), 1);
    expect(batches).not.toEqual(metrics.own.view);
    const read = async (operations) => {
      const families = parse(await metrics.prometheus({ ...state, operations }));
      return (name, of = name) =>
        (families.get(of)?.samples ?? [])
          .filter((each) => each.name === name)
          .map(({ labels, value }) => [labels, value]);
    };
    const of = await read(kOperations);
    expect(of('worker_queue_depth')).toEqual([
      [{ worker: '1' }, 3],
      [{ worker: '2' }, 6],
    ]);
    expect(of('compilation_duration_seconds_sum', 'compilation_duration_seconds')).toEqual([[{}, 0.5]]);
    expect(of('compilation_duration_seconds_count', 'compilation_duration_seconds')).toEqual([[{}, 4]]);
    const [[, ratio]] = of('switchyard_gpu_utilization_ratio');
    expect(of('gpu_utilization_percent')).toEqual([[{ device: 'cuda:0' }, ratio * 100]]);
    const sizes = of('switchyard_batch_size_sum', 'switchyard_batch_size')[0][1];
    const [[, alone]] = of('switchyard_batch_size_bucket', 'switchyard_batch_size').filter(([{ le }]) => le === '1');
    expect(of('batch_processing_requests_total')).toEqual([[{}, sizes - alone]]);
    expect(sizes - alone).toBeGreaterThanOrEqual(3);
    // What costs is there in dollars alone: these are euros.
    expect(of('llm_cost_usd_total')).toEqual([]);
    const { costs } = kOperations;
    const dollars = await read({ ...kOperations, costs: { ...costs, currency: 'USD' } });
    expect(dollars('llm_cost_usd_total')).toEqual([[{}, costs.now.cost]]);
    expect(dollars('llm_cost_per_request_usd')).toEqual([[{}, costs.now.cost / costs.now.jobs]]);
    expect(dollars('cache_savings_usd_total')).toEqual([[{}, costs.saved.cache]]);
    expect(dollars('model_routing_savings_usd_total')).toEqual([[{}, costs.saved.routing]]);
  });

  test('a cluster with nothing in it has a text, too', async () => {
    const { metrics, clock } = metricsAt();
    const state = {
      now: clock.ms,
      pending: 0,
      running: 0,
      oldestPendingAgeMs: 0,
      restarts: {},
      contexts: [],
      members: [],
      compiled: { count: 0, ms: 0 },
      published: { count: 0, bytes: 0 },
      shared: { count: 0, bytes: 0 },
      tiers: [],
      operations: kOperations,
    };
    expect(parse(await metrics.prometheus(state)).size).toBe(61);
  });
});
