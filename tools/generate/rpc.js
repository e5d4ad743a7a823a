// The methods of docs/rpc.md, out of their table: what each does, its params and its result.
'use strict';
const { kMethods } = require('../../lib/rpc');
const { kRemedies } = require('../../lib/rpc/remedies');
const { kDoorCodes } = require('../../lib/rpc/errors');
const { table } = require('./blocks');

/** @typedef {import('../../lib/rpc/schemas').Schema} Schema */
/** @typedef {Record<string, any>} Fields */

/** @param {Fields} schema */
function typeOf(schema) {
  if (schema.enum) return schema.enum.map((/** @type {unknown} */ value) => `\`${JSON.stringify(value)}\``).join(' ');
  const types = [schema.type].flat().join(' or ');
  return schema.type === 'array' && schema.items?.type ? `array of ${[schema.items.type].flat().join(' or ')}` : types;
}

/** @param {Fields} schema */
function wordsOf({ description = '', default: otherwise }) {
  const said = description.replaceAll('<', '\\<');
  return otherwise === undefined ? said : `${said}${said ? '; ' : ''}default \`${JSON.stringify(otherwise)}\``;
}

/**
 * The fields of an object, those within it under names with dots.
 * @param {Fields} schema
 * @param {string} [before]
 * @returns {string[][]}
 */
function rowsOf(schema, before = '') {
  return Object.entries(/** @type {Record<string, Fields>} */ (schema.properties ?? {})).flatMap(([name, field]) => {
    const own = `${before}${name}`;
    const needed = schema.required?.includes(name) ? 'required' : '';
    const inside = field.items?.properties ? rowsOf(field.items, `${own}[].`) : rowsOf(field, `${own}.`);
    return [[`\`${own}\``, typeOf(field), needed, wordsOf(field)], ...inside];
  });
}

/** @param {import('../../lib/rpc/methods').Method} method */
function sectionOf({ name, title, description, scope, params, result, repeatable, streams, needsConnection }) {
  const facts = [
    `scope \`${scope}\``,
    ...(repeatable ? ['may be sent again'] : ['not to be sent again blindly']),
    ...(streams ? ['tells how far it is'] : []),
    ...(needsConnection ? ['over WebSockets alone'] : []),
  ].join(', ');
  const given = rowsOf(params);
  const made = rowsOf(result);
  const parts = [`### ${name}\n`, `${title}: ${facts}.\n`, `${wrapped(description)}\n`];
  if (given.length) parts.push(table(['param', 'type', '', ''], given));
  else parts.push('No params.\n');
  if (made.length) parts.push(table(['result', 'type', '', ''], made));
  else parts.push(`${wrapped(`Result: ${/** @type {Fields} */ (result).description}.`)}\n`);
  return parts.join('\n');
}

/** @param {string} text */
function wrapped(text) {
  /** @type {string[]} */
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines[lines.length - 1];
    if (last && last.length + word.length >= 120) lines.push(word);
    else lines[lines.length - 1] = last ? `${last} ${word}` : word;
  }
  return lines.join('\n');
}

/** All methods, in the table's order. */
function methodsText() {
  return kMethods.map(sectionOf).join('\n');
}

/** What helps after each error. */
function remediesTable(/** @type {import('./facts').Facts} */ { codes }) {
  const numbers = new Map([
    ...codes.map(({ name, rpcCode }) => /** @type {const} */ ([String(name), rpcCode])),
    ...Object.entries(kDoorCodes),
  ]);
  return table(
    ['`data.code`', '`code`', '`data.remedy`'],
    [...numbers].map(([name, number]) => [`\`${name}\``, `${number}`, kRemedies[name]]),
  );
}

module.exports = { methodsText, remediesTable };
