// Whom the cost of a client's jobs is counted for.
'use strict';

const kMost = 256; // characters of a name

/**
 * @param {import('./call').Caller|undefined} caller undefined: nobody is known
 * @returns {import('../index').Account}
 */
function accountOf(caller) {
  const { client = '', token } = caller ?? {};
  return { caller: client.slice(0, kMost), ...(token === undefined ? {} : { token: token.slice(0, kMost) }) };
}

module.exports = { accountOf };
