// Starts what the figures measure: a server in a process of its own, and what can be asked of it.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { fork } = require('node:child_process');

/** Its ports, ask(), which resolves to what it answers, and stop(). */
async function start(settings = {}) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-bench-'));
  const child = fork(path.join(__dirname, 'server.js'), [JSON.stringify({ memoryDir: folder, ...settings })], {
    execArgv: ['--expose-gc'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const next = () =>
    new Promise((resolve, reject) => {
      child.once('message', resolve);
      child.once('exit', (code) => reject(new Error(`the server has ended with ${code}`)));
    });
  const ports = await next();
  return {
    ...ports,
    ask: async (what) => {
      const answer = next();
      child.send(what);
      return (await answer).answer;
    },
    stop: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.disconnect();
      await ended;
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

module.exports = { start };
