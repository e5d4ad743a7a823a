// IEEE half precision, for runtimes without Float16Array.
'use strict';

/** @param {number} value */
function roundHalfEven(value) {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

/**
 * The bits of the half nearest to a number, ties to even; what is too large becomes infinity.
 * @param {number} value
 */
function toFloat16Bits(value) {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size >= 65520) return sign | 0x7c00;
  if (size < 2 ** -14) return sign | roundHalfEven(size * 2 ** 24);
  let exponent = Math.floor(Math.log2(size));
  if (2 ** exponent > size) --exponent;
  else if (2 ** (exponent + 1) <= size) ++exponent;
  return sign + (exponent + 15) * 1024 + roundHalfEven(size / 2 ** (exponent - 10)) - 1024;
}

/** @param {number} bits */
function fromFloat16Bits(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? (1024 + fraction) * 2 ** (exponent - 25) : fraction * 2 ** -24);
}

module.exports = { toFloat16Bits, fromFloat16Bits };
