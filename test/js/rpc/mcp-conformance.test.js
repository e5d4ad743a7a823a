// The protocol's own conformance suite against POST /mcp, in both eras of the protocol. What it does not find in this
// server is named below, with the reason; anything else that fails is a fault.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { pathToFileURL } = require('node:url');
const { inRoot } = require('../../support/paths');
const { temporaryFolder } = require('../../support/rpc-service');
const { useServer } = require('../../support/http-service');

const server = useServer();
const folder = temporaryFolder();

/** @type {[RegExp, string][]} checks that can't pass here, by their ids */
const kExceptions = [
  [/^tools-call-(?!with-logging)|^json-schema-2020-12-tool-found$/, "calls tools of the suite's own test server"],
  [/^elicitation-sep/, "calls tools of the suite's own test server, which ask their client"],
  [/^sep-2322-/, "calls tools of the suite's own test server, which ask their client"],
  [
    /^sep-2575-(server-rejects-undeclared-capability|missing-capability-http-400|http-server-no-independent.*)$/,
    'not testable, it says: no tool of ours asks its client for anything',
  ],
  [/^sep-2575-server-no-log-without-loglevel$|^logging-set-level$|^tools-call-with-logging$/, 'we send no logs'],
  [/^sep-2243-server-/, 'not testable, it says: no param of ours stands in a header'],
  [
    /^(sep-2549-)?(prompts|resources)-|^sep-2164-|^completion-complete$/,
    'there are tools, no prompts and no resources',
  ],
  [/^server-sse-(multiple-streams-session|polling-session)$/, 'there are no sessions: any worker answers any request'],
  [/^server-sse-(priming-event|retry-field)$/, 'no stream is taken up again: a call is sent again'],
];

/** Runs it: the checks of all scenarios, [{ id, status, errorMessage }]. */
async function conformance(version) {
  const output = path.join(folder, version);
  const args = ['--import', pathToFileURL(inRoot('test', 'support', 'mcp', 'older-node.mjs')).href];
  args.push(inRoot('node_modules', '@modelcontextprotocol', 'conformance', 'dist', 'index.js'), 'server');
  args.push('--url', `http://localhost:${server.port}/mcp`, '--suite', 'all', '--spec-version', version, '-o', output);
  const child = spawn(process.execPath, args, { stdio: 'ignore' });
  await new Promise((resolve) => child.once('exit', resolve));
  return fs
    .readdirSync(output)
    .flatMap((scenario) => JSON.parse(fs.readFileSync(path.join(output, scenario, 'checks.json'), 'utf8')));
}

test.each([
  ['2025-11-25', ['server-initialize', 'ping', 'tools-list', 'localhost-host-rebinding-rejected']],
  ['2026-07-28', ['tools-list', 'sep-2575-server-implements-discover', 'sep-2549-tools-list-caching-hints']],
])(
  'revision %s: all that applies passes',
  async (version, some) => {
    const checks = await conformance(version);
    const failed = checks.filter(({ status }) => status === 'FAILURE' || status === 'WARNING');
    const unexplained = failed.filter(({ id }) => !kExceptions.some(([ids]) => ids.test(id)));
    expect(unexplained.map(({ id, errorMessage }) => `${id}: ${errorMessage}`)).toEqual([]);
    const passed = new Set(checks.filter(({ status }) => status === 'SUCCESS').map(({ id }) => id));
    for (const id of some) expect([...passed]).toContain(id);
  },
  120_000,
);
