// What a job has answered: its stages as a bar, its outputs as tables of numbers or as pictures.
import { fill, h, pairs } from './dom.mjs';
import { duration } from './format.mjs';

/** What the service tells. @typedef {ReturnType<typeof JSON.parse>} Json */

const kRows = 20,
  kColumns = 12; // of a table; more are counted
const kStages = /** @type {const} */ (['queued', 'switch', 'upload', 'compute', 'readback']);
const kColours = ['--idle', '--series-4', '--series-1', '--series-3', '--series-2'];

/**
 * @param {HTMLElement} place
 * @param {Json} result
 */
export function showResult(place, result) {
  const { outputs, timings, deviceName, contextId, cached, batchSize } = result;
  const about = /** @type {[string, string][]} */ ([
    ['context', contextId],
    ['device', deviceName],
    ['in all', duration(timings.total)],
    ...(cached ? [['from', 'the cache']] : []),
    ...(batchSize > 1 ? [['in one launch with', `${batchSize - 1} more`]] : []),
  ]);
  const drawn = Object.entries(outputs).flatMap(([name, tensor]) => [
    h('h4', {}, `${name} `, h('small', { class: 'quiet' }, `${tensor.dtype} [${tensor.shape.join(', ')}]`)),
    isPicture(name, tensor) ? picture(tensor, name) : numbers(tensor, name),
  ]);
  fill(place, pairs(about), ...stages(timings), ...drawn);
}

/**
 * @param {string} name
 * @param {Json} tensor
 */
function isPicture(name, { shape, dtype }) {
  return name === 'image' && dtype === 'uint8' && shape.length === 3 && shape[2] === 4;
}

/** @param {Json} timings */
function stages(timings) {
  const sum = kStages.reduce((total, stage) => total + (timings[stage] ?? 0), 0);
  if (!(sum > 0)) return [];
  const words = kStages.map((stage) => `${stage} ${duration(timings[stage] ?? 0)}`).join(', ');
  const parts = kStages.map((stage, i) => {
    const part = h('span');
    part.style.width = `${((timings[stage] ?? 0) / sum) * 100}%`;
    part.style.background = `var(${kColours[i]})`;
    return part;
  });
  return [h('div', { class: 'stages', role: 'img', 'aria-label': words }, parts), h('p', { class: 'hint' }, words)];
}

/**
 * @param {Json} tensor uint8 [height, width, 4]
 * @param {string} label
 */
export function picture(tensor, label) {
  const canvas = /** @type {HTMLCanvasElement} */ (h('canvas', { class: 'picture', role: 'img', 'aria-label': label }));
  paint(canvas, tensor);
  return canvas;
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Json} tensor uint8 [height, width, 4]
 */
export function paint(canvas, { data, shape: [height, width] }) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const pixels = new Uint8ClampedArray(data.buffer, data.byteOffset, data.length);
  canvas.getContext('2d')?.putImageData(new ImageData(pixels.slice(), width, height), 0, 0);
}

/**
 * @param {number} value
 * @param {string} dtype
 */
function inDigits(value, dtype) {
  if (!Number.isFinite(value) || dtype.includes('int')) return String(value);
  return Number(value.toPrecision(5)).toString();
}

/**
 * Half precision comes as its bits.
 * @param {Json} tensor
 * @param {number} i
 */
function valueAt({ data, dtype }, i) {
  if (dtype === 'bfloat16') return new Float32Array(Uint32Array.of(data[i] << 16).buffer)[0];
  if (dtype !== 'float16') return data[i];
  const bits = data[i];
  const sign = bits & 0x8000 ? -1 : 1,
    exponent = (bits >> 10) & 31,
    fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 25) * (1024 + fraction) : 2 ** -24 * fraction);
}

/**
 * @param {Json} tensor
 * @param {string} name
 */
function numbers(tensor, name) {
  const { shape, dtype } = tensor;
  const width = shape.length ? shape[shape.length - 1] : 1;
  const rows = width > 0 ? tensor.data.length / width : 0;
  const shownRows = Math.min(rows, kRows),
    shownColumns = Math.min(width, kColumns);
  const head = h('tr', {}, h('td'), ...range(shownColumns).map((c) => h('th', { scope: 'col' }, c)));
  const body = range(shownRows).map((r) =>
    h(
      'tr',
      {},
      h('th', { scope: 'row' }, indexOf(r, shape)),
      ...range(shownColumns).map((c) => h('td', {}, inDigits(valueAt(tensor, r * width + c), dtype))),
    ),
  );
  const more = [rows > shownRows ? `${rows - shownRows} more rows` : '', moreColumns(width - shownColumns)];
  return h(
    'div',
    {},
    h(
      'div',
      { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': `numbers of ${name}` },
      h('table', { 'aria-label': name }, h('thead', {}, head), h('tbody', {}, body)),
    ),
    h('p', { class: 'hint' }, more.filter(Boolean).join(', ')),
  );
}

/** @param {number} count */
function moreColumns(count) {
  return count > 0 ? `${count} more columns` : '';
}

/** @param {number} length */
function range(length) {
  return Array.from({ length }, (_, i) => i);
}

/**
 * The indices of a row in a tensor of several axes.
 * @param {number} row
 * @param {number[]} shape
 */
function indexOf(row, shape) {
  const indices = [];
  let rest = row;
  for (let axis = shape.length - 2; axis >= 0; --axis) {
    indices.unshift(rest % shape[axis]);
    rest = Math.floor(rest / shape[axis]);
  }
  return indices.join(', ') || '0';
}
