// A Redis of a test's own, which keeps nothing and is ended with the test.
'use strict';
const { spawn, spawnSync } = require('node:child_process');
const net = require('node:net');

/** Why there can be none; undefined: there can. */
const lacking = spawnSync('redis-server', ['--version']).error ? 'redis-server is not installed' : undefined;

/** A port that is free just now. @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/**
 * @param {object} [how]
 * @param {number} [how.port]
 * @param {string[]} [how.args] of its command line
 */
async function startRedis({ port, args = [] } = {}) {
  port ??= await freePort();
  const plain = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const child = spawn('redis-server', [...plain, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve, reject) => {
    let text = '';
    child.once('exit', (code) => reject(new Error(`redis-server has ended with ${code}: ${text}`)));
    child.stdout.on('data', (data) => {
      text += data;
      if (text.includes('eady to accept connections')) resolve();
    });
  });
  child.removeAllListeners('exit');
  return {
    port,
    url: `redis://127.0.0.1:${port}/0`,
    pause: () => child.kill('SIGSTOP'),
    goOn: () => child.kill('SIGCONT'),
    /** @returns {Promise<void>} */
    end: () =>
      new Promise((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) return resolve();
        child.once('exit', () => resolve());
        child.kill('SIGKILL');
        return undefined;
      }),
  };
}

module.exports = { lacking, startRedis, freePort };
