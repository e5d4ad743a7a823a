// What the lists of cases are written with. On a card tensors are larger than any cache, so that what is measured is
// its memory; elsewhere they are small, so that a run takes seconds.
'use strict';

/**
 * @typedef {object} Case a row of the report and of docs/gpu.md
 * @property {string} name
 * @property {string} type the workload
 * @property {Record<string, string>} inputs `dtype:shape:fill` (bench/native/serve.h)
 * @property {Record<string, string|number>} [params]
 * @property {string[]} outputs `dtype:shape`
 * @property {string} what its tensors, in words
 * @property {string} limit what the figure is a fraction of: `copy`, `product <type>`, `library <type>`, or `none`
 * @property {number} [bytes] of limit `copy`: what it can't do without; default: all inputs and outputs, once
 * @property {number} [flops] of limit `product`
 * @property {[m: number, n: number, k: number, transposeB: boolean]} [product] of limit `library`
 * @property {number|null} expect the fraction that we expect on a card of the H100's class
 * @property {string} binds what binds there
 * @property {string} why
 */

const kBytes = { float32: 4, float16: 2, bfloat16: 2, int32: 4, uint32: 4, int8: 1, uint8: 1 };

/** @param {string} input `dtype:shape`, and for an input `:fill` */
function bytesOf(input) {
  const [dtype, shape] = input.split(':');
  return shape.split('x').reduce((product, extent) => product * Number(extent), kBytes[dtype]);
}

/**
 * The command of switchyard_bench --serve for it.
 * @param {Case} one
 */
function wordsOf({ type, inputs, params = {} }) {
  return [
    type,
    ...Object.entries(inputs).map(([name, input]) => `${name}=${input}`),
    ...Object.entries(params).map(([name, value]) => `-${name}=${value}`),
  ].join(' ');
}

/**
 * What it can't do without, by what limits it: bytes to be moved or operations.
 * @param {Case} one
 * @returns {{ bytes?: number, flops?: number }}
 */
function workOf({ limit, inputs, outputs, bytes, flops, product }) {
  if (limit === 'copy') {
    const all = [...Object.values(inputs), ...outputs].map(bytesOf);
    return { bytes: bytes ?? all.reduce((sum, it) => sum + it, 0) };
  }
  if (flops) return { flops };
  return product ? { flops: 2 * product[0] * product[1] * product[2] } : {};
}

module.exports = { bytesOf, wordsOf, workOf };
