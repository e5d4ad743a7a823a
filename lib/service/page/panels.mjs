// The panels that show what is there now: figures, contexts, tiers of memory, programs, what is kept. Each is made anew
// only when what it shows has changed.
import { bar, byId, fill, h, lamp, measure, nothing, pairs, table, write } from './dom.mjs';
import { bytes, count, duration, megabytes, percent } from './format.mjs';

/** What the service tells. @typedef {ReturnType<typeof JSON.parse>} Json */
/** @typedef {import('./dom.mjs').Tone} Tone */

/** @type {Map<string, string>} what each panel shows, so that the same is not made again */
const shown = new Map();

/**
 * @param {string} id of the panel
 * @param {Json} data all that it is made of
 * @param {() => Node[]} make
 */
export function show(id, data, make) {
  const key = JSON.stringify(data) ?? '';
  if (shown.get(id) === key) return;
  shown.set(id, key);
  fill(byId(id), ...make());
}

// ---- figures

/** @type {readonly { label: string, of: (metrics: Json) => [value: string, beside: string] }[]} */
const kFigures = [
  {
    label: 'Jobs a second',
    of: ({ performance }) => [count(performance.jobsPerSecond), 'last ten seconds'],
  },
  {
    label: 'Jobs waiting',
    of: ({ performance }) => [
      count(performance.queueDepth),
      performance.queueDepth > 0
        ? `the oldest for ${duration(performance.queueAge)}`
        : `${performance.running} running`,
    ],
  },
  {
    label: 'Latency',
    of: ({ performance: { recent, jobsPerSecond } }) =>
      jobsPerSecond > 0
        ? [duration(recent.latency.p50), `99 % within ${duration(recent.latency.p99)}`]
        : ['–', 'no jobs lately'],
  },
  {
    label: 'Contexts',
    of: ({ activeContexts, totalContexts }) => [
      `${activeContexts}`,
      activeContexts === totalContexts ? 'all take jobs' : `of ${totalContexts} take jobs`,
    ],
  },
  {
    label: 'Device memory',
    of: ({ memoryUsage }) => [megabytes(memoryUsage.total), `${megabytes(memoryUsage.resident)} stays`],
  },
  {
    label: 'Programs',
    of: ({ totalShaders, cacheHitRate }) => [
      count(totalShaders),
      totalShaders > 0 ? `${percent(cacheHitRate, 1)} found compiled` : 'none compiled yet',
    ],
  },
];

/** @type {{ value: HTMLElement, beside: HTMLElement }[]} */
let figures = [];

/** @param {Json} metrics */
export function showFigures(metrics) {
  if (!figures.length) {
    figures = kFigures.map(() => ({ value: h('div', { class: 'value' }), beside: h('div', { class: 'beside' }) }));
    fill(
      byId('figures'),
      ...kFigures.map(({ label }, i) =>
        h('div', { class: 'figure' }, h('dt', {}, label), h('dd', {}, figures[i].value, figures[i].beside)),
      ),
    );
  }
  kFigures.forEach(({ of }, i) => {
    const [value, beside] = of(metrics);
    write(figures[i].value, value);
    write(figures[i].beside, beside);
  });
}

// ---- contexts

/** @type {Readonly<Record<string, Tone>>} */
const kStateTones = { idle: 'idle', busy: 'good', starting: 'warn', lost: 'bad' };

/** @type {readonly import('./dom.mjs').Column[]} */
const kContextColumns = [
  { title: 'Context', of: ({ id }) => id },
  { title: 'Device', wide: true, of: ({ deviceName, device }) => deviceName || device },
  { title: 'State', of: ({ state }) => lamp(state, kStateTones[state] ?? 'idle') },
  {
    title: 'Memory',
    of: ({ id, memoryUsage, memoryLimit }) =>
      bar(memoryUsage / memoryLimit, `memory of ${id}`, memoryUsage > 0.8 * memoryLimit ? 'warn' : 'good'),
  },
  {
    title: 'of its limit',
    number: true,
    wide: true,
    of: ({ memoryUsage, memoryLimit }) => `${bytes(memoryUsage)} of ${bytes(memoryLimit)}`,
  },
  { title: 'Programs', number: true, wide: true, of: ({ shaderCount }) => count(shaderCount) },
  { title: 'Jobs run', number: true, of: ({ jobsRun }) => count(jobsRun) },
];

/**
 * @param {Json[]} contexts
 * @param {Map<string, string>} names of devices
 */
export function showContexts(contexts, names) {
  const rows = contexts.map(({ id, device, state, memoryUsage, memoryLimit, shaderCount, jobsRun }) => ({
    id,
    device,
    deviceName: names.get(device),
    state,
    memoryUsage,
    memoryLimit,
    shaderCount,
    jobsRun,
  }));
  show('context-table', rows, () => [
    rows.length
      ? h('div', { class: 'panel' }, table('Contexts', kContextColumns, rows))
      : nothing('No context is open: npx switchyard doctor says what this machine can use.'),
  ]);
}

// ---- memory

/** @type {Readonly<Record<string, Tone>>} */
const kTierTones = { normal: 'good', high: 'warn', recovery: 'bad' };
const kTierStates = /** @type {Readonly<Record<string, string>>} */ ({ high: ', high', recovery: ', in recovery' });

/** @param {Json[]} tiers */
export function showTiers(tiers) {
  const rows = tiers.map(({ tier, of, used, limit, state, fullInMs }) => ({ tier, of, used, limit, state, fullInMs }));
  show('tiers', rows, () =>
    rows.length
      ? rows.map(({ tier, of, used, limit, state, fullInMs }) => {
          const share = limit ? used / limit : 0;
          const full = fullInMs === null || fullInMs === undefined ? '' : `, full in ${duration(fullInMs)}`;
          const now = `${bytes(used)}${limit ? ` of ${bytes(limit)}` : ''}${kTierStates[state] ?? ''}${full}`;
          return measure(tier === of ? tier : `${tier}: ${of}`, now, share, `${tier} ${of}`, kTierTones[state]);
        })
      : [nothing('There is nothing to say of memory yet.')],
  );
}

/** @param {Json} metrics */
export function showPrograms({ totalShaders, cacheHitRate, compilationTime, memoryUsage }) {
  const rows = /** @type {[string, string][]} */ ([
    ['compiled, held by contexts', count(totalShaders)],
    ['found compiled', totalShaders > 0 ? percent(cacheHitRate, 1) : '–'],
    ['a new one takes', compilationTime > 0 ? duration(compilationTime) : '–'],
    ['memory', megabytes(memoryUsage.shaderCache)],
    ['published tensors', megabytes(memoryUsage.published)],
    ['shared between processes', megabytes(memoryUsage.shared)],
  ]);
  show('programs', rows, () => [pairs(rows)]);
}

/** @param {Json} kept */
export function showKept({ models, memories, indexes }) {
  show('models', models, () => [
    models.length
      ? table(
          'Models',
          [
            { title: 'Name', of: ({ name }) => name },
            {
              title: 'State',
              of: ({ isOpen, precision }) => (isOpen ? lamp(precision, 'good') : lamp('not loaded', 'idle')),
            },
            { title: 'Weights', number: true, of: (row) => bytes(row.bytes ?? NaN) },
          ],
          models,
        )
      : nothing('No models: MODELS_DIR and TEXT_MODEL name some.'),
  ]);
  const rows = [
    ...memories.map((/** @type {Json} */ { name, isOpen, passages }) => ({
      name,
      isOpen,
      kind: 'memory',
      size: passages,
    })),
    ...indexes.map((/** @type {Json} */ { name, isOpen, size }) => ({
      name,
      isOpen,
      kind: 'index',
      size,
    })),
  ];
  show('kept', rows, () => [
    rows.length
      ? table(
          'Memories and indexes',
          [
            { title: 'Name', of: ({ name }) => name },
            { title: 'Kind', of: ({ kind }) => kind },
            {
              title: 'State',
              wide: true,
              of: ({ isOpen }) => (isOpen ? lamp('open', 'good') : lamp('closed', 'idle')),
            },
            { title: 'Rows', number: true, of: ({ size }) => (size === undefined ? '–' : count(size)) },
          ],
          rows,
        )
      : nothing('Nothing is kept yet: memory_remember and index_create keep something.'),
  ]);
}
