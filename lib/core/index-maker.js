// How indexes of vectors are made: the room for memory lies above those whose classes offer it, and gives its function
// here.
'use strict';

/** @typedef {(owner: object, options: unknown) => Promise<import('../index').VectorIndex>} MakeIndex */

/** @type {MakeIndex|undefined} */
let maker;

/** @param {MakeIndex} make */
function useIndexMaker(make) {
  maker = make;
}

/**
 * @param {object} owner a manager or a context, on which it is searched
 * @param {unknown} options
 */
async function createIndexOn(owner, options) {
  if (!maker) throw new TypeError('lib/memory was not loaded, which makes indexes');
  return maker(owner, options);
}

module.exports = { useIndexMaker, createIndexOn };
