// The native addon: loaded here, and typed, with the facts it tells. The rest of lib/ takes what it needs from this
// face.
'use strict';
/** @typedef {import('./native').WorkKind} WorkKind */

const { native } = require('./native');
const facts = require('./facts');
const { layouts } = require('./layouts');

module.exports = { native, ...facts, layouts };
