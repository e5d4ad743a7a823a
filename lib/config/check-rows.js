// The check of the table of settings, when it is loaded.
'use strict';
const { bad } = require('./kinds');

/**
 * Refuses a row that would only be found out later: one without a text, a default that is not right, a variable or an
 * option that another setting has.
 * @param {Record<string, import('./settings').Row>} rows
 * @returns {readonly Readonly<import('./settings').Setting>[]}
 */
function checkRows(rows) {
  const taken = new Set();
  const settings = Object.entries(rows).map(([name, row]) => ({ name, ...row }));
  for (const { name, what, kind, initial, env = [], flag, key } of settings) {
    if (!what) throw new TypeError(`the setting ${name} has no text`);
    if (initial !== undefined && kind.check(initial) === bad)
      throw new TypeError(`the default of the setting ${name} ${kind.must}`);
    for (const word of [...env, ...(flag ? [flag.split(' ')[0]] : []), ...(key ? [key] : [])]) {
      if (taken.has(word)) throw new TypeError(`two settings have ${word}`);
      taken.add(word);
    }
  }
  return Object.freeze(settings.map((setting) => Object.freeze(setting)));
}

module.exports = { checkRows };
