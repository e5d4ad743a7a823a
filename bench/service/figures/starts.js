// How long an agent waits for the list of tools, and a person until the command line has asked a server: processes that
// are started anew, one by one.
'use strict';
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { createInterface } = require('node:readline');
const { now, median, percentile } = require('../../stats');

const kProgram = path.join(__dirname, '../../../lib/cli/main.js');
const kMeta = 'io.modelcontextprotocol/';
const info = { name: 'bench', version: '1' };

/** What clients of each era say at their start. */
const kEras = {
  initialize: [
    { id: 1, method: 'initialize', params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: info } },
    { method: 'notifications/initialized' },
    { id: 'list', method: 'tools/list', params: {} },
  ],
  '2026-07-28': [
    {
      id: 'list',
      method: 'tools/list',
      params: {
        _meta: {
          [`${kMeta}protocolVersion`]: '2026-07-28',
          [`${kMeta}clientInfo`]: info,
          [`${kMeta}clientCapabilities`]: {},
        },
      },
    },
  ],
};

/** Milliseconds from the start of `switchyard mcp` until it has listed its tools. */
function listed(messages) {
  return new Promise((resolve, reject) => {
    const began = now();
    const child = spawn(process.execPath, [kProgram, 'mcp', '--no-load', '--memory-dir', os.tmpdir()], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    for (const each of messages) child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...each })}\n`);
    let took;
    createInterface({ input: child.stdout }).on('line', (line) => {
      const { id, result, error } = JSON.parse(line);
      if (error) reject(new Error(error.message));
      if (id !== 'list') return;
      if (!(result.tools.length > 0)) reject(new Error('there are no tools'));
      took = now() - began;
      child.stdin.end();
    });
    child.once('exit', () => resolve(took));
  });
}

/** Milliseconds from the start of `switchyard recall` until its request has come. */
async function asked() {
  let came;
  const server = http.createServer((request, response) => {
    came = now();
    request.resume();
    request.once('end', () =>
      response
        .setHeader('content-type', 'application/json')
        .end(JSON.stringify({ jsonrpc: '2.0', id: 1, result: { passages: [] } })),
    );
  });
  await new Promise((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const began = now();
  const url = `http://127.0.0.1:${server.address().port}`;
  const child = spawn(process.execPath, [kProgram, 'recall', 'a question', '--server', url], { stdio: 'ignore' });
  const code = await new Promise((resolve) => {
    child.once('exit', resolve);
  });
  server.close();
  if (code !== 0) throw new Error(`recall has ended with ${code}`);
  return came - began;
}

/** A process that does nothing: what a start of Node takes by itself. */
function nothing() {
  return new Promise((resolve) => {
    const began = now();
    spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' }).once('exit', () => resolve(now() - began));
  });
}

async function sampled(count, once) {
  const samples = [];
  for (let i = 0; i <= count; ++i) {
    const took = await once();
    if (i > 0) samples.push(took);
  }
  return samples;
}

async function measure({ quick }) {
  const count = quick ? 5 : 20;
  const plain = Math.round(median(await sampled(count, nothing)));
  const figures = [];
  const add = (name, target, samples) =>
    figures.push({
      name,
      value: median(samples),
      unit: 'ms',
      target,
      detail: `p95 ${Math.round(percentile(samples, 95))} ms, of ${samples.length}; Node alone ${plain} ms`,
    });
  for (const [era, messages] of Object.entries(kEras))
    add(
      `switchyard mcp, ${era}: start to tools/list answered, p50`,
      'under 300 ms',
      await sampled(count, () => listed(messages)),
    );
  add('switchyard recall --server: start to its request, p50', 'under 150 ms', await sampled(count, asked));
  return figures;
}

module.exports = { measure };
