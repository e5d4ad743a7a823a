// A process that may have hardly more address space than it has already: prints what `ready` is rejected with.
'use strict';
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const gpu = require('../../..');

const kMore = 96 * 2 ** 20; // the matrix library needs 128 MB for a thread

const kilobytes = /VmSize:\s+(\d+)/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1];
execFileSync('prlimit', ['--pid', String(process.pid), `--as=${Number(kilobytes) * 1024 + kMore}`]);
const manager = gpu.createGPUClusterManager({ contextTypes: ['cpu'], contextsPerWorker: 1, logLevel: 'silent' });
manager.ready
  .then(
    () => 'ready',
    ({ code, message }) => ({ code, message }),
  )
  .then((became) => {
    process.stdout.write(JSON.stringify(became));
    return manager.close();
  });
