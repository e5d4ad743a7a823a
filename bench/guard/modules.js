// The parts of switchyard that the guard drives, in one place: what moves or is renamed is followed here.
'use strict';
const fs = require('node:fs');
const path = require('node:path');

/**
 * @param {string} tree the checkout to count
 */
module.exports = function modules(tree) {
  const load = (name) => require(path.join(tree, 'lib', name));
  const { createContext, GPUContext, createGPUClusterManager } = load('index');
  const { scratch, layout, settle } = load('call');
  const { JobQueue } = load('cluster/primary/queue');
  const { chooseContext } = load('cluster/primary/scheduler');
  const { joinLimit, companions } = load('cluster/primary/batcher');
  const { Coordinator } = load('cluster/primary/coordinator');
  const { Member } = load('cluster/primary/member');
  const { ContextView } = load('cluster/primary/context-view');
  const { Speeds } = load('cluster/primary/speeds');
  const { MetricsBlock } = load('metrics');
  const { readConfig } = load('config');
  const { protocol } = load('cluster/wire');
  // Checkouts of before have none.
  const { Degradation } = fs.existsSync(path.join(tree, 'lib', 'operations')) ? load('operations') : {};
  return {
    createContext,
    GPUContext,
    createGPUClusterManager,
    scratch,
    layout,
    settle,
    requester: 'requester', // what a job calls who asked for it
    JobQueue,
    chooseContext,
    joinLimit,
    companions,
    Coordinator,
    Member,
    ContextView,
    Speeds,
    MetricsBlock,
    readConfig,
    protocol,
    Degradation,
  };
};
