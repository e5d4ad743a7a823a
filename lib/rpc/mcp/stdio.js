// The Model Context Protocol over standard input and output: nothing else may be written there.
'use strict';
const { Writable } = require('node:stream');
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

/**
 * Serves one client until its input ends.
 * @param {import('./call-tool').Parts} parts
 * @param {() => void} onListed the tools were listed: what is wanted next can be made ready
 * @returns {Promise<void>} resolves when the client has gone
 */
async function serveStdio(parts, onListed) {
  const output = ownOutput();
  const { serveStdio: serve, StdioServerTransport } = require('@modelcontextprotocol/server/stdio');
  const { stdin } = process;
  const gone = new Promise((resolve) => {
    stdin.once('end', resolve).once('close', resolve);
    output.once('error', resolve);
    process.stdout.once('error', resolve); // the client reads no more
  });
  const handle = serve(() => makeServer(parts, onListed), {
    transport: new StdioServerTransport(stdin, output),
    onerror: ({ message }) => parts.logger.debug({ message }, 'a message of the protocol was refused'),
  });
  await gone;
  await handle.close();
}

module.exports = { serveStdio };
