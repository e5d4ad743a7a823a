// Params against their schemas: each compiled once, when its method is first called. What is wrong is said in the words
// of all other refusals.
'use strict';
const { invalid, show, suggestion } = require('../core');

/** @typedef {import('./schemas').Schema} Schema */
/** @typedef {import('ajv').ErrorObject} Problem */
/** @typedef {import('ajv').ValidateFunction} Check */

/** @type {import('ajv').default|undefined} loaded when something is checked */
let ajv;
/** @type {WeakMap<Schema, Check>} */
const checks = new WeakMap();

/** @param {Schema} schema */
function checkOf(schema) {
  const known = checks.get(schema);
  if (known) return known;
  const { Ajv2020 } = require('ajv/dist/2020');
  ajv ??= new Ajv2020({ strict: true, allowUnionTypes: true, strictTypes: true, messages: false, verbose: true });
  const check = ajv.compile(schema);
  checks.set(schema, check);
  return check;
}

/**
 * A place in JSON as our messages name it: '/options/basis' is 'options.basis', '/ids/3' is 'ids[3]'.
 * @param {string} pointer
 */
function pathOf(pointer) {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`))
    .join('')
    .replace(/^\./, '');
}

/** @type {Record<string, string>} */
const kTypes = {
  array: 'an array',
  object: 'an object',
  string: 'a string',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  null: 'null',
};

/**
 * What a keyword demands, in words.
 * @param {Problem} problem
 * @returns {string}
 */
function demandOf({ keyword, params, schema }) {
  switch (keyword) {
    case 'type':
      return `must be ${[params.type]
        .flat()
        .map((/** @type {string} */ type) => kTypes[type])
        .join(' or ')}`;
    case 'enum':
      return `must be one of ${params.allowedValues.map(show).join(', ')}`;
    case 'minimum':
    case 'maximum':
    case 'exclusiveMinimum':
      return `must be ${{ minimum: 'at least', maximum: 'at most', exclusiveMinimum: 'more than' }[keyword]} ${schema}`;
    case 'minLength':
    case 'maxLength':
      return `must have ${keyword === 'minLength' ? 'at least' : 'at most'} ${schema} characters`;
    case 'minItems':
      return `must have at least ${schema} entries`;
    case 'uniqueItems':
      return 'must have no entry twice';
    case 'pattern':
      return `must be made of letters, digits, '.', '_' and '-'`;
    default:
      return `is not what the schema says (${keyword})`;
  }
}

/**
 * @param {Problem} problem the first that was found
 * @param {string} what
 */
function refusal(problem, what) {
  const { keyword, params, data, instancePath, parentSchema } = problem;
  const path = pathOf(instancePath);
  const inside = path ? `${path}.` : '';
  if (keyword === 'additionalProperties') {
    const key = params.additionalProperty;
    const known = Object.keys(/** @type {{ properties?: object }} */ (parentSchema).properties ?? {});
    return invalid(`unknown field ${show(key)} of ${path || what}${suggestion(key, known)}`, `${inside}${key}`);
  }
  if (keyword === 'required')
    return invalid(`${inside}${params.missingProperty} is missing`, `${inside}${params.missingProperty}`);
  return invalid(`${path || what} is ${show(data)}, but ${demandOf(problem)}`, path || undefined);
}

/**
 * @param {Schema} schema
 * @param {unknown} params
 * @param {string} what is checked, for messages
 * @throws {import('../core').GPUError} ERR_INVALID_ARGUMENT, with the argument's name
 */
function checkParams(schema, params, what) {
  const check = checkOf(schema);
  if (check(params)) return;
  const [problem] = /** @type {Problem[]} */ (check.errors).filter(({ keyword }) => keyword !== 'if');
  throw refusal(problem, what);
}

module.exports = { checkParams, checkOf };
