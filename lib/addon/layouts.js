// Where which number stands in the arrays that C++ and JavaScript share, as the addon tells it: the .def files that
// src/layout.h names have a row for each.
'use strict';
const { GPUError, buildRemedy } = require('../core');
const { native } = require('./native');

/** @typedef {import('./generated').Layouts} Layouts */

/**
 * A prototype on which a name that a table does not have is an error, not undefined. What the table has is found before
 * its prototype is asked, so reading that costs nothing more.
 * @param {string} what
 */
function strict(what) {
  return new Proxy(Object.create(null), {
    get(_, name) {
      if (typeof name === 'symbol') return undefined;
      throw new GPUError(
        'ERR_UNSUPPORTED',
        `switchyard's native addon has no '${name}' in ${what}: it is not of the version that lib/ is of. ` +
          `What helps: ${buildRemedy()}`,
      );
    },
  });
}

/**
 * @template {object} Table
 * @param {Table} table
 * @param {string} what
 * @returns {Readonly<Table>}
 */
function strictly(table, what) {
  return Object.freeze(Object.setPrototypeOf(table, strict(what)));
}

/**
 * By the names of the layouts, each with the places of its numbers by their names, and how many it has (`numbers`); and
 * numbers that stand for something. Read them where a module is loaded: a name that is not there is an error then.
 * @type {Readonly<Layouts>}
 * @example
 * const { number, code } = layouts.done;
 */
const layouts = JSON.parse(JSON.stringify(native.layouts ?? {})); // made anew: fast to read
for (const [name, layout] of Object.entries(layouts)) strictly(layout, `the layout '${name}'`);
strictly(layouts, 'its layouts');

module.exports = { layouts };
