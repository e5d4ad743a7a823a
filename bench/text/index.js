// The figures of texts: what each is called, what it must reach, and how it is taken.
'use strict';
const { float32, int8, bfloat16 } = require('./minilm');
const { reranker } = require('./reranker');
const { defaultEncoder } = require('./default-model');
const { eventLoop, memory } = require('./behaviour');
const { workerMemory } = require('./worker-memory');
const { commandLine } = require('./command-line');
const { tokenizers, precisions, generatedPrecisions } = require('./scripts');

/** @param {{ quick?: boolean }} options */
function textFigures(options) {
  return [
    float32(options),
    int8(options),
    bfloat16(options),
    reranker(options),
    defaultEncoder(options),
    tokenizers(),
    precisions(options),
    generatedPrecisions(options),
    eventLoop(options),
    workerMemory(),
    memory(options),
    commandLine(options),
  ];
}

module.exports = { textFigures };
