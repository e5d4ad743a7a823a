// Every case, in the order in which it is measured: what most depends on comes first.
'use strict';
const { matrix } = require('./matrix');
const { rows } = require('./rows');
const { search } = require('./search');
const { bytesOf, wordsOf, workOf } = require('./sizes');
const { streams } = require('./streams');

/** @param {boolean} card whether sizes are those for a card */
const cases = (card) => [...streams(card), ...rows(card), ...matrix(card), ...search(card)];

// Workloads that have no case of their own, and why.
const kWithoutCase = {
  subtract: 'the kernel of add',
  multiply: 'the kernel of add',
  divide: 'the kernel of add',
  reshape: 'moves nothing',
  'render/attention-heatmap': 'pictures are drawn by Vulkan alone',
  'render/evidence-timeline': 'pictures are drawn by Vulkan alone',
  'render/document-network': 'pictures are drawn by Vulkan alone',
};

module.exports = { cases, kWithoutCase, bytesOf, wordsOf, workOf };
