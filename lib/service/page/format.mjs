// Numbers as people read them.

const kMissing = '–';

/**
 * @param {number} value
 * @param {number} [digits] behind the point of small ones
 */
export function count(value, digits = 1) {
  if (!Number.isFinite(value)) return kMissing;
  const size = Math.abs(value);
  if (size >= 1e9) return `${(value / 1e9).toFixed(2)} G`;
  if (size >= 1e6) return `${(value / 1e6).toFixed(2)} M`;
  if (size >= 10_000) return `${(value / 1e3).toFixed(1)} k`;
  if (Number.isInteger(value) || size >= 100) return value.toFixed(0);
  return value.toFixed(digits);
}

/** @param {number} value in ms */
export function duration(value) {
  if (!Number.isFinite(value)) return kMissing;
  if (value >= 86_400_000) return `${(value / 86_400_000).toFixed(1)} d`;
  if (value >= 3_600_000) return `${(value / 3_600_000).toFixed(1)} h`;
  if (value >= 120_000) return `${(value / 60_000).toFixed(1)} min`;
  if (value >= 1000) return `${(value / 1000).toFixed(value >= 10_000 ? 0 : 1)} s`;
  if (value >= 1) return `${value.toFixed(value >= 100 ? 0 : 1)} ms`;
  return value === 0 ? '0 ms' : `${(value * 1000).toFixed(0)} µs`;
}

/** @param {number} value */
export function bytes(value) {
  if (!Number.isFinite(value)) return kMissing;
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let unit = 0,
    rest = value;
  while (rest >= 1000 && unit < units.length - 1) {
    rest /= 1024;
    ++unit;
  }
  return `${rest >= 100 || unit === 0 ? rest.toFixed(0) : rest.toFixed(1)} ${units[unit]}`;
}

/** @param {number} value in MB */
export function megabytes(value) {
  return bytes(value * 2 ** 20);
}

/**
 * @param {number} value
 * @param {number} [digits]
 */
export function percent(value, digits = 0) {
  return Number.isFinite(value) ? `${value.toFixed(digits)} %` : kMissing;
}

/**
 * @param {number} value
 * @param {string} currency a code of three letters, or any other name
 */
export function money(value, currency) {
  if (!Number.isFinite(value)) return kMissing;
  const digits = value !== 0 && Math.abs(value) < 0.01 ? value.toPrecision(2) : value.toFixed(2);
  return currency ? `${digits} ${currency}` : digits;
}

/** @param {Date} at */
export function clock(at) {
  return at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
}
