// `switchyard devices`: what jobs can run on.
'use strict';
const { printJson } = require('./print-json');
const { whereIs } = require('./whereabouts');

/** @param {number} bytes */
function gigabytes(bytes) {
  return bytes >= 2 ** 50 ? '?' : `${(bytes / 2 ** 30).toFixed(1)} GB`;
}

/** @param {{ json?: boolean }} options */
async function devices({ json }) {
  // The probe in a child process, so that a driver that crashes does not take this one with it.
  const { devices: found, problems } = await require('../context').checkGPUCapabilities();
  if (json) {
    printJson(found);
  } else {
    const Table = require('cli-table3');
    const table = new Table({
      head: ['id', 'name', 'type', 'memory', 'free', 'units', 'driver', 'features'],
      style: { head: [], border: [], compact: true },
      colWidths: [null, 30, null, null, null, null, 26, 34],
      wordWrap: true,
    });
    for (const device of found) {
      const features = Object.entries(device.features)
        .filter(([, has]) => has)
        .map(([name]) => name);
      table.push([
        device.id,
        device.name,
        device.type,
        gigabytes(device.memory.total),
        gigabytes(device.memory.free),
        device.computeUnits,
        device.driver,
        features.join(' '),
      ]);
    }
    console.log(table.toString());
    for (const device of found) {
      const place = whereIs(device);
      if (place) console.log(`${device.id}: ${place}`);
    }
    for (const device of found) if (device.warning) console.log(`${device.id}: ${device.warning}`);
    for (const [backend, problem] of Object.entries(problems))
      console.log(`no ${backend}: ${problem.reason}; \`npx switchyard doctor\` says more`);
  }
  if (!found.length) process.exitCode = 1;
}

/** @param {import('commander').Command} program */
function addDevices(program) {
  program
    .command('devices')
    .description('the devices that jobs can run on, in the order of preference')
    .option('--json', 'print an array of DeviceInfo')
    .addHelpText('after', '\nExit codes: 0 at least one device, 1 none or failed, 2 wrong usage.')
    .action(devices);
}

module.exports = { addDevices };
