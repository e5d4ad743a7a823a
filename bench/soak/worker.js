// A worker of the soak: runs jobs of others and asks for jobs of its own, until the primary tells it to stop or ends
// it.
'use strict';
const { createGPUClusterManager } = require('../..');
const { Mix } = require('./mix');
const { Load } = require('./load');

const kReportMs = 250;
const manager = createGPUClusterManager({ logLevel: 'error' });
process.on('SIGINT', () => {}); // the primary decides when the end has come
process.on('SIGTERM', () => {});

let load, reporting;
const say = (what) => process.send({ soak: what, report: load?.report() }, () => {});

process.on('message', async (message) => {
  if (message.soak === 'start') {
    load ??= new Load(manager, new Mix(manager, manager.openTensor(message.base)), `w${process.pid}-`);
    load.start(message.lanes);
    reporting = setInterval(say, kReportMs, 'counts');
    reporting.unref();
  } else if (message.soak === 'stop') {
    clearInterval(reporting);
    await load?.stop(message.timeoutMs);
    say('stopped');
  }
});
manager.ready.then(
  () => say('ready'),
  (error) => {
    process.stderr.write(`soak worker: ${error.message}\n`);
    process.exit(1);
  },
);
