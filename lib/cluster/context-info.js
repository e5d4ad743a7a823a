// A context as contexts() tells of it: what is public of what the processes of a cluster know.
'use strict';

/**
 * @param {import('./wire/messages').ContextEntry} entry
 * @returns {import('../index').ContextInfo}
 */
function contextInfo({ member: _m, index: _i, deviceName: _n, software: _s, canDraw: _c, ...info }) {
  return info;
}

module.exports = { contextInfo };
