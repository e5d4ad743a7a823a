// The Model Context Protocol over standard input and output: nothing else may be written there.
'use strict';
const { Writable } = require('node:stream');
const { setTimeout } = require('node:timers');
const { goOn, open } = require('./opening');
const { makeServer } = require('./server');

/**
 * Takes standard output for the protocol alone: what anything else in this process prints goes to standard error.
 * @returns {Writable}
 */
function ownOutput() {
  const { stdout, stderr } = process;
  const write = stdout.write.bind(stdout);
  stdout.write = /** @type {typeof stdout.write} */ (stderr.write.bind(stderr));
  return new Writable({
    decodeStrings: false,
    write: (chunk, encoding, done) => void write(chunk, encoding, done),
  });
}

const kBehindMs = 20; // after the tools were listed: the answer goes first

/** @returns {typeof import('@modelcontextprotocol/server/stdio')} which takes longer to load than all else */
const sdk = () => require('@modelcontextprotocol/server/stdio');

/**
 * What follows needs the SDK.
 * @param {() => void} onListed
 */
function listed(onListed) {
  setTimeout(sdk, kBehindMs).unref();
  onListed();
}

/**
 * Serves one client until its input ends.
 * @param {import('./call-tool').Parts} parts
 * @param {() => void} onListed the tools were listed: what is wanted next can be made ready
 * @returns {Promise<void>} resolves when the client has gone
 */
async function serveStdio(parts, onListed) {
  const output = ownOutput();
  const { stdin } = process;
  /** @type {Promise<undefined>} */
  const gone = new Promise((resolve) => {
    const end = () => resolve(undefined);
    stdin.once('end', end).once('close', end);
    output.once('error', end);
    process.stdout.once('error', end); // the client reads no more
  });
  const rest = await Promise.race([open(stdin, output, parts.caller, () => listed(onListed)), gone]);
  if (!rest) return;
  const { serveStdio: serve, StdioServerTransport } = sdk();
  const { heard, said } = goOn(rest, stdin, output);
  const handle = serve(() => makeServer(parts, onListed), {
    transport: new StdioServerTransport(heard, said),
    onerror: ({ message }) => parts.logger.debug({ message }, 'a message of the protocol was refused'),
  });
  await gone;
  await handle.close();
}

module.exports = { serveStdio };
