// Where an error code is counted: in the order of src/errors.def.
'use strict';
const { kCodes, codeNumber } = require('../addon');

/**
 * @param {string} code
 * @returns {number} its place in kCodes; one that is in no list has that of ERR_INTERNAL
 */
function indexOfCode(code) {
  return codeNumber(code) - 1;
}

module.exports = { kCodes, indexOfCode };
