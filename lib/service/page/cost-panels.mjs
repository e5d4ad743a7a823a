// The panels of what jobs cost, of kept results, alerts, and what is given up under overload. A panel is there only
// where the service has something to say for it.
import { byId, h, lamp, measure, pairs, table } from './dom.mjs';
import { bytes, count, duration, money, percent } from './format.mjs';
import { show } from './panels.mjs';

/** What the service tells. @typedef {ReturnType<typeof JSON.parse>} Json */
/** @typedef {import('./dom.mjs').Tone} Tone */

const kMostRows = 8;
/** @type {Readonly<Record<string, [text: string, tone: Tone]>>} */
const kBudgetStates = {
  ok: ['', 'good'],
  warning: [', near its end', 'warn'],
  stopped: [', used up: jobs are refused', 'bad'],
};
/** @type {Readonly<Record<string, Tone>>} */
const kTierTones = { ok: 'good', away: 'bad', off: 'idle' };
/** @type {Readonly<Record<string, (value: number) => string>>} */
const kAlertUnits = {
  memory: (value) => percent(value * 100),
  queueAge: duration,
  errorRate: (value) => percent(value * 100, 1),
  latency: duration,
  temperature: (value) => `${value.toFixed(0)} °C`,
  budget: (value) => percent(value * 100),
};
const kStages = /** @type {Readonly<Record<string, string>>} */ ({
  none: 'nothing',
  'no-prefetch': 'nothing is loaded ahead',
  'small-batches': 'launches join fewer jobs',
  'refuse-low': 'low priorities are refused',
});

/**
 * @param {string} id
 * @param {boolean} is whether there is something to show
 */
function reveal(id, is) {
  const panel = byId(id).parentElement;
  if (panel) panel.hidden = !is;
  return is;
}

/** @param {Json} metrics */
export function showOperations({ costs, resultCache, alerts, degradation }) {
  const { tiers = [] } = resultCache ?? {};
  const isCached = tiers.some((/** @type {Json} */ { state }) => state !== 'off');
  const isCosted = Boolean(costs) && costs.now.jobs > 0;
  const isBudgeted = (costs?.budgets.length ?? 0) > 0;
  const isShedding = (degradation?.stages.length ?? 0) > 1;
  const isThere = isCached || isCosted || isBudgeted || isShedding;
  byId('cost').hidden = !isThere;
  byId('to-cost').hidden = !isThere;
  if (reveal('budgets', isBudgeted)) showBudgets(costs);
  if (reveal('costs', isCosted)) showCosts(costs);
  if (reveal('caches', isCached)) showCaches(tiers);
  if (reveal('degradation', isShedding)) showDegradation(degradation);
  showAlerts(alerts ?? []);
}

/** @param {Json} costs */
function showBudgets({ budgets, currency }) {
  show('budgets', [budgets, currency], () =>
    budgets.map((/** @type {Json} */ { name, period, spent, limit, state, resetsAt }) => {
      const [words, tone] = kBudgetStates[state] ?? ['', 'idle'];
      const now = `${money(spent, currency)} of ${money(limit, currency)}${words}`;
      const until = new Date(resetsAt).toLocaleString([], {
        month: 'short',
        day: 'numeric',
        hour: '2-digit',
        minute: '2-digit',
        hourCycle: 'h23',
      });
      return h(
        'div',
        {},
        measure(`${name}, a ${period}`, now, limit > 0 ? spent / limit : 0, `budget ${name}`, tone),
        h('p', { class: 'hint' }, `It begins anew on ${until}.`),
      );
    }),
  );
}

/** @param {Json} costs */
function showCosts({ currency, now, hour, day, byWorkload, savings }) {
  const dear = Object.entries(byWorkload)
    .map(([name, sum]) => ({ name, .../** @type {Json} */ (sum) }))
    .sort((a, b) => b.cost - a.cost || b.seconds - a.seconds)
    .slice(0, kMostRows);
  const sums = /** @type {[string, string][]} */ ([
    ['this hour', money(hour.cost, currency)],
    ['today', money(day.cost, currency)],
    ['since the start', money(now.cost, currency)],
    ['saved today by kept results', money(savings.cache, currency)],
    ['saved today by launches together', money(savings.batching, currency)],
    ['saved today by cheaper devices', money(savings.routing, currency)],
  ]);
  show('costs', [sums, dear], () => [
    pairs(sums),
    table(
      'What workloads cost today',
      [
        { title: 'Workload', of: ({ name }) => name },
        { title: 'Jobs', number: true, of: ({ jobs }) => count(jobs) },
        { title: 'Device time', number: true, of: ({ seconds }) => duration(seconds * 1000) },
        { title: currency, number: true, of: ({ cost }) => money(cost, '') },
      ],
      dear,
    ),
  ]);
}

/** @param {Json[]} tiers */
function showCaches(tiers) {
  show('caches', tiers, () => [
    table(
      'Kept results',
      [
        { title: 'Tier', of: ({ name }) => name },
        { title: 'State', of: ({ state }) => lamp(state, kTierTones[state] ?? 'idle') },
        { title: 'Kept', number: true, wide: true, of: ({ entries }) => count(entries ?? NaN) },
        { title: 'Size', number: true, of: (row) => bytes(row.bytes ?? NaN) },
        { title: 'Hits', number: true, of: ({ hits }) => count(hits) },
        {
          title: 'Hit rate',
          number: true,
          of: ({ hits, misses }) => (hits + misses > 0 ? percent((hits / (hits + misses)) * 100, 1) : '–'),
        },
      ],
      tiers,
    ),
  ]);
}

/** @param {Json} degradation */
function showDegradation({ stage, stages, refused, refusedBelow }) {
  show('degradation', [stage, stages, refused, refusedBelow], () => {
    const at = stages.indexOf(stage);
    const items = stages
      .slice(1)
      .map((/** @type {string} */ name, /** @type {number} */ i) =>
        h('li', {}, lamp(kStages[name] ?? name, i < at ? 'warn' : 'idle'), i < at ? ' now' : ''),
      );
    const below = refusedBelow === null ? '' : ` Priorities below ${refusedBelow} are refused.`;
    return [
      h('p', {}, at > 0 ? 'There is more to do than can be done.' : 'Nothing is given up now.', below),
      h('ol', { class: 'passages' }, items),
      h('p', { class: 'hint' }, `${count(refused)} jobs refused since the start`),
    ];
  });
}

/** @param {Json[]} alerts */
function showAlerts(alerts) {
  const firing = alerts.filter(({ state }) => state === 'firing');
  byId('alerts').hidden = !firing.length;
  const words = firing.map(({ name, metric, value, threshold }) => {
    const unit = kAlertUnits[metric] ?? count;
    return [name, `${metric} is ${value === null ? 'not known' : unit(value)}, above ${unit(threshold)}`];
  });
  show('alerts', words, () => words.map(([name, text]) => h('p', { role: 'alert' }, lamp(name, 'bad'), ` ${text}`)));
}
