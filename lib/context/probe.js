// The child process of checkGPUCapabilities(): asks one backend's driver and prints what it said. It may well crash.
'use strict';
const { native } = require('../addon');

const backend = process.argv[2];
const { devices, problems } = native.devices(backend === 'cuda', backend === 'vulkan');
const answer = {
  devices: devices.filter((device) => device.backend === backend),
  problems: problems.filter((problem) => problem.backend === backend),
};
process.stdout.write(`\nswitchyard-probe:${JSON.stringify(answer)}\n`);
