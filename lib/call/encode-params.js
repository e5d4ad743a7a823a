// The parameters of a workload as numbers: one for each, of a list one for each axis.
'use strict';
const { invalid, show, suggestion } = require('../core');

/** @typedef {import('./encode').Fields} Fields */
/** @typedef {import('./encode').Param} Param */
/** @typedef {import('./encode').Spec} Spec */

/**
 * @param {Param} param
 * @param {unknown} value
 * @param {string} owner
 * @returns {number}
 */
function encodeParam(param, value, owner) {
  switch (param.kind) {
    case 'boolean':
      if (typeof value !== 'boolean') throw refuseParam(param, value, 'true or false', owner);
      return value ? 1 : 0;
    case 'choice': {
      const index = param.choices.indexOf(/** @type {string} */ (value));
      if (index < 0) {
        const hint = typeof value === 'string' ? suggestion(value, param.choices) : '';
        const choices = param.choices.map((choice) => `'${choice}'`).join(' or ');
        throw refuseParam(param, value, choices + (hint.startsWith(' (did') ? hint : ''), owner);
      }
      return index;
    }
    default:
      if (typeof value !== 'number' || value !== value)
        throw refuseParam(param, value, `a ${param.kind === 'integer' ? 'whole ' : ''}number`, owner);
      return value;
  }
}

/**
 * @param {Param} param
 * @param {unknown} value
 * @param {Float64Array} numbers
 * @param {number} at
 * @param {string} owner
 */
function encodeList(param, value, numbers, at, owner) {
  numbers.fill(NaN, at, at + param.places);
  if (value === undefined || value === null) {
    // Only here an absent one differs from an empty one.
    if (param.required) throw invalid(`${owner}: parameter '${param.name}' is required`, `params.${param.name}`);
    return;
  }
  const entries = /** @type {unknown[]} */ (value);
  const bad = Array.isArray(value) ? entries.findIndex((entry) => typeof entry !== 'number' || entry !== entry) : -1;
  const least = param.required ? 0 : 1; // an empty one would be as if it were left out
  if (!Array.isArray(value) || entries.length < least || entries.length > param.places || bad >= 0)
    throw refuseParam(
      param,
      bad >= 0 ? entries[bad] : value,
      `an array of ${least} to ${param.places} whole numbers, one for each axis`,
      owner,
    );
  numbers.set(/** @type {number[]} */ (value), at);
}

/**
 * @param {{ name: string }} param
 * @param {unknown} value
 * @param {string} must what it must be
 * @param {string} owner
 */
function refuseParam({ name }, value, must, owner) {
  return invalid(`${owner}: parameter '${name}' is ${show(value)}, but must be ${must}`, `params.${name}`);
}

/**
 * @param {Spec} spec
 * @param {unknown} params
 * @param {Float64Array} numbers
 * @param {number} at
 * @param {string} owner
 */
function encodeParams(spec, params, numbers, at, owner) {
  const known = spec.params;
  if (params === undefined || params === null) {
    if (spec.paramPlaces !== known.length) return encodeParams(spec, {}, numbers, at, owner); // it has lists
    for (let i = 0; i < known.length; ++i) numbers[at + i] = known[i].unset;
    return;
  }
  if (typeof params !== 'object') throw invalid(`${owner}: params is ${show(params)}, but must be an object`, 'params');
  const values = /** @type {Fields} */ (params);
  for (const name in values)
    if (!spec.paramNames.has(name))
      throw invalid(`${owner}: unknown parameter '${name}'${suggestion(name, spec.paramNames)}`, `params.${name}`);
  for (let i = 0; i < known.length; ++i) {
    const param = known[i];
    const value = values[param.name];
    if (param.kind === 'list') encodeList(param, value, numbers, at + param.place, owner);
    else
      numbers[at + param.place] =
        value === undefined || value === null ? param.unset : encodeParam(param, value, owner);
  }
}

module.exports = { encodeParams };
