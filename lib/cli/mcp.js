// `switchyard mcp`: a server of the Model Context Protocol on standard input and output, for one agent. It answers
// before anything is loaded that computes; that follows behind, once the agent knows what there is.
'use strict';
const { setTimeout } = require('node:timers');

const kBehindMs = 50; // after the tools were listed: what an agent asks next has its answer first

/** @typedef {{ memoryDir?: string, config?: string, load: boolean }} Options */

/**
 * A manager of this process and what methods keep, made when the first of them is called.
 * @param {import('../config/config').ServiceConfig} config
 * @param {import('../core/log').Logger} logger
 */
function partsOf(config, logger) {
  /** @type {{ parts: import('../rpc/parts').Parts, close: () => Promise<void> }|undefined} */
  let made;
  const open = () => {
    if (made) return made;
    const gpu = require('../index');
    const { doorHere, Gate, Room } = require('../exchange');
    const { managerOptions } = require('../config');
    const { makeParts } = require('../rpc');
    const manager = gpu.createGPUClusterManager(managerOptions(config));
    const gate = new Gate(doorHere(new Room(config.answerLimit)));
    const parts = makeParts({ manager, config, logger, gate });
    const close = async () => {
      await parts.close();
      await manager.close();
    };
    made = { parts, close };
    return made;
  };
  return { open: () => open().parts, close: async () => made?.close() };
}

/** @param {Options} options */
async function serve({ memoryDir, config: file, load }) {
  // From Node 22 on what was compiled once is read by the next start.
  /** @type {{ enableCompileCache?: () => void }} */ (require('node:module')).enableCompileCache?.();
  const { useConfig } = require('./use-config');
  if (file !== undefined) useConfig(file);
  const { readServiceConfig } = require('../config');
  const { createLogger, describeError } = require('../core');
  const { Dispatcher, kLocal, mcp } = require('../rpc');
  const config = readServiceConfig(memoryDir === undefined ? {} : { memoryDir });
  const logger = createLogger(config);
  const kept = partsOf(config, logger);
  const loadBehind = () => {
    if (!load) return;
    load = false;
    setTimeout(async () => {
      try {
        await kept.open().models.use(
          undefined,
          () => {},
          async () => {},
        );
      } catch (error) {
        logger.info(describeError(error), 'the model of texts was not loaded: calls that need it will say why');
      }
    }, kBehindMs).unref();
  };
  const ended = new Promise((resolve) => {
    for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) process.once(signal, resolve);
  });
  const dispatcher = new Dispatcher(kept.open);
  await Promise.race([mcp.serveStdio({ dispatcher, caller: kLocal, logger }, loadBehind), ended]);
  await kept.close();
  process.exit(0);
}

/** @param {import('commander').Command} program */
function addMcp(program) {
  program
    .command('mcp')
    .description('serve an agent on standard input and output: the Model Context Protocol')
    .option('--memory-dir <folder>', 'where what is kept lies (MEMORY_DIR, else as `switchyard start` has it)')
    .option('--config <file>', 'the config file (SWITCHYARD_CONFIG, else switchyard.config.yaml)')
    .option('--no-load', 'load the model of texts when it is first needed, not behind the first answer')
    .addHelpText(
      'after',
      '\nAn agent starts this: examples/agent.md says how. A server that runs (`switchyard start`) has the same at ' +
        '/mcp,\nand a memory folder is open in one process at a time.\n\n' +
        'Exit codes: 0 the agent has gone, 1 it failed, 2 wrong usage.',
    )
    .action(serve);
}

module.exports = { addMcp };
