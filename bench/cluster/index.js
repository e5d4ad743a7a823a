// The cluster's figures: what each is called, what it must reach, and how it is taken. Figures of one group come from
// the same measurement; take() resolves to { figures: { name: { value, detail } }, rows }, `met` is the target's own
// comparison.
'use strict';
const { roundTrip, contextSwitch, deadline } = require('./figures/latency');
const { throughput, middleThroughput } = require('./figures/throughput');
const { large, huge } = require('./figures/large');
const { kills, restart } = require('./figures/faults');
const { idle } = require('./figures/idle');
const { namedSearch, namedSwaps } = require('./figures/names');
const { scaling } = require('./figures/scaling');
const { splitJobs } = require('./figures/split');
const { inputStalls, outputStalls } = require('./figures/stalls');

// options: { quick, long, others }
function clusterFigures(options) {
  return [
    roundTrip(options),
    throughput(options),
    middleThroughput(options),
    large(options),
    huge(options),
    contextSwitch(options),
    deadline(options),
    kills(options),
    ...restart(options),
    idle(options),
    scaling(options),
    splitJobs(options),
    inputStalls(options),
    ...outputStalls(options),
    namedSearch(options),
    namedSwaps(options),
  ];
}

module.exports = { clusterFigures };
