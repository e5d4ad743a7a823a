#!/usr/bin/env node
// The command line: npx switchyard devices | doctor | start | run | embed | rerank | tokenize | bench. Exit codes: 0
// fine, 1 something is missing or failed, 2 wrong usage.
'use strict';
const { Command, CommanderError } = require('commander');
const Table = require('cli-table3');
const { errorText } = require('../core');
const { version } = require('../../package.json');
const { addStart } = require('./start');
const { addRun } = require('./run');
const { addEmbed } = require('./embed');
const { addRerank } = require('./rerank');
const { addTokenize } = require('./tokenize');
const { isOfModel } = require('./texts');
const { addBench } = require('./bench');
const { whereIs } = require('./whereabouts');

/** @param {number} bytes */
function gigabytes(bytes) {
  return bytes >= 2 ** 50 ? '?' : `${(bytes / 2 ** 30).toFixed(1)} GB`;
}

/** @param {unknown} value */
function printJson(value) {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** @param {{ json?: boolean }} options */
async function devices({ json }) {
  // The probe in a child process, so that a driver that crashes does not take this one with it.
  const { devices: found, problems } = await require('../index').checkGPUCapabilities();
  if (json) {
    printJson(found);
  } else {
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

const kMarks = { ok: 'ok     ', note: 'note   ', problem: 'PROBLEM' };

/** @param {{ json?: boolean }} options */
async function doctor({ json }) {
  const result = await require('./doctor').diagnose();
  if (!result.ok) process.exitCode = 1;
  if (json) return printJson(result);
  for (const check of result.checks) {
    console.log(`${kMarks[check.status]}  ${check.name.padEnd(16)}  ${check.found}`);
    const indent = ' '.repeat(27);
    if (check.status !== 'ok' && check.why) console.log(`${indent}why it matters: ${check.why}`);
    if (check.status !== 'ok' && check.remedy) console.log(`${indent}what fixes it:  ${check.remedy}`);
  }
  const count = result.checks.filter((check) => check.status === 'problem').length;
  console.log(`\n${count === 0 ? 'Nothing is missing that matters.' : `${count} problem${count > 1 ? 's' : ''}.`}`);
}

const kExitCodes = '\nExit codes: 0 fine, 1 something is missing or failed, 2 wrong usage.';

const program = new Command('switchyard')
  .description('GPU and CPU compute for Node.js')
  .version(version)
  .option('--gpu-debug', 'log everything that happens (as GPU_DEBUG_LOGGING=true)')
  .addHelpText('after', kExitCodes)
  .exitOverride();
program
  .command('devices')
  .description('the devices that jobs can run on, in the order of preference')
  .option('--json', 'print an array of DeviceInfo')
  .addHelpText('after', '\nExit codes: 0 at least one device, 1 none or failed, 2 wrong usage.')
  .action(devices);
program
  .command('doctor')
  .description('what was found, what is missing, why it matters, and the command that fixes it')
  .option('--json', 'print { ok, checks: [{ name, status, found, why, remedy }], devices }')
  .addHelpText(
    'after',
    '\nExit codes: 0 nothing is missing that matters (notes do not count), 1 there is a problem, 2 wrong usage.',
  )
  .action(doctor);
addStart(program);
addRun(program);
addEmbed(program);
addRerank(program);
addTokenize(program);
addBench(program);

// In these, what is refused is what was typed.
const kTyped = new Set(['start', 'run', 'embed', 'rerank', 'tokenize']);
const kWrongUsage = new Set(['ERR_INVALID_ARGUMENT', 'ERR_UNKNOWN_WORKLOAD']);

program.parseAsync().catch((error) => {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    process.stderr.write(`switchyard: ${errorText(error)}\n`);
    const isWrongUsage = kTyped.has(program.args[0]) && kWrongUsage.has(error.code) && !isOfModel(error);
    process.exitCode = isWrongUsage ? 2 : 1;
  }
});
