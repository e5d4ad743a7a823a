// Charts of the last ten minutes, drawn by uPlot in the colours of the theme. Beside each stand its newest numbers, and
// a screen reader is told them in a sentence.
import { h, write } from './dom.mjs';
import { count, duration, megabytes } from './format.mjs';

/**
 * @typedef {object} Chart
 * @property {string} title
 * @property {readonly { name: string, label: string }[]} series at most two
 * @property {(value: number) => string} format
 */

/** @type {readonly Chart[]} */
export const kCharts = [
  {
    title: 'Throughput, per second',
    series: [
      { name: 'jobs', label: 'jobs' },
      { name: 'switches', label: 'context switches' },
    ],
    format: (value) => count(value),
  },
  {
    title: 'Queue',
    series: [
      { name: 'waiting', label: 'waiting' },
      { name: 'running', label: 'running' },
    ],
    format: (value) => count(value),
  },
  {
    title: 'Latency of jobs, last ten seconds',
    series: [
      { name: 'p50', label: 'half within' },
      { name: 'p99', label: '99 % within' },
    ],
    format: duration,
  },
  {
    title: 'Context switches, last ten seconds',
    series: [
      { name: 'switchP50', label: 'half within' },
      { name: 'switchP99', label: '99 % within' },
    ],
    format: duration,
  },
  {
    title: 'Time in the queue, last ten seconds',
    series: [
      { name: 'queueP50', label: 'half within' },
      { name: 'queueP99', label: '99 % within' },
    ],
    format: duration,
  },
  {
    title: 'Memory',
    series: [
      { name: 'memory', label: 'of devices' },
      { name: 'shared', label: 'shared between processes' },
    ],
    format: megabytes,
  },
];

const kSpoken = 10; // updates between two sentences for screen readers

/** @param {string} name of a CSS variable */
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

class Drawn {
  /** @type {import('uplot')|undefined} */
  #plot;
  #updates = 0;

  /** @param {Chart} chart */
  constructor(chart) {
    this.chart = chart;
    this.now = chart.series.map(() => h('span', {}, '–'));
    const legend = chart.series.map(({ label }, i) =>
      h('li', { class: `series-${i + 1}` }, h('i'), `${label} `, this.now[i]),
    );
    this.plot = h('div', { class: 'plot', role: 'img', 'aria-label': `${chart.title}: no numbers yet` });
    this.element = h(
      'figure',
      { class: 'chart' },
      h('figcaption', {}, h('h3', {}, chart.title), h('ul', { class: 'legend' }, legend)),
      this.plot,
    );
  }

  /**
   * @param {typeof import('uplot')} UPlot
   * @param {import('uplot').AlignedData} data
   */
  draw(UPlot, data) {
    this.#plot?.destroy();
    const { format, series } = this.chart;
    const axis = { stroke: colour('--soft'), grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false } };
    const font = '12px system-ui, sans-serif';
    this.#plot = new UPlot(
      {
        width: Math.max(200, this.plot.clientWidth),
        height: this.plot.clientHeight || 170,
        legend: { show: false },
        cursor: { show: false },
        scales: { y: { range: (_, __, most) => [0, most > 0 ? most * 1.15 : 1] } },
        axes: [
          { ...axis, font, space: 90, values: (_, splits) => splits.map((at) => clockOf(at)) },
          { ...axis, font, size: 62, values: (_, splits) => splits.map((value) => format(value)) },
        ],
        series: [
          {},
          ...series.map(({ label }, i) => ({
            label,
            stroke: colour(`--series-${i + 1}`),
            width: 1.75,
            dash: i === 1 ? [5, 3] : [],
            points: { show: false },
          })),
        ],
      },
      data,
      this.plot,
    );
  }

  /** @param {import('uplot').AlignedData} data */
  update(data) {
    const { format, series, title } = this.chart;
    const newest = series.map((_, i) => data[i + 1][data[0].length - 1]);
    newest.forEach((value, i) => write(this.now[i], value === null || value === undefined ? '–' : format(value)));
    if (this.#updates++ % kSpoken === 0) {
      const said = series.map(({ label }, i) => `${label} ${this.now[i].textContent}`);
      this.plot.setAttribute('aria-label', `${title}: ${said.join(', ')}`);
    }
    this.#plot?.setData(data);
  }

  resize() {
    this.#plot?.setSize({ width: Math.max(200, this.plot.clientWidth), height: this.plot.clientHeight || 170 });
  }
}

/** @param {number} at seconds since 1970 */
function clockOf(at) {
  return new Date(at * 1000).toLocaleTimeString([], {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  });
}

export class Charts {
  /** @type {typeof import('uplot')|undefined} */
  #UPlot;
  #drawn = kCharts.map((chart) => new Drawn(chart));
  #history;

  /**
   * @param {HTMLElement} place
   * @param {import('./history.mjs').History} history
   */
  constructor(place, history) {
    this.#history = history;
    place.append(...this.#drawn.map(({ element }) => element));
    let asked = 0;
    new ResizeObserver(() => {
      cancelAnimationFrame(asked);
      asked = requestAnimationFrame(() => this.#drawn.forEach((each) => each.resize()));
    }).observe(place);
  }

  /** Loads what draws, which the first paint does not wait for. */
  async load() {
    const address = new URL('/admin/charts/uPlot.mjs', import.meta.url);
    ({ default: this.#UPlot } = await import(address.href));
    this.redraw();
  }

  /** All of them anew: the theme has changed. */
  redraw() {
    if (!this.#UPlot) return;
    for (const each of this.#drawn) each.draw(this.#UPlot, this.#dataOf(each.chart));
  }

  /** There are new numbers. */
  update() {
    for (const each of this.#drawn) each.update(this.#dataOf(each.chart));
  }

  /** @param {Chart} chart */
  #dataOf({ series }) {
    return /** @type {import('uplot').AlignedData} */ (this.#history.columns(series.map(({ name }) => name)));
  }
}
