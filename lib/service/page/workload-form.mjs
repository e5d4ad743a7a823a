// A form for any workload, made of what listWorkloads says of it, and its result.
import { byId, fill, h } from './dom.mjs';
import { showResult } from './result.mjs';
import { sampleOf, sampleText } from './samples.mjs';

/** What the service tells. @typedef {ReturnType<typeof JSON.parse>} Json */
/**
 * @typedef {object} Workload
 * @property {string} type
 * @property {{ name: string, optional: boolean, dtypes: string[] }[]} inputs
 * @property {{ name: string, kind: string, required: boolean, choices: string[], fallback: number, min: number,
 *   max: number }[]} params
 * @property {string[]} texts
 * @property {string[]} outputs
 */
/** @typedef {{ name: string, element: HTMLElement, read: () => unknown }} Field undefined: it is left out */

const kMostMs = 60_000;
const kScene = 'render/';

export class WorkloadForm {
  #connection;
  /** @type {Workload[]} */
  #workloads = [];
  /** @type {Field[]} */
  #inputs = [];
  /** @type {Field[]} */
  #params = [];
  #fields = h('div');
  #result = h('div', { class: 'result', role: 'status' });
  #type = /** @type {HTMLSelectElement} */ (h('select', { id: 'workload-type', onchange: () => this.#choose() }));
  #run = /** @type {HTMLButtonElement} */ (h('button', { class: 'main', type: 'submit' }, 'Run'));

  /** @param {import('./connection.mjs').Connection} connection */
  constructor(connection) {
    this.#connection = connection;
    const submit = (/** @type {Event} */ event) => {
      event.preventDefault();
      this.#start();
    };
    fill(
      byId('workload'),
      h(
        'form',
        { onsubmit: submit },
        h('div', { class: 'field' }, h('label', { for: 'workload-type' }, 'Workload'), this.#type),
        this.#fields,
        h(
          'div',
          { class: 'buttons' },
          this.#run,
          h('button', { type: 'button', onclick: () => this.#choose() }, 'Other numbers'),
        ),
      ),
      this.#result,
    );
  }

  /** What there is, from the service. */
  async load() {
    if (this.#workloads.length) return;
    ({ workloads: this.#workloads } = await this.#connection.call('listWorkloads'));
    fill(this.#type, ...this.#workloads.map(({ type }) => h('option', { value: type }, type)));
    this.#type.value = 'matmul';
    this.#choose();
  }

  #choose() {
    const workload = this.#workloads.find(({ type }) => type === this.#type.value);
    if (!workload) return;
    const sample = sampleOf(workload);
    this.#inputs = workload.inputs
      .filter(({ name }) => name !== 'text')
      .map((input) => inputField(input, sample.inputs));
    this.#params = [
      ...workload.params.map((param) => paramField(param, sample.params[param.name])),
      ...workload.texts.map((name) => textField(name, sample.params[name])),
    ];
    const isNeeded = (/** @type {Field} */ { name }) =>
      name in sample.params || workload.params.some((param) => param.name === name && param.required);
    const needed = this.#params.filter(isNeeded),
      others = this.#params.filter((field) => !isNeeded(field));
    fill(
      this.#fields,
      ...this.#inputs.map(({ element }) => element),
      h('div', { class: 'parameters' }, ...needed.map(({ element }) => element)),
      others.length > 0 &&
        h(
          'details',
          {},
          h('summary', {}, `${others.length} more parameter${others.length > 1 ? 's' : ''}`),
          h('div', { class: 'parameters' }, ...others.map(({ element }) => element)),
        ),
    );
    fill(this.#result);
  }

  /** @returns {object} the workload as executeWorkload takes it */
  #read() {
    const type = this.#type.value;
    const inputs = given(this.#inputs);
    const params = given(this.#params);
    if (!type.startsWith(kScene)) return { type, inputs, params };
    const { width, height, time, ...rest } = params;
    const size = Object.fromEntries(Object.entries({ width, height, time }).filter(([, value]) => value !== undefined));
    return { type: 'render', scene: type.slice(kScene.length), ...size, inputs, params: rest };
  }

  async #start() {
    this.#run.disabled = true;
    fill(this.#result, h('p', { class: 'hint' }, 'It runs.'));
    try {
      const result = await this.#connection.call('executeWorkload', this.#read(), { timeout: kMostMs });
      showResult(this.#result, result);
    } catch (error) {
      fill(this.#result, ...failure(error));
    }
    this.#run.disabled = false;
  }
}

/**
 * @param {Json} error
 * @returns {HTMLElement[]} what went wrong, and what helps
 */
export function failure(error) {
  const { code, message, remedy } = error;
  return [
    h('p', { class: 'failure' }, code ? `${code}: ${message}` : message),
    ...(remedy ? [h('p', { class: 'hint' }, `What helps: ${remedy}`)] : []),
  ];
}

/** @param {Field[]} fields */
function given(fields) {
  /** @type {Record<string, unknown>} */
  const values = {};
  for (const { name, read } of fields) {
    const value = read();
    if (value !== undefined) values[name] = value;
  }
  return values;
}

/**
 * @param {string} name
 * @param {HTMLElement} control
 * @param {string} [hint]
 * @param {string} [id] unlike all others
 */
function labelled(name, control, hint, id = `field-${name}`) {
  control.id = id;
  if (hint) control.setAttribute('aria-describedby', `${id}-hint`);
  return h(
    'div',
    { class: 'field' },
    h('label', { for: id }, name),
    control,
    hint && h('small', { id: `${id}-hint` }, hint),
  );
}

/**
 * @param {Workload['inputs'][0]} input
 * @param {Record<string, import('./samples.mjs').Sample>} samples
 * @returns {Field}
 */
function inputField({ name, optional, dtypes }, samples) {
  const control = /** @type {HTMLTextAreaElement} */ (h('textarea', { rows: optional ? 1 : 3, spellcheck: 'false' }));
  if (name in samples) control.value = sampleText(samples[name], dtypes[0]);
  const hint = `${optional ? 'may be left out; ' : ''}${dtypes.join(', ')}`;
  const read = () => {
    const text = control.value.trim();
    if (text === '') return undefined;
    let value;
    try {
      value = JSON.parse(text);
    } catch (error) {
      throw new Error(`${name} is not JSON, as [[1, 2], [3, 4]] is: ${error.message}`, { cause: error });
    }
    // Numbers without a type are float32: an input that takes none of that says its own.
    if (dtypes.includes('float32') || value?.dtype || value?.ref) return value;
    return Array.isArray(value)
      ? { data: value.flat(8), shape: shapeOf(value), dtype: dtypes[0] }
      : { dtype: dtypes[0], ...value };
  };
  return { name, read, element: labelled(name, control, hint) };
}

/**
 * @param {unknown} value nested arrays
 * @returns {number[]}
 */
function shapeOf(value) {
  return Array.isArray(value) ? [value.length, ...shapeOf(value[0])] : [];
}

/**
 * @param {Workload['params'][0]} param
 * @param {unknown} sample
 * @returns {Field}
 */
function paramField({ name, kind, required, choices, fallback, min, max }, sample) {
  if (kind === 'boolean') {
    const control = /** @type {HTMLInputElement} */ (h('input', { type: 'checkbox', id: `field-${name}` }));
    control.checked = sample === undefined ? fallback === 1 : sample === true;
    const label = h('label', { for: control.id, class: 'check' }, control, name);
    return { name, read: () => control.checked, element: h('div', { class: 'field' }, label) };
  }
  if (kind === 'choice') {
    const options = choices.map((each) => h('option', { value: each }, each));
    const control = /** @type {HTMLSelectElement} */ (h('select', {}, options));
    control.value = String(sample ?? choices[fallback] ?? choices[0]);
    const usual = choices[fallback];
    const read = () => (!required && control.value === usual ? undefined : control.value);
    return { name, read, element: labelled(name, control) };
  }
  const isList = kind === 'list';
  const control = /** @type {HTMLInputElement} */ (
    h('input', isList ? { placeholder: '1, 2' } : { type: 'number', step: kind === 'integer' ? 1 : 'any', min, max })
  );
  if (sample !== undefined) control.value = isList ? /** @type {number[]} */ (sample).join(', ') : String(sample);
  const usual = !required && !isList && Number.isFinite(fallback) ? `else ${fallback}` : undefined;
  const read = () => {
    if (control.value.trim() === '') return undefined;
    return isList ? control.value.split(',').map(Number) : Number(control.value);
  };
  return { name, read, element: labelled(name, control, usual) };
}

/**
 * A text of a picture, or several, one a line.
 * @param {string} name
 * @param {unknown} sample
 * @returns {Field}
 */
function textField(name, sample) {
  const isOne = name === 'title';
  const control = /** @type {HTMLInputElement} */ (h(isOne ? 'input' : 'textarea', isOne ? {} : { rows: 2 }));
  if (sample !== undefined) control.value = [sample].flat().join('\n');
  const read = () => {
    if (control.value === '') return undefined;
    return isOne ? control.value : control.value.split('\n');
  };
  return { name, read, element: labelled(name, control, isOne ? undefined : 'one a line', `text-${name}`) };
}
