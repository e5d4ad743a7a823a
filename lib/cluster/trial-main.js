// Opens a device that has ended workers, and computes on it: ends with 0 if that goes well. It may well crash, or hang.
'use strict';
const { setTimeout } = require('node:timers');
const { selfTest } = require('./worker');
const { createContext } = require('../context');

const kMostMs = 30000;

async function main() {
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), kMostMs).unref(); // nobody else may be there any more to do it
  const device = /** @type {import('../index').ContextOptions['device']} */ (process.argv[2]);
  const context = await createContext({ device });
  await selfTest(context);
  await context.close();
}

main().catch(() => process.exit(1));
