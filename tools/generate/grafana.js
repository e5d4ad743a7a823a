// The dashboard for Grafana, from the table of metrics: each of them is on it.
'use strict';

/** @typedef {import('./facts').Facts} Facts */
/** @typedef {Facts['metrics'][number]} Metric */
/** @typedef {{ title: string, of: RegExp }} Row metrics by their names; the first that fits counts */

const kWidth = 24, // columns of Grafana's grid
  kPanelWidth = 8,
  kPanelHeight = 8;
/** @type {readonly Row[]} */
const kRows = [
  { title: 'Jobs', of: /^(requests|failures|retries|workload_|pending|running|oldest|batch_|task_|worker_queue)/ },
  { title: 'Latency', of: /_duration_seconds$|_switch/ },
  { title: 'Cost', of: /cost|savings|budget|complexity/ },
  { title: 'Caches', of: /cache/ },
  { title: 'Alerts and load', of: /alert|degradation|webhook/ },
  { title: 'Devices', of: /^gpu_|^contexts$|^resident/ },
  { title: 'Memory', of: /^memory_|published|shared/ },
  { title: 'Programs', of: /^program|^compilation/ },
  { title: 'Workers', of: /./ },
];
/** @type {readonly [RegExp, string][]} Grafana's units, by the end of a name */
const kUnits = [
  [/seconds(_total)?$/, 's'],
  [/bytes(_total)?$/, 'bytes'],
  [/ratio$/, 'percentunit'],
  [/percent$/, 'percent'],
  [/usd(_total)?$/, 'currencyUSD'],
];

/** @param {string} name */
function unitOf(name) {
  return kUnits.find(([end]) => end.test(name))?.[1] ?? 'short';
}

/** @param {readonly string[]} labels */
function legendOf(labels) {
  return labels.length ? labels.map((label) => `{{${label}}}`).join(' ') : '__auto';
}

/**
 * What is asked of Prometheus: of counters how fast they grow, of histograms the middle and the tail.
 * @param {Metric} metric
 * @param {string} name
 * @returns {{ expr: string, legendFormat: string }[]}
 */
function queriesOf({ kind, labels = [] }, name) {
  const of = (/** @type {string} */ series) => `${series}{job=~"$job"}`;
  const rate = (/** @type {string} */ series) => `rate(${of(series)}[$__rate_interval])`;
  const by = labels.length ? ` by (${labels.join(', ')})` : '';
  if (kind === 'gauge')
    return [{ expr: labels.length ? of(name) : `sum(${of(name)})`, legendFormat: legendOf(labels) }];
  if (kind === 'counter') return [{ expr: `sum${by}(${rate(name)})`, legendFormat: legendOf(labels) }];
  if (kind === 'summary')
    return [{ expr: `sum(${rate(`${name}_sum`)}) / sum(${rate(`${name}_count`)})`, legendFormat: 'mean' }];
  return [0.5, 0.99].map((share) => ({
    expr: `histogram_quantile(${share}, sum by (le) (${rate(`${name}_bucket`)}))`,
    legendFormat: `p${share * 100}`,
  }));
}

/** @param {string} name */
function titleOf(name) {
  const words = name
    .replace(/^switchyard_/, '')
    .replace(/_total$/, '')
    .replaceAll('_', ' ');
  return words[0].toUpperCase() + words.slice(1);
}

const kSource = { type: 'prometheus', uid: '${source}' };

/**
 * @param {Metric} metric
 * @param {string} name
 * @param {number} id
 * @param {{ x: number, y: number }} at
 */
function panelOf(metric, name, id, { x, y }) {
  const isRate = metric.kind === 'counter';
  const unit = unitOf(name);
  return {
    id,
    type: 'timeseries',
    title: isRate ? `${titleOf(name)} a second` : titleOf(name),
    description: metric.help,
    datasource: kSource,
    gridPos: { x, y, w: kPanelWidth, h: kPanelHeight },
    fieldConfig: {
      // A second of something a second is a share.
      defaults: {
        unit: isRate && unit === 's' ? 'percentunit' : unit,
        min: 0,
        custom: { fillOpacity: 8, lineWidth: 2 },
      },
      overrides: [],
    },
    options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
    targets: queriesOf(metric, name).map((query, i) => ({
      refId: String.fromCharCode(65 + i),
      datasource: kSource,
      ...query,
    })),
  };
}

/** @param {Facts} facts */
function makePanels({ metrics, nameOf }) {
  /** @type {object[]} */
  const panels = [];
  let y = 0;
  for (const row of kRows) {
    const mine = metrics.filter(({ name }) => kRows.find(({ of }) => of.test(name)) === row);
    if (!mine.length) continue;
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title: row.title,
      collapsed: false,
      gridPos: { x: 0, y, w: kWidth, h: 1 },
    });
    ++y;
    mine.forEach((metric, i) => {
      const x = (i * kPanelWidth) % kWidth;
      const down = Math.floor((i * kPanelWidth) / kWidth) * kPanelHeight;
      panels.push(panelOf(metric, nameOf(metric), panels.length + 1, { x, y: y + down }));
    });
    y += Math.ceil((mine.length * kPanelWidth) / kWidth) * kPanelHeight;
  }
  return panels;
}

/**
 * The dashboard's file.
 * @param {Facts} facts
 */
function makeDashboard(facts) {
  const dashboard = {
    uid: 'switchyard',
    title: 'switchyard',
    tags: ['switchyard'],
    schemaVersion: 39,
    editable: true,
    graphTooltip: 1,
    refresh: '10s',
    time: { from: 'now-1h', to: 'now' },
    timezone: 'browser',
    templating: {
      list: [
        { name: 'source', label: 'Data source', type: 'datasource', query: 'prometheus' },
        {
          name: 'job',
          label: 'Job',
          type: 'query',
          datasource: kSource,
          query: { query: 'label_values(switchyard_pending, job)', refId: 'job' },
          refresh: 2,
          includeAll: true,
          multi: true,
          current: { text: 'All', value: '$__all' },
        },
      ],
    },
    panels: makePanels(facts),
  };
  return `${JSON.stringify(dashboard, undefined, 2)}\n`;
}

module.exports = { makeDashboard };
