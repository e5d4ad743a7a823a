// Memory: indexes of vectors.
'use strict';
const { createIndex, VectorIndex } = require('./vectors');

module.exports = { createIndex, VectorIndex };
