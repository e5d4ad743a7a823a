// Memory: embeddings made ready, a service of them, documents.
'use strict';
const { useMaker } = require('../core');
const { processEmbeddings, pipelineOf } = require('./embeddings');

useMaker('processEmbeddings', (owner, request, options) => pipelineOf(owner).process(request, options));

module.exports = { processEmbeddings };
