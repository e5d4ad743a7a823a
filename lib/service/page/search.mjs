// A box that searches a memory by what texts mean, and remembers more of them.
import { bar, byId, fill, h, nothing } from './dom.mjs';
import { failure } from './workload-form.mjs';

/** What the service tells. @typedef {ReturnType<typeof JSON.parse>} Json */

const kPassages = 8;
const kMostMs = 120_000; // the first call loads a model

export class Search {
  #connection;
  #onFound;
  #memory = /** @type {HTMLInputElement} */ (
    h('input', { id: 'search-memory', value: 'memory', list: 'search-memories', spellcheck: 'false' })
  );
  #memories = h('datalist', { id: 'search-memories' });
  #query = /** @type {HTMLInputElement} */ (
    h('input', { id: 'search-query', placeholder: 'may I sell it?', required: true })
  );
  #texts = /** @type {HTMLTextAreaElement} */ (h('textarea', { id: 'search-texts', rows: 4 }));
  #found = h('div', { role: 'status' });
  #said = h('div', { role: 'status' });

  /**
   * @param {import('./connection.mjs').Connection} connection
   * @param {(texts: string[]) => void} onFound hears the passages
   */
  constructor(connection, onFound) {
    this.#connection = connection;
    this.#onFound = onFound;
    const field = (/** @type {string} */ label, /** @type {HTMLElement} */ control) =>
      h('div', { class: 'field' }, h('label', { for: control.id }, label), control);
    const submit = (/** @type {() => Promise<void>} */ work) => (/** @type {Event} */ event) => {
      event.preventDefault();
      work();
    };
    fill(
      byId('search'),
      h(
        'form',
        { onsubmit: submit(() => this.#search()) },
        field('Memory', this.#memory),
        this.#memories,
        field('Question', this.#query),
        h('div', { class: 'buttons' }, h('button', { class: 'main', type: 'submit' }, 'Search')),
      ),
      this.#found,
      h(
        'details',
        {},
        h('summary', {}, 'Remember texts in it'),
        h(
          'form',
          { onsubmit: submit(() => this.#remember()) },
          field('Texts, one a line', this.#texts),
          h('div', { class: 'buttons' }, h('button', { type: 'submit' }, 'Remember')),
          this.#said,
        ),
      ),
    );
  }

  /** @param {string[]} names of memories that there are */
  know(names) {
    fill(this.#memories, ...names.map((name) => h('option', { value: name })));
  }

  async #search() {
    fill(this.#found, nothing('It searches.'));
    try {
      const { passages } = await this.#connection.call(
        'memory_recall',
        { query: this.#query.value, k: kPassages, memory: this.#memory.value },
        { timeout: kMostMs },
      );
      fill(
        this.#found,
        passages.length
          ? h('ol', { class: 'passages' }, passages.map(passageItem))
          : nothing('This memory has no passages.'),
      );
      if (passages.length > 1) this.#onFound(passages.map((/** @type {Json} */ { text }) => text));
    } catch (error) {
      fill(this.#found, ...failure(error));
    }
  }

  async #remember() {
    const documents = this.#texts.value.split('\n').filter((line) => line.trim() !== '');
    if (!documents.length) {
      fill(this.#said, nothing('Write a text first.'));
      return;
    }
    fill(this.#said, nothing('It is remembered.'));
    try {
      const { ids } = await this.#connection.call(
        'memory_remember',
        { documents, memory: this.#memory.value },
        { timeout: kMostMs },
      );
      fill(this.#said, nothing(`${ids.length} text${ids.length === 1 ? ' is' : 's are'} in the memory now.`));
      this.#texts.value = '';
    } catch (error) {
      fill(this.#said, ...failure(error));
    }
  }
}

/** @param {Json} passage */
function passageItem({ id, text, score, metadata }) {
  const fields = Object.entries(metadata ?? {}).map(([name, value]) => h('span', {}, `${name}: ${value}`));
  return h(
    'li',
    {},
    h('p', {}, text),
    h(
      'div',
      { class: 'about' },
      bar(score, `how near: ${score.toFixed(3)}`),
      h('span', {}, score.toFixed(3)),
      ...fields,
      h('span', {}, id.slice(0, 24)),
    ),
  );
}
