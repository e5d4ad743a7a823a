#!/usr/bin/env node
// The command line: npx switchyard <command>. Exit codes: 0 fine, 1 something is missing or failed, 2 wrong usage. What
// a command needs is loaded for it alone: how long a start takes is what people and agents wait for.
'use strict';
const { Command, CommanderError } = require('commander');
const { version } = require('../../package.json');

/** @type {Readonly<Record<string, (program: Command) => void>>} in the order in which they are listed */
const kCommands = {
  devices: (program) => require('./devices').addDevices(program),
  doctor: (program) => require('./doctor-command').addDoctor(program),
  start: (program) => require('./start').addStart(program),
  run: (program) => require('./run').addRun(program),
  embed: (program) => require('./embed').addEmbed(program),
  rerank: (program) => require('./rerank').addRerank(program),
  recall: (program) => require('./recall').addRecall(program),
  tokenize: (program) => require('./tokenize').addTokenize(program),
  top: (program) => require('./top').addTop(program),
  cache: (program) => require('./cache').addCache(program),
  mcp: (program) => require('./mcp').addMcp(program),
  bench: (program) => require('./bench').addBench(program),
};

const kExitCodes = '\nExit codes: 0 fine, 1 something is missing or failed, 2 wrong usage.';

const program = new Command('switchyard')
  .description('GPU and CPU compute for Node.js')
  .version(version)
  .option('--gpu-debug', 'log everything that happens (as GPU_DEBUG_LOGGING=true)')
  .addHelpText('after', kExitCodes)
  .exitOverride();
const asked = process.argv.slice(2).find((each) => !each.startsWith('-')) ?? '';
for (const name of Object.hasOwn(kCommands, asked) ? [asked] : Object.keys(kCommands)) kCommands[name](program);

// In these, what is refused is what was typed.
const kTyped = new Set(['start', 'run', 'embed', 'rerank', 'recall', 'tokenize', 'top', 'cache', 'mcp']);
const kWrongUsage = new Set(['ERR_INVALID_ARGUMENT', 'ERR_UNKNOWN_WORKLOAD']);

program.parseAsync().catch((error) => {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    const { errorText } = require('../core');
    const { isOfModel } = require('./texts');
    process.stderr.write(`switchyard: ${errorText(error)}\n`);
    const isWrongUsage = kTyped.has(program.args[0]) && kWrongUsage.has(error.code) && !isOfModel(error);
    process.exitCode = isWrongUsage ? 2 : 1;
  }
});
