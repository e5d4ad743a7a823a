// What stands behind the question mark of a request's address.
'use strict';
const { badRequest } = require('../exchange');

/**
 * @param {unknown} given as the request has it
 * @param {readonly string[]} known
 */
function checkQuery(given, known) {
  const query = /** @type {Record<string, unknown>} */ (given);
  for (const name of Object.keys(query)) {
    if (!known.includes(name)) {
      const choice = known.length ? `(there is: ${known.join(', ')})` : '(there are none)';
      throw badRequest(`unknown query parameter '${name.slice(0, 40)}' ${choice}`);
    }
    if (typeof query[name] !== 'string') throw badRequest(`the query parameter '${name}' is given more than once`);
  }
}

module.exports = { checkQuery };
