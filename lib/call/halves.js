// Half precision in JavaScript's numbers: IEEE float16, for runtimes without Float16Array, and bfloat16.
'use strict';

/** @param {number} value */
function roundHalfEven(value) {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

/**
 * How a format of 16 bits stands for numbers: a sign, an exponent with a bias, a fraction.
 * @param {number} fractionBits
 * @param {number} bias
 */
function halfFormat(fractionBits, bias) {
  const step = 2 ** fractionBits;
  const mostExponent = 2 * bias + 1; // of infinities and NaN
  /** From here on a number becomes infinity. */
  const end = (2 - 1 / (2 * step)) * 2 ** bias;
  return Object.freeze({
    end,
    /**
     * The bits of the nearest number of the format, ties to even; what is too large becomes infinity.
     * @param {number} value
     */
    toBits(value) {
      if (Number.isNaN(value)) return mostExponent * step + step / 2;
      const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
      const size = Math.abs(value);
      if (size >= end) return sign | (mostExponent * step);
      if (size < 2 ** (1 - bias)) return sign | roundHalfEven(size * 2 ** (bias - 1) * step);
      let exponent = Math.floor(Math.log2(size));
      if (2 ** exponent > size) --exponent;
      else if (2 ** (exponent + 1) <= size) ++exponent;
      return sign + (exponent + bias) * step + roundHalfEven((size / 2 ** exponent) * step) - step;
    },
    /** @param {number} bits */
    fromBits(bits) {
      const sign = bits & 0x8000 ? -1 : 1;
      const exponent = (bits & 0x7fff) >> fractionBits;
      const fraction = bits & (step - 1);
      if (exponent === mostExponent) return fraction ? NaN : sign * Infinity;
      return exponent
        ? sign * (1 + fraction / step) * 2 ** (exponent - bias)
        : sign * (fraction / step) * 2 ** (1 - bias);
    },
  });
}

/** By dtype. @type {Partial<Record<import('../index').DType, ReturnType<typeof halfFormat>>>} */
const kHalves = Object.freeze({ float16: halfFormat(10, 15), bfloat16: halfFormat(7, 127) });

module.exports = { kHalves };
