// `switchyard mcp` for real: both generations' clients start it, remember a licence clause and recall it.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { cliProgram } = require('../../support/paths');
const { temporaryFolder, message } = require('../../support/rpc-service');
const { firstGeneration, secondGeneration } = require('../../support/mcp/clients');

const folder = temporaryFolder();
const kClause = 'Permission is hereby granted to use, copy, modify, merge, publish and sell copies of the Software.';
const kOther = 'The weather was bad all week, and the ferry did not run.';

test.each([
  ['first', firstGeneration],
  ['second', secondGeneration],
])(
  'the %s generation remembers and recalls',
  async (name, connect) => {
    const env = { ...process.env, MEMORY_DIR: path.join(folder, name), LOG_LEVEL: 'warn' };
    const agent = await connect({ command: process.execPath, args: [cliProgram, 'mcp'], env });
    try {
      const tools = await agent.tools();
      expect(tools.map(({ name: tool }) => tool)).toEqual(expect.arrayContaining(['memory_remember', 'memory_recall']));
      const documents = [
        { id: 'mit', text: kClause, metadata: { kind: 'licence' } },
        { id: 'note', text: kOther },
      ];
      const remembered = await agent.call('memory_remember', { documents });
      expect(remembered).toMatchObject({ structuredContent: { ids: ['mit', 'note'], passages: [1, 1] } });
      const { structuredContent } = await agent.call('memory_recall', { query: 'may I sell this program?', k: 1 });
      expect(structuredContent.passages).toMatchObject([{ id: 'mit', text: kClause, metadata: { kind: 'licence' } }]);
      const failed = await agent.call('memory_recall', { k: 1 });
      expect(failed).toMatchObject({ isError: true, content: [{ text: expect.stringMatching(/query is missing/) }] });
    } finally {
      await agent.close();
    }
    expect(fs.existsSync(path.join(folder, name, 'memories', 'm-memory'))).toBe(true);
  },
  120_000,
);

test('standard output has the protocol alone, and the process ends with its input', async () => {
  const child = spawn(process.execPath, [cliProgram, 'mcp', '--memory-dir', path.join(folder, 'alone')], {
    env: { ...process.env, LOG_LEVEL: 'debug', GPU_DEBUG_LOGGING: 'true' },
  });
  let said = '';
  child.stdout.on('data', (chunk) => (said += chunk));
  child.stderr.resume();
  const ended = new Promise((resolve) => {
    child.once('exit', (code) => resolve(code));
  });
  const answered = (count) =>
    new Promise((resolve) => {
      const look = () => said.split('\n').length > count && resolve();
      child.stdout.on('data', look);
      look();
    });
  const info = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'a', version: '1' } };
  child.stdin.write(`${JSON.stringify(message('initialize', info, 1))}\n`);
  await answered(1);
  child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' })}\nno json\n`);
  child.stdin.write(`${JSON.stringify(message('tools/call', { name: 'listDevices', arguments: {} }, 2))}\n`);
  await answered(2);
  child.stdin.end();
  expect(await ended).toBe(0);
  const lines = said.trimEnd().split('\n').map(JSON.parse);
  expect(lines).toMatchObject([
    { id: 1, result: { protocolVersion: '2025-06-18', serverInfo: { name: 'switchyard' } } },
    { id: 2, result: { structuredContent: { devices: expect.any(Array) } } },
  ]);
}, 60_000);
