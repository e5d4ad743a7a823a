// What is wrong within a value that is an object, for a message that says where.
'use strict';

/** What is wrong within a value that is an object: where it stands, and what it must be. */
class Wrong {
  /**
   * @param {string} at
   * @param {unknown} value
   * @param {string} must
   */
  constructor(at, value, must) {
    this.at = at;
    this.value = value;
    this.must = must;
  }
}

/**
 * @param {string} at as '.cuda' or '[0].limit'
 * @param {unknown} value
 * @param {string} must
 */
function wrong(at, value, must) {
  return new Wrong(at, value, must);
}
/** @type {(value: unknown) => value is Wrong} */
wrong.is = (value) => value instanceof Wrong;

module.exports = { Wrong, wrong };
