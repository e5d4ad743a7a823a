// What a model costs the second worker of a cluster: its proportional set size with the model less without, beyond the
// half of the weights that is its own share. Taken of a second model of the same shape, since what a process keeps
// anyway (scratch, code, pools) has come with the first one.
'use strict';
const path = require('node:path');
const { Peer } = require('../process');
const { generatedModel } = require('./generated-model');
const { below } = require('./targets');

const kFigure = "a second worker's model: memory beyond half a copy";
const kMegabyte = 1e6;

const workerMemory = () => ({
  name: 'worker memory',
  figures: [{ name: kFigure, unit: 'MB', ...below(5) }],
  async take() {
    const folders = [generatedModel({ seed: 1 }), generatedModel({ seed: 2 })];
    const peer = new Peer(path.join(__dirname, 'worker-memory-app.js'), []);
    try {
      const { beyond, weights, taken } = await peer.call('measure', { folders });
      const detail =
        `weights ${(weights / kMegabyte).toFixed(1)} MB, once in the machine; the second worker's share of all its ` +
        `memory grew by ${(taken / kMegabyte).toFixed(1)} MB`;
      return { figures: { [kFigure]: { value: beyond / kMegabyte, detail } } };
    } finally {
      await peer.close();
    }
  },
});

module.exports = { workerMemory };
