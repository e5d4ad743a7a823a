// One picture of `switchyard top`: lines of text from what the server says of itself.
'use strict';

/** Whatever JSON can hold. @typedef {ReturnType<typeof JSON.parse>} Json */
/** @typedef {{ metrics: Json, health: Json }} Reading */
/**
 * @typedef {object} Looks
 * @property {readonly number[]} rates jobs a second, the newest last
 * @property {string} server
 * @property {number} width of the terminal
 * @property {boolean} colours
 */
/** @typedef {Reading & Looks} Picture */

const kHistory = 60; // rates that are drawn
const kSparks = '▁▂▃▄▅▆▇█';
const kBar = 20,
  kWide = 72; // columns that have room for the names of devices
const kColours = /** @type {const} */ ({ good: 32, warn: 33, bad: 31, soft: 2, strong: 1 });
/** @type {Readonly<Record<string, keyof typeof kColours>>} */
const kTones = {
  ok: 'good',
  idle: 'soft',
  busy: 'good',
  normal: 'good',
  degraded: 'warn',
  starting: 'warn',
  high: 'warn',
};

/** @param {number} ms */
function duration(ms) {
  if (ms >= 60_000) return `${(ms / 60_000).toFixed(1)} min`;
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return ms >= 1 || ms === 0 ? `${ms.toFixed(1)} ms` : `${(ms * 1000).toFixed(0)} us`;
}

/** @param {number} mb */
function megabytes(mb) {
  return mb >= 1024 ? `${(mb / 1024).toFixed(1)} GB` : `${mb.toFixed(mb < 10 ? 1 : 0)} MB`;
}

/** @param {readonly number[]} values the newest last */
function sparkline(values) {
  const most = Math.max(...values, Number.MIN_VALUE);
  return values.map((value) => kSparks[Math.round((value / most) * (kSparks.length - 1))]).join('');
}

/**
 * @param {number} share 0 to 1
 * @param {number} [length]
 */
function bar(share, length = kBar) {
  const full = Math.round(Math.min(1, Math.max(0, share)) * length);
  return '█'.repeat(full) + '░'.repeat(length - full);
}

/**
 * @param {string} line
 * @param {number} width
 */
function cut(line, width) {
  const letters = [...line];
  return letters.length > width ? `${letters.slice(0, width - 1).join('')}…` : line;
}

/** @param {Picture} picture */
function figures({ metrics, health, rates }) {
  const { performance: speed, memoryUsage } = metrics;
  const { latency, queueTime, contextSwitchTime } = speed.recent;
  const { queue } = health;
  const within = (/** @type {{ p50: number, p99: number }} */ { p50, p99 }) =>
    p99 > 0 ? `${duration(p50)}, 99 % within ${duration(p99)}` : 'none lately';
  return [
    ['jobs', `${speed.jobsPerSecond.toFixed(1)} a second  ${sparkline(rates)}`],
    [
      'queue',
      `${queue.depth} of ${queue.limit} wait, ${queue.running} run, the oldest for ${duration(queue.oldestAgeMs)}`,
    ],
    ['latency', within(latency)],
    ['queue time', within(queueTime)],
    ['switches', `${speed.contextSwitches}, ${within(contextSwitchTime)}`],
    ['programs', `${metrics.totalShaders}, ${metrics.cacheHitRate.toFixed(1)} % found compiled`],
    ['memory', `${megabytes(memoryUsage.total)} of devices, ${megabytes(memoryUsage.shared)} shared`],
  ];
}

/**
 * A line for each context; the device's name is left out where there is no room for it.
 * @param {Picture} picture
 * @param {(text: string, colour: keyof typeof kColours) => string} paint
 * @param {(name: string, pad?: number) => string} state
 */
function contextLines({ metrics, health, width }, paint, state) {
  const isNarrow = width < kWide;
  const [ofId, ofState, ofBar] = isNarrow ? [13, 9, 8] : [16, 10, kBar];
  const ofMemory = isNarrow ? 0 : ofBar + 12;
  const head = ['context'.padEnd(ofId), 'state'.padEnd(ofState), 'memory'.padEnd(ofMemory), isNarrow ? '' : 'device'];
  const tiers = new Map(health.memory.map((/** @type {Json} */ tier) => [tier.of, tier]));
  const lines = [paint(head.join(''), 'soft')];
  for (const { id, state: now, device, deviceName } of health.contexts) {
    const used = metrics.memoryUsage.contexts[id] ?? 0;
    const limit = tiers.get(id)?.limit ?? 0;
    const memory = `${bar(limit > 0 ? (used * 2 ** 20) / limit : 0, ofBar)} ${megabytes(used)}`.padEnd(ofMemory);
    const name = isNarrow ? '' : cut(deviceName || device, width - ofId - ofState - ofMemory);
    lines.push(`${cut(id, ofId - 1).padEnd(ofId)}${state(now, ofState)}${memory}${name}`);
  }
  return lines;
}

/**
 * @param {Picture} picture
 * @returns {string[]} lines, none wider than the terminal
 */
function frame(picture) {
  const { health, server, width, colours } = picture;
  const paint = (/** @type {string} */ text, /** @type {keyof typeof kColours} */ colour) =>
    colours ? `\x1b[${kColours[colour]}m${text}\x1b[0m` : text;
  const state = (/** @type {string} */ name, pad = 0) => paint(name.padEnd(pad), kTones[name] ?? 'bad');
  const lines = [`${paint('switchyard', 'strong')}  ${state(health.status)}  ${cut(server, width - 24)}`, ''];
  for (const [name, value] of figures(picture))
    lines.push(`${paint(name.padEnd(11), 'soft')}${cut(value, width - 11)}`);
  lines.push('', ...contextLines(picture, paint, state));
  const others = health.memory.filter((/** @type {Json} */ { tier }) => tier !== 'device');
  if (others.length) lines.push('');
  for (const { tier, of, used, limit, state: now } of others) {
    const size = `${megabytes(used / 2 ** 20)}${limit ? ` of ${megabytes(limit / 2 ** 20)}` : ''}`;
    lines.push(
      cut(
        `${(tier === of ? tier : `${tier}: ${of}`).padEnd(26)}${bar(limit ? used / limit : 0)} ${size}, ${now}`,
        width,
      ),
    );
  }
  return lines;
}

module.exports = { frame, sparkline, kHistory };
