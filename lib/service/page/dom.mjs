// Elements made in one call, texts that are only written where they have changed, and the small pieces that several
// panels share: lamps, bars, tables.

/** What an element may hold. @typedef {Node|string|number|null|undefined|false} Child */

/**
 * @param {string} tag
 * @param {Record<string, unknown>} [attributes] functions become listeners: { onclick }
 * @param {...(Child|Child[])} children
 * @returns {HTMLElement}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false || value === null) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else if (value === true) element.setAttribute(name, '');
    else element.setAttribute(name, String(value));
  }
  append(element, children.flat());
  return element;
}

/**
 * @param {Element} element
 * @param {Child[]} children
 */
function append(element, children) {
  for (const child of children)
    if (child !== undefined && child !== null && child !== false)
      element.append(child instanceof Node ? child : String(child));
}

/**
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element ${id}`);
  return found;
}

/**
 * @param {Element} element
 * @param {...Child} children in place of what it holds
 */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
}

/**
 * @param {Node} node
 * @param {string} text
 */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** @typedef {'good'|'warn'|'bad'|'idle'} Tone */

/**
 * A state, as a shape, a colour and a word.
 * @param {string} text
 * @param {Tone} tone
 */
export function lamp(text, tone) {
  return h('span', { class: `lamp ${tone}` }, text);
}

/**
 * @param {number} share 0 to 1
 * @param {string} label what a screen reader says
 * @param {Tone} [tone]
 */
export function bar(share, label, tone = 'good') {
  const percent = Math.round(Math.min(1, Math.max(0, share)) * 100);
  const inner = h('div');
  inner.style.width = `${percent}%`;
  return h(
    'div',
    {
      class: `bar ${tone}`,
      role: 'meter',
      'aria-label': label,
      'aria-valuemin': 0,
      'aria-valuemax': 100,
      'aria-valuenow': percent,
    },
    inner,
  );
}

/**
 * A name, what it is now, and a bar below.
 * @param {Child} name
 * @param {string} now
 * @param {number} share
 * @param {string} label
 * @param {Tone} [tone]
 */
export function measure(name, now, share, label, tone) {
  return h(
    'div',
    { class: 'measure' },
    h('span', {}, name),
    h('span', { class: 'beside' }, now),
    bar(share, label, tone),
  );
}

/** @typedef {{ title: string, of: (row: any) => Child, number?: boolean, wide?: boolean }} Column */

/**
 * @param {string} caption
 * @param {readonly Column[]} columns `wide`: left out where there is little room; the first one names the row
 * @param {readonly object[]} rows
 */
export function table(caption, columns, rows) {
  const kind = (/** @type {Column} */ { number, wide }) =>
    `${number ? 'number' : ''} ${wide ? 'wide-only' : ''}`.trim() || undefined;
  const head = columns.map((column) => h('th', { scope: 'col', class: kind(column) }, column.title));
  const body = rows.map((row) =>
    h(
      'tr',
      {},
      columns.map((column, i) =>
        h(i === 0 ? 'th' : 'td', { class: kind(column), ...(i === 0 ? { scope: 'row' } : {}) }, column.of(row)),
      ),
    ),
  );
  return h('table', { 'aria-label': caption }, h('thead', {}, h('tr', {}, head)), h('tbody', {}, body));
}

/** @param {[string, Child][]} entries */
export function pairs(entries) {
  return h(
    'dl',
    { class: 'pairs' },
    entries.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]),
  );
}

/** @param {string} text */
export function nothing(text) {
  return h('p', { class: 'nothing' }, text);
}
