// The kinds of value a setting can have: what is right for each, in code, in an environment variable and in the config
// file.
'use strict';
const net = require('node:net');
const { kLevels } = require('../core');
const { Wrong, wrong } = require('./wrong');

/**
 * What a kind makes of a value: `bad`, or what wrong() gives, where it can't be right.
 * @typedef {object} Kind
 * @property {string} must what would be right, for a message
 * @property {string} [mustText] the same where the value is the text of an environment variable
 * @property {(value: unknown) => unknown} check a value as code or the config file has it
 * @property {(text: string) => unknown} parse an environment variable
 * @property {(value: unknown) => unknown} [checkFile] where the config file may say it in other words than code
 * @property {(text: string) => unknown} flag the text of a command line's option, as code would give it; what is none
 *   stays as it is, to be refused with the setting's name
 * @property {string} type what code gives, in TypeScript
 * @property {string} [result] what it becomes, where that is another type
 * @property {object} schema what the config file may say, as JSON schema
 * @property {string} [unit] of the number in code
 * @property {string} [variableUnit] of the number in an environment variable
 * @property {(value: unknown) => string} show a value as an environment variable has it
 */

const bad = Symbol('bad');

const kMegabyte = 2 ** 20;
const kMaxMs = 2 ** 31 - 1; // what a timer can wait

/**
 * @param {Kind} rules
 * @returns {Readonly<Kind>}
 */
function kind(rules) {
  return Object.freeze(rules);
}

const boolean = kind({
  must: 'must be true or false',
  check: (value) => (typeof value === 'boolean' ? value : bad),
  parse: (text) => (/^(true|1|on|yes)$/i.test(text) ? true : /^(false|0|off|no)$/i.test(text) ? false : bad),
  flag: asIs,
  type: 'boolean',
  schema: { type: 'boolean' },
  show: String,
});

/** @param {string} text */
function asIs(text) {
  return text;
}

/** @param {string} text */
function asNumber(text) {
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

/**
 * @param {number} min
 * @param {number} max
 * @returns {Kind}
 */
function integer(min, max) {
  const check = (/** @type {unknown} */ value) =>
    Number.isInteger(value) && Number(value) >= min && Number(value) <= max ? value : bad;
  return {
    must: `must be a whole number from ${min} to ${max}`,
    check,
    parse: (text) => (/^\d+$/.test(text) ? check(Number(text)) : bad),
    flag: asNumber,
    type: 'number',
    schema: { type: 'integer', minimum: min, maximum: max },
    show: String,
  };
}

/**
 * A whole number of milliseconds.
 * @param {number} min
 * @param {number} max
 * @returns {Kind}
 */
function wholeMilliseconds(min, max) {
  return { ...integer(min, max), unit: 'ms', variableUnit: 'ms' };
}

/**
 * A whole number, or 'auto', which leaves the choice to us.
 * @param {number} min
 * @param {number} max
 * @returns {Kind}
 */
function integerOrAuto(min, max) {
  const plain = integer(min, max);
  return {
    must: `${plain.must}, or 'auto'`,
    check: (value) => (value === 'auto' ? undefined : plain.check(value)),
    parse: (text) => (text === 'auto' ? undefined : plain.parse(text)),
    flag: asNumber,
    type: "number | 'auto'",
    result: 'number',
    schema: { anyOf: [plain.schema, { const: 'auto' }] },
    show: String,
  };
}

/**
 * @param {number} min
 * @param {number} max
 * @returns {Kind}
 */
function number(min, max) {
  const check = (/** @type {unknown} */ value) =>
    typeof value === 'number' && value >= min && value <= max ? value : bad;
  return {
    must: `must be a number from ${min} to ${max}`,
    check,
    parse: (text) => (/^\d+(\.\d+)?$/.test(text) ? check(Number(text)) : bad),
    flag: asNumber,
    type: 'number',
    schema: { type: 'number', minimum: min, maximum: max },
    show: String,
  };
}

const milliseconds = kind({
  must: `must be a number of milliseconds above 0 and at most ${kMaxMs} (Infinity for no limit)`,
  check: (value) => (typeof value === 'number' && value > 0 && (value <= kMaxMs || value === Infinity) ? value : bad),
  parse: (text) =>
    /^(\d+(\.\d+)?|infinity)$/i.test(text) ? milliseconds.check(/^i/i.test(text) ? Infinity : Number(text)) : bad,
  flag: asNumber,
  type: 'number',
  // YAML's .inf is a number that JSON schema's checkers hold against the maximum: so there is none.
  schema: { type: 'number', exclusiveMinimum: 0 },
  unit: 'ms',
  variableUnit: 'ms',
  show: String,
});

const kUnits = { b: 1, kb: 2 ** 10, mb: 2 ** 20, gb: 2 ** 30, tb: 2 ** 40 };

/**
 * @param {unknown} value
 * @returns {unknown} '1.5 GB' in bytes; what is no size with a unit stays as it is
 */
function sizeOf(value) {
  const parts = typeof value === 'string' ? /^(\d+(?:\.\d+)?)\s*([kmgt]?b)$/i.exec(value) : null;
  const unit = parts && /** @type {keyof typeof kUnits} */ (parts[2].toLowerCase());
  return parts && unit ? Math.round(Number(parts[1]) * kUnits[unit]) : value;
}

/**
 * Bytes in code and in the config file, whole megabytes in the environment; '512 MB' in each of them.
 * @param {number} min in megabytes
 * @param {number} max in megabytes
 * @returns {Kind}
 */
function bytes(min, max) {
  const check = (/** @type {unknown} */ value) => {
    const size = sizeOf(value);
    return Number.isSafeInteger(size) && Number(size) >= min * kMegabyte && Number(size) <= max * kMegabyte
      ? size
      : bad;
  };
  const megabytes = integer(min, max);
  return {
    must: `must be a whole number of bytes, at least ${min * kMegabyte}, or a size like '512 MB'`,
    mustText: `${megabytes.must} (megabytes), or a size like '1 GB'`,
    check,
    parse: (text) => {
      const count = megabytes.parse(text);
      return count === bad ? (typeof sizeOf(text) === 'number' ? check(text) : bad) : Number(count) * kMegabyte;
    },
    flag(text) {
      const count = asNumber(text);
      return typeof count === 'number' ? count * kMegabyte : count;
    },
    type: 'number | string',
    result: 'number',
    schema: {
      anyOf: [
        { type: 'integer', minimum: min * kMegabyte, maximum: max * kMegabyte },
        { type: 'string', pattern: '^\\d+(\\.\\d+)?\\s*([kKmMgGtT]?[bB])$' },
      ],
    },
    unit: 'bytes',
    variableUnit: 'MB',
    show: (value) => String(Number(value) / kMegabyte),
  };
}

const text = kind({
  must: 'must be a text that is not empty',
  check: (value) => (typeof value === 'string' && value !== '' && !value.includes('\0') ? value : bad),
  parse: (value) => text.check(value),
  flag: asIs,
  type: 'string',
  schema: { type: 'string', minLength: 1 },
  show: String,
});

/**
 * Some of a few words, each at most once; 'auto' leaves the choice to us.
 * @param {readonly string[]} words
 * @param {string} type what each of them is, in TypeScript
 * @returns {Kind}
 */
function listOf(words, type) {
  const check = (/** @type {unknown} */ value) => {
    if (value === 'auto') return undefined;
    return isSet(value) && value.every((word) => words.includes(word)) ? Object.freeze([...value]) : bad;
  };
  const split = (/** @type {string} */ value) =>
    value.trim().toLowerCase() === 'auto' ? undefined : check(parted(value).map((word) => word.toLowerCase()));
  return {
    must: `must be an array of some of ${words.map((word) => `'${word}'`).join(', ')}, each at most once, or 'auto'`,
    mustText: `must be some of ${words.join(', ')}, with commas between them, or auto`,
    check,
    parse: split,
    checkFile: (value) => (typeof value === 'string' ? split(value) : check(value)),
    flag: (value) => (value === 'auto' ? value : parted(value)),
    type: `readonly ${type}[] | 'auto'`,
    result: `readonly ${type}[]`,
    schema: {
      anyOf: [{ type: 'array', items: { enum: words }, minItems: 1, uniqueItems: true }, { type: 'string' }],
    },
    show: String,
  };
}

/**
 * @param {unknown} value
 * @returns {value is any[]} that is not empty, and has nothing twice
 */
function isSet(value) {
  return Array.isArray(value) && value.length > 0 && new Set(value).size === value.length;
}

/** @param {string} list */
function parted(list) {
  return list.split(',').map((word) => word.trim());
}

/**
 * Devices by their ids, or all of a backend by its name. The environment and the config file may say the number of a
 * CUDA card alone.
 * @param {readonly string[]} backends
 * @returns {Kind}
 */
function deviceIds(backends) {
  const pattern = `^(${backends.join('|')})(:\\d{1,4})?$`;
  const isId = (/** @type {unknown} */ id) => typeof id === 'string' && new RegExp(pattern).test(id);
  const check = (/** @type {unknown} */ value) => (isSet(value) && value.every(isId) ? Object.freeze([...value]) : bad);
  const withBackend = (/** @type {unknown} */ id) => (/^\d{1,4}$/.test(String(id)) ? `${backends[0]}:${id}` : id);
  const split = (/** @type {string} */ value) => check(parted(value.toLowerCase()).map(withBackend));
  return {
    must: "must be an array of devices' ids, ['cuda:0', 'cuda:1'] for example, each at most once",
    mustText: "must be devices' ids with commas between them, cuda:0,cuda:1 for example",
    check,
    parse: split,
    checkFile: (value) =>
      Array.isArray(value)
        ? check(value.map(withBackend))
        : /^(string|number)$/.test(typeof value)
          ? split(`${value}`)
          : bad,
    flag: parted,
    type: 'readonly string[]',
    schema: {
      anyOf: [
        {
          type: 'array',
          items: {
            anyOf: [
              { type: 'string', pattern },
              { type: 'integer', minimum: 0, maximum: 9999 },
            ],
          },
          minItems: 1,
          uniqueItems: true,
        },
        { type: 'string' },
        { type: 'integer', minimum: 0, maximum: 9999 },
      ],
    },
    show: String,
  };
}

/**
 * One of a few words; the environment and the config file may have other words for the same.
 * @param {readonly string[]} words
 * @param {Record<string, string>} others
 * @returns {Kind}
 */
function wordOf(words, others) {
  const check = (/** @type {unknown} */ value) => (words.includes(/** @type {string} */ (value)) ? value : bad);
  const parse = (/** @type {string} */ value) => check(others[value.toLowerCase()] ?? value.toLowerCase());
  return {
    must: `must be ${words.map((word) => `'${word}'`).join(' or ')}`,
    check,
    parse,
    checkFile: (value) => (typeof value === 'string' ? parse(value) : bad),
    flag: asIs,
    type: words.map((word) => `'${word}'`).join(' | '),
    schema: { enum: [...words, ...Object.keys(others)] },
    show: String,
  };
}

const kNetworks = ['loopback', 'linklocal', 'uniquelocal'];

/** @param {string} address one, a network as 10.0.0.0/8, or a word for some */
function isAddress(address) {
  if (kNetworks.includes(address)) return true;
  const [host, bits, ...rest] = address.split('/');
  const most = net.isIP(host) === 6 ? 128 : 32;
  const isRight = (/** @type {string} */ count) =>
    /^\d{1,3}$/.test(count) && Number(count) >= 1 && Number(count) <= most;
  return net.isIP(host) > 0 && !rest.length && (bits === undefined || isRight(bits));
}

/** Addresses with commas between them. */
const addresses = kind({
  must: `must be addresses or networks with commas between them, as '127.0.0.1,10.0.0.0/8', or ${kNetworks.join(', ')}`,
  check: (value) => (typeof value === 'string' && parted(value).every(isAddress) ? parted(value).join(',') : bad),
  parse: (value) => addresses.check(value),
  flag: asIs,
  type: 'string',
  schema: { type: 'string', minLength: 1 },
  show: String,
});

// LOG_LEVEL belongs to the whole application, whose own logger may have other words for the same.
/** @type {Record<string, string>} */
const kOtherLevels = {
  silly: 'trace',
  verbose: 'debug',
  http: 'info',
  notice: 'info',
  warning: 'warn',
  err: 'error',
  critical: 'fatal',
  crit: 'fatal',
  alert: 'fatal',
  emerg: 'fatal',
  none: 'silent',
  off: 'silent',
};

const logLevel = kind({
  must: `must be one of ${kLevels.map((level) => `'${level}'`).join(', ')}`,
  check: (value) => (typeof value === 'string' && kLevels.includes(value) ? value : bad),
  parse: (value) => logLevel.check(kOtherLevels[value.toLowerCase()] ?? value.toLowerCase()),
  flag: asIs,
  type: 'LogLevel',
  schema: { enum: kLevels },
  show: String,
});

module.exports = {
  Wrong,
  bad,
  wrong,
  boolean,
  integer,
  integerOrAuto,
  wholeMilliseconds,
  number,
  milliseconds,
  bytes,
  sizeOf,
  text,
  listOf,
  deviceIds,
  wordOf,
  addresses,
  logLevel,
};
