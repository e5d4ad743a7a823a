// Fuzzed messages to each door, as test/js/rpc/fuzz.test.js and fuzz-agents.test.js have them: how many, and what
// became of them.
'use strict';
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { now } = require('../../stats');

const kRoot = path.join(__dirname, '../../..');
const kFiles = ['test/js/rpc/fuzz.test.js', 'test/js/rpc/fuzz-agents.test.js'];

async function measure({ quick, messages }) {
  const count = quick ? 1000 : Number(messages);
  const began = now();
  const { status, stderr } = spawnSync(
    process.execPath,
    [path.join(kRoot, 'node_modules/jest/bin/jest.js'), '--runInBand', ...kFiles],
    {
      cwd: kRoot,
      encoding: 'utf8',
      env: { ...process.env, SWITCHYARD_FUZZ_MESSAGES: String(count) },
      maxBuffer: 2 ** 26,
    },
  );
  const seconds = Math.round((now() - began) / 1000);
  if (status !== 0) throw new Error(stderr.slice(-4000));
  return [
    {
      name: 'fuzzed messages to each door that were neither answered nor closed, crashes, hangs',
      value: 0,
      unit: '',
      target: '0',
      detail:
        `${count} messages to each of 11 (texts and frames over two ports, POST /rpc; the Model Context Protocol ` +
        `over a WebSocket, HTTP and standard input; three endpoints of /v1), ${seconds} s`,
    },
  ];
}

module.exports = { measure };
