// lib/addon/generated.d.ts: the names in the addon's layouts, so that the types know a wrong one.
'use strict';

/**
 * @param {Record<string, Record<string, number>>} layouts
 * @returns {string} not formatted yet
 */
function makeLayoutTypes(layouts) {
  const members = Object.entries(layouts).map(([name, layout]) => {
    const fields = Object.keys(layout).map((field) => `'${field}'`);
    return `${name}: Readonly<Record<${fields.join(' | ')}, number>>;`;
  });
  return [
    '// Written by `npm run generate` from what the addon exports: do not edit. The numbers stand in .def files, which',
    '// src/layout.h tells about.',
    `export interface Layouts {\n${members.join('\n')}\n}`,
  ].join('\n');
}

module.exports = { makeLayoutTypes };
