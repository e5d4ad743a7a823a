// The events of the cluster, the newest first, in words.
import { byId, fill, h, lamp, nothing } from './dom.mjs';
import { bytes, clock } from './format.mjs';

/** What the service tells. @typedef {ReturnType<typeof JSON.parse>} Json */
/** @typedef {import('./dom.mjs').Tone} Tone */
/** @typedef {{ at: Date, event: string, text: string, tone: Tone }} Told */

const kMost = 200;

/** @type {Readonly<Record<string, { tone: Tone, text: (data: Json) => string }>>} */
const kWords = {
  'workload-failed': {
    tone: 'bad',
    text: ({ type, code, message }) => `${type ?? 'a job'}: ${code}${message ? `, ${message}` : ''}`,
  },
  'worker-ready': { tone: 'good', text: ({ workerId }) => `worker ${workerId} takes jobs` },
  'worker-left': { tone: 'idle', text: ({ workerId }) => `worker ${workerId} has ended in good order` },
  'worker-lost': { tone: 'bad', text: ({ workerId, reason }) => `worker ${workerId} is lost${because(reason)}` },
  'context-lost': { tone: 'bad', text: ({ contextId, reason }) => `${contextId} is lost${because(reason)}` },
  'memory-pressure': {
    tone: 'warn',
    text: ({ tier, of, state, used, limit }) =>
      `${[tier, of].filter(Boolean).join(' ')} is ${state}${used ? `: ${bytes(used)} of ${bytes(limit)}` : ''}`,
  },
  'tensor-published': { tone: 'good', text: ({ name, version }) => `${name}, version ${version}` },
  alert: {
    tone: 'warn',
    text: ({ name, metric, state, value }) =>
      state === 'firing' ? `${name} is raised: ${metric} is ${value}` : `${name} is cleared`,
  },
  budget: { tone: 'warn', text: ({ name, state, spent, limit }) => `${name} is ${state}: ${spent} of ${limit}` },
  degradation: { tone: 'warn', text: ({ stage }) => `under overload: ${stage}` },
  'queue-full': { tone: 'warn', text: () => 'a job was refused: the queue is full' },
};

/** @param {string|undefined} reason */
function because(reason) {
  return reason ? `: ${reason}` : '';
}

/** @param {Json} data */
function inWords(data) {
  return Object.entries(data)
    .filter(([, value]) => typeof value !== 'object')
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

export class Events {
  /** @type {Told[]} the newest first */
  #told = [];
  #waits = false;

  constructor() {
    this.#draw();
  }

  /** All that are remembered, the newest first. */
  get all() {
    return this.#told;
  }

  /**
   * @param {string} event
   * @param {Json} data
   */
  add(event, data) {
    const known = Object.hasOwn(kWords, event) ? kWords[event] : undefined;
    const told = { at: new Date(), event, text: known ? known.text(data) : inWords(data), tone: known?.tone ?? 'idle' };
    this.#told.unshift(told);
    this.#told.length = Math.min(kMost, this.#told.length);
    if (this.#waits) return;
    this.#waits = true;
    setTimeout(() => this.#draw(), 250); // many come at a time
  }

  #draw() {
    this.#waits = false;
    const rows = this.#told.map(({ at, event, text, tone }) =>
      h('li', {}, h('time', {}, clock(at)), lamp(event, tone), h('span', { class: 'text' }, text)),
    );
    fill(
      byId('event-list'),
      rows.length
        ? h('ol', { class: 'events', tabindex: 0, 'aria-label': 'Events, the newest first' }, rows)
        : nothing('Nothing has happened since this page was opened.'),
    );
  }
}
