// The example of a client over WebSocket, against a server with two workers.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn, spawnSync } = require('node:child_process');
const { inRoot } = require('../../support/paths');

let folder, server, ready;
beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-client-'));
  server = spawn(
    process.execPath,
    [inRoot('lib/cli/main.js'), ...'start --json --workers 1 --types cpu --port 0'.split(' ')],
    {
      env: { ...process.env, MEMORY_DIR: folder, AUTH_TOKEN: 'a-token-of-the-example', LOG_LEVEL: 'error' },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const text = await new Promise((resolve) => server.stdout.once('data', (data) => resolve(data.toString())));
  ready = JSON.parse(text);
}, 60_000);
afterAll(async () => {
  const ended = new Promise((resolve) => server.once('exit', resolve));
  server.kill('SIGTERM');
  expect(await ended).toBe(0);
  fs.rmSync(folder, { recursive: true });
}, 60_000);

const run = (url, token) =>
  spawnSync(process.execPath, [inRoot('examples/embeddings-client.js'), url], {
    encoding: 'utf8',
    env: { ...process.env, AUTH_TOKEN: token },
  });

test('vectors are made ready and searched, and found again the second time', () => {
  for (const _ of [1, 2]) {
    const { status, stdout, stderr } = run(ready.rpcUrl, 'a-token-of-the-example');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(
      /^256 x 768 as codes of 8 bits: [\d.]+ ms\nthe first: .*\nnearest to row 7: 7 \(1\.0000\), /,
    );
  }
}, 60_000);

test('without the token it says why not, and without a server what is to be done', () => {
  expect(run(ready.rpcUrl, '')).toMatchObject({ status: 1, stderr: expect.stringMatching(/401/) });
  expect(run('ws://127.0.0.1:1', '').stderr).toMatch(/is npm run cluster:start running\?/);
}, 60_000);
