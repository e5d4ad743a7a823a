// Programs of users in one process: sources, compiling, those that are kept, hot reload, frames and pictures.
'use strict';
const { cacheFolder, compileHere, prepareOn, fits, kCompiling } = require('./compiler');
const { encodePNG } = require('./picture');
const { Programs } = require('./programs');
const { RenderStream } = require('./render-stream');
const { backendsOf, fromWire, keyOf, toWire } = require('./source');

module.exports = {
  cacheFolder,
  compileHere,
  prepareOn,
  fits,
  kCompiling,
  encodePNG,
  Programs,
  RenderStream,
  backendsOf,
  fromWire,
  keyOf,
  toWire,
};
