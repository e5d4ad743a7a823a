// The families of models: a table of steps for each.
'use strict';
const { bert } = require('./bert');
const { distilbert } = require('./distilbert');
const { mpnet } = require('./mpnet');
const { roberta } = require('./roberta');

/** @type {import('../plan').AnyFamily[]} */
const kFamilies = [bert, roberta, distilbert, mpnet];

module.exports = { kFamilies };
