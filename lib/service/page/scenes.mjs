// Three pictures that the service draws of what is there: a text's attention, texts as a network of what they have in
// common, and the latest events as evidence on a timeline. They are drawn anew when that changes, or, as their user
// wishes, again and again.
import { byId, fill, h, nothing } from './dom.mjs';
import { paint } from './result.mjs';
import { failure } from './workload-form.mjs';

/** What the service tells. @typedef {ReturnType<typeof JSON.parse>} Json */
/** @typedef {(canvas: HTMLCanvasElement, time: number) => Promise<string>} Draw gives the picture in words; none: there
 *   is nothing to draw */

const kMostMs = 120_000; // the first call loads a model
const kFrameMs = 500; // between two pictures that move
const kSize = { width: 960, height: 540 };
const kLinks = 3; // of each text, to those nearest to it
const kTexts = [
  'A context is a lane of work on a device.',
  'Each context has its own queue and scratch memory.',
  'A worker owns a few contexts.',
  'Jobs wait until a context takes them.',
  'A job with a higher priority goes first.',
  'The coordinator gives jobs to contexts.',
  'Apples and pears ripen in autumn.',
  'Pears keep best in a cool cellar.',
  'The orchard is picked by hand.',
];
const kTimelineMs = 300_000;
/** @type {Readonly<Record<string, number>>} how much an event weighs on the timeline */
const kWeights = { bad: 1, warn: 0.75, good: 0.45, idle: 0.3 };
const kTones = ['good', 'warn', 'bad', 'idle'];
const kToneNames = ['as it should be', 'a warning', 'a failure', 'other'];

class Scene {
  canvas = /** @type {HTMLCanvasElement} */ (
    h('canvas', { class: 'picture', role: 'img', 'aria-label': 'not drawn yet', hidden: true, ...kSize })
  );
  #said = h('div', { role: 'status' }, nothing('Not drawn yet.'));
  #isBusy = false;

  /**
   * @param {string} title
   * @param {Draw} draw
   */
  constructor(title, draw) {
    this.draw = draw;
    this.isSeen = false;
    this.hasFailed = false;
    this.isDrawn = false;
    this.element = h(
      'figure',
      { class: 'panel scene' },
      h('figcaption', {}, h('h3', {}, title)),
      this.canvas,
      this.#said,
    );
    new IntersectionObserver(([{ isIntersecting }]) => {
      this.isSeen = isIntersecting;
    }).observe(this.element);
  }

  /** @param {number} time in seconds; 0: a still picture */
  async show(time) {
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      const words = await this.draw(this.canvas, time);
      this.hasFailed = false;
      this.isDrawn = words !== '';
      this.canvas.hidden = !this.isDrawn;
      this.canvas.setAttribute('aria-label', words);
      fill(this.#said, !this.isDrawn && nothing('There is nothing to draw now.'));
    } catch (error) {
      this.hasFailed = true;
      this.canvas.hidden = true;
      fill(this.#said, ...failure(error));
    }
    this.#isBusy = false;
  }
}

export class Scenes {
  #connection;
  #events;
  #began = performance.now();
  #texts = /** @type {HTMLTextAreaElement} */ (h('textarea', { id: 'scene-texts', rows: 5 }));
  #layer = /** @type {HTMLInputElement} */ (h('input', { id: 'scene-layer', type: 'number', min: 0, value: 0 }));
  #moves = /** @type {HTMLInputElement} */ (h('input', { id: 'scene-moves', type: 'checkbox' }));
  /** @type {Promise<Json>|undefined} what the model makes of the texts */
  #embedded;
  /** @type {Promise<Json>|undefined} */
  #network;
  #attention = new Scene('Attention within the first text', (canvas, time) => this.#drawAttention(canvas, time));
  #documents = new Scene('Texts, and which are near each other', (canvas, time) => this.#drawNetwork(canvas, time));
  #timeline = new Scene('Events of the last five minutes', (canvas, time) => this.#drawTimeline(canvas, time));

  /**
   * @param {import('./connection.mjs').Connection} connection
   * @param {import('./events.mjs').Events} events
   */
  constructor(connection, events) {
    this.#connection = connection;
    this.#events = events;
    this.#texts.value = kTexts.join('\n');
    const submit = (/** @type {Event} */ event) => {
      event.preventDefault();
      this.#again();
    };
    const button = h('button', { class: 'main', type: 'submit' }, 'Draw');
    fill(
      byId('scenes'),
      h(
        'form',
        { class: 'panel', onsubmit: submit },
        h('div', { class: 'field' }, h('label', { for: 'scene-texts' }, 'Texts, one a line'), this.#texts),
        h(
          'div',
          { class: 'parameters' },
          h('div', { class: 'field' }, h('label', { for: 'scene-layer' }, 'Layer'), this.#layer),
        ),
        h(
          'div',
          { class: 'buttons' },
          button,
          h('label', { class: 'check', for: 'scene-moves' }, this.#moves, 'keep drawing'),
        ),
        nothing('A model turns the texts into vectors; the service’s renderer draws what comes of it.'),
      ),
      h('div', { class: 'scenes' }, this.#attention.element, this.#documents.element, this.#timeline.element),
    );
    this.#moves.addEventListener('change', () => this.#keepOn());
  }

  get #all() {
    return [this.#attention, this.#documents, this.#timeline];
  }

  /** @param {string[]} texts in place of those that are there, and drawn */
  use(texts) {
    this.#texts.value = texts.map((text) => text.replace(/\s+/g, ' ')).join('\n');
    this.#again();
  }

  /** Those that are there, in the colours of the theme. */
  redraw() {
    for (const each of this.#all) if (each.isDrawn) each.show(0);
  }

  #again() {
    this.#embedded = undefined;
    this.#network = undefined;
    for (const each of this.#all) each.show(0);
  }

  #keepOn() {
    if (!this.#moves.checked) return;
    const time = (performance.now() - this.#began) / 1000;
    const seen = document.hidden ? [] : this.#all.filter(({ isSeen, hasFailed }) => isSeen && !hasFailed);
    Promise.all(seen.map((each) => each.show(time))).then(() => setTimeout(() => this.#keepOn(), kFrameMs));
  }

  /**
   * @param {string} type
   * @param {object} inputs
   * @param {object} [params]
   */
  async #run(type, inputs, params = {}) {
    const { outputs } = await this.#connection.call('executeWorkload', { type, inputs, params }, { timeout: kMostMs });
    return outputs;
  }

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {string} scene
   * @param {number} time
   * @param {object} inputs
   * @param {object} params
   */
  async #draw(canvas, scene, time, inputs, params) {
    const theme = isLight() ? 'light' : 'dark';
    const asked = { type: 'render', scene, ...kSize, time, inputs, params: { theme, ...params } };
    const { outputs } = await this.#connection.call('executeWorkload', asked, { timeout: kMostMs });
    paint(canvas, outputs.image);
  }

  /** @returns {Promise<Json>} */
  #embed() {
    const texts = this.#texts.value.split('\n').filter((line) => line.trim() !== '');
    if (!texts.length) return Promise.reject(new Error('write a text first, or several'));
    const layer = Number(this.#layer.value);
    this.#embedded ??= this.#connection
      .call('embed', { texts, normalize: true, returnAttention: layer }, { timeout: kMostMs })
      .then((answer) => ({ ...answer, texts }));
    this.#embedded.catch(() => {
      this.#embedded = undefined;
    });
    return this.#embedded;
  }

  /** @type {Draw} */
  async #drawAttention(canvas, time) {
    const { attention, texts } = await this.#embed();
    const [{ labels, weights }] = attention;
    const params = { title: texts[0], rowLabels: labels, columnLabels: labels };
    await this.#draw(canvas, 'attention-heatmap', time, { weights }, params);
    return `how much each of ${labels.length} tokens of “${texts[0]}” attends to each other, the mean of all heads`;
  }

  /** @type {Draw} */
  async #drawNetwork(canvas, time) {
    this.#network ??= this.#makeNetwork();
    this.#network.catch(() => {
      this.#network = undefined;
    });
    const { inputs, labels, links } = await this.#network;
    await this.#draw(canvas, 'document-network', time, inputs, { labels });
    return `${labels.length} texts with ${links} links between those that are near each other by what they mean`;
  }

  /** A link from each text to those nearest to it, the ranks of all, and where they lie. */
  async #makeNetwork() {
    const { embeddings, texts } = await this.#embed();
    const [n] = embeddings.shape;
    if (n < 2) throw new Error('a network needs two texts at least');
    const k = Math.min(n, kLinks + 1); // each is nearest to itself
    const { indices, scores } = await this.#run('similarity-search', { queries: embeddings, base: embeddings }, { k });
    const rowOffsets = new Int32Array(n + 1);
    /** @type {number[]} */
    const columns = [],
      weights = [];
    for (let row = 0; row < n; ++row) {
      for (let i = row * k; i < (row + 1) * k; ++i) {
        if (indices.data[i] === row) continue;
        columns.push(indices.data[i]);
        weights.push(Math.max(0, scores.data[i]));
      }
      rowOffsets[row + 1] = columns.length;
    }
    const graph = { rowOffsets, columns: Int32Array.from(columns), weights: Float32Array.from(weights) };
    const [{ ranks }, { positions }] = await Promise.all([
      this.#run('pagerank', graph),
      this.#run('force-layout', graph),
    ]);
    return { inputs: { ...graph, ranks, positions }, labels: texts, links: columns.length };
  }

  /** @type {Draw} */
  async #drawTimeline(canvas, time) {
    const now = Date.now();
    const events = this.#events.all.filter(({ at }) => now - at.getTime() < kTimelineMs);
    if (!events.length) return '';
    const evidence = new Float32Array(events.length * 4);
    events.forEach(({ at, tone }, i) => {
      const weight = kWeights[tone];
      evidence.set([1 - (now - at.getTime()) / kTimelineMs, weight, kTones.indexOf(tone), weight], i * 4);
    });
    const input = { data: evidence, shape: [events.length, 4], dtype: 'float32' };
    const { timeline } = await this.#run('evidence-timeline', { evidence: input }, { currentTime: 1, decay: 1 });
    const params = {
      currentTime: 1,
      decay: 1,
      timeStart: 0,
      timeEnd: 1.05,
      categories: kToneNames,
      labels: events.map(({ event, text }) => `${event}: ${text}`),
    };
    await this.#draw(canvas, 'evidence-timeline', time, { timeline }, params);
    return `${events.length} events of the last five minutes; those that weigh more stand higher`;
  }
}

/** Whether the page is light now. */
function isLight() {
  const { theme } = document.documentElement.dataset;
  return theme ? theme === 'light' : !matchMedia('(prefers-color-scheme: dark)').matches;
}
