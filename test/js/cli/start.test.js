// `switchyard start` for real: two workers, every endpoint, the command line against it, and how it stops.
'use strict';
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const { spawn, spawnSync } = require('node:child_process');
const WebSocket = require('ws');
const { inRoot, cliProgram } = require('../../support/paths');

const env = { ...process.env, LOG_LEVEL: 'warn', GPU_CONTEXTS_PER_WORKER: '1' };
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Starts the service on a free port and waits until it says that it is ready. */
function start(args = [], command = [cliProgram]) {
  const child = spawn(
    process.execPath,
    [...command, 'start', '--port', '0', '--workers', '2', '--types', 'cpu', '--json', ...args],
    { env, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const service = { child, stderr: '', ended: undefined };
  service.ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve({ code, signal })));
  child.stderr.on('data', (chunk) => {
    service.stderr += chunk;
  });
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
      if (text.includes('\n')) resolve({ ...service, ready: JSON.parse(text.slice(0, text.indexOf('\n'))) });
    });
    service.ended.then(() => reject(new Error(`it ended: ${service.stderr}`)));
  });
}

function get(url) {
  return new Promise((resolve, reject) => {
    http
      .get(url, { agent: false }, (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode, text }));
      })
      .on('error', reject);
  });
}

/** A client that sends the first part of its request now, and the rest when it is told to. */
function slowClient(port, body) {
  const socket = net.connect(port, '127.0.0.1');
  const answer = new Promise((resolve) => {
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
  });
  socket.write(
    `POST /v1/workloads HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}` +
      `\r\n\r\n${body.slice(0, 10)}`,
  );
  return { answer, finish: () => socket.write(body.slice(10)) };
}

const kBody = JSON.stringify({ type: 'normalize', inputs: { input: [[3, 4]] } });
let service;
beforeAll(async () => {
  service = await start();
});
afterAll(async () => {
  service.child.kill('SIGKILL');
  await service.ended;
});

test('it says where it is, with which workers and devices', () => {
  expect(service.ready).toMatchObject({
    url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    rpcUrl: expect.stringMatching(/^ws:\/\/127\.0\.0\.1:\d+$/),
    host: '127.0.0.1',
    workers: 2,
    contexts: 2,
    devices: [{ id: 'cpu:0', name: expect.stringMatching(/./), contexts: 2 }],
  });
});

test('every endpoint answers', async () => {
  const { url } = service.ready;
  for (const endpoint of [
    '/',
    '/health/live',
    '/health/ready',
    '/health/gpu',
    '/health/gpu?require=cpu',
    '/health/cluster',
    '/metrics',
    '/v1/contexts',
  ])
    expect({ endpoint, status: (await get(url + endpoint)).status }).toEqual({ endpoint, status: 200 });
  expect((await get(`${url}/health/gpu?require=cuda`)).status).toBe(503);
  expect((await get(`${url}/metrics`)).text).toMatch(/^switchyard_contexts\{/m);
});

test('WebSockets, at a port of their own and at /ws', async () => {
  const { rpcUrl, url } = service.ready;
  for (let i = 0; i < 6; ++i) {
    const ws = new WebSocket(i % 2 ? rpcUrl : `${url.replace('http', 'ws')}/ws`, 'mcp');
    const answer = await new Promise((resolve, reject) => {
      ws.once('error', reject);
      ws.once('message', (data) => resolve(JSON.parse(data.toString())));
      ws.once('open', () => ws.send(JSON.stringify({ jsonrpc: '2.0', id: i, method: 'health' })));
    });
    expect(answer).toMatchObject({ id: i, result: { status: 'ok', workers: expect.any(Array) } });
    expect(answer.result.workers.map(({ id }) => id).sort()).toEqual([1, 2]);
    ws.close();
  }
});

test.each([
  [['--host', '0.0.0.0'], {}, /host is 0\.0\.0\.0, .* AUTH_TOKEN or AUTH_TOKENS_FILE, or ALLOW_ANONYMOUS=true/],
  [[], { AUTH_TOKEN: 'hunter2' }, /AUTH_TOKEN must be 16 visible characters/],
  [[], { AUTH_TOKENS_FILE: '/none.yaml' }, /AUTH_TOKENS_FILE is '\/none\.yaml', but must be a file that can be read/],
  [[], { TLS_CERT: inRoot('package.json') }, /TLS_CERT is given, but TLS_CERT and TLS_KEY go together/],
  [[], { ALLOWED_ORIGINS: 'example.com' }, /ALLOWED_ORIGINS has 'example\.com', but an origin is like https/],
])('%j with %j does not start, and says why', (args, more, why) => {
  const { status, stderr, stdout } = spawnSync(process.execPath, [cliProgram, 'start', '--port', '0', ...args], {
    encoding: 'utf8',
    env: { ...env, ...more },
  });
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toMatch(why);
  expect(stderr).not.toMatch(/hunter2/);
});

test('the curl line of GET / works as it stands', async () => {
  const [line] = /^ {2}curl .*$/m.exec((await get(service.ready.url)).text);
  const { status, stdout } = spawnSync('sh', ['-c', line], { encoding: 'utf8' });
  if (status === 127) return; // no curl here
  expect(JSON.parse(stdout).outputs.output.data[0]).toBeCloseTo(0.6);
});

test('the client of docs/http.md works as it stands', () => {
  const [, code] = /```js\n(\/\/ Node 20[\s\S]*?)```/.exec(fs.readFileSync(inRoot('docs', 'http.md'), 'utf8'));
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['-e', code.replace('http://127.0.0.1:3000', service.ready.url)],
    { encoding: 'utf8' },
  );
  expect(stderr).toBe('');
  expect(stdout).toMatch(/\[ 1000, 384 \] Float32Array\(4\)/);
});

test('run finds the server, and says the same as this process', () => {
  const run = (...args) =>
    JSON.parse(
      spawnSync(process.execPath, [cliProgram, 'run', 'matmul', '--shape', '32x64x16', '--json', ...args], {
        encoding: 'utf8',
        env: { ...env, PORT: String(service.ready.port) },
      }).stdout,
    );
  const there = run('--repeat', '4'),
    here = run('--local', '--device', 'cpu');
  expect(there).toMatchObject({
    where: 'server',
    url: service.ready.url,
    workerId: expect.any(Number),
    outputs: { output: { shape: [32, 16] } },
  });
  there.outputs.output.first.forEach((value, i) => expect(value).toBeCloseTo(here.outputs.output.first[i], 4));
  const refused = spawnSync(
    process.execPath,
    [cliProgram, 'run', 'matmul', '--url', service.ready.url, '--params', '{"alpha":"x"}'],
    { encoding: 'utf8', env },
  );
  expect(refused).toMatchObject({ status: 2, stderr: expect.stringMatching(/parameter 'alpha' is 'x'/) });
});

test('a port in use is said in one line, with exit code 1', () => {
  const { status, stderr, stdout } = spawnSync(
    process.execPath,
    [cliProgram, 'start', '--port', String(service.ready.port)],
    {
      encoding: 'utf8',
      env,
    },
  );
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(/^switchyard: port \d+ of 127\.0\.0\.1 is in use: .*\n$/);
});

test('a worker that is killed is replaced, and the address stays', async () => {
  const { workers } = JSON.parse((await get(`${service.ready.url}/health/cluster`)).text);
  process.kill(workers[0].pid, 'SIGKILL');
  for (let i = 0; i < 100; ++i, await wait(50)) {
    const answer = await get(`${service.ready.url}/health/cluster`).catch(() => undefined);
    const now = answer && JSON.parse(answer.text).workers;
    if (now?.length === 2 && now.every(({ pid, state }) => state === 'ready' && pid !== workers[0].pid)) return;
  }
  throw new Error('there was no new worker within 5 s');
});

test.each([
  ['SIGTERM', 1],
  ['SIGINT', 3],
])('%s finishes what is under way and ends with 0, though it arrive %i times at once', async (signal, times) => {
  const other = await start();
  const client = slowClient(other.ready.port, kBody);
  await wait(100);
  for (let i = 0; i < times; ++i) other.child.kill(signal);
  await wait(700);
  client.finish();
  expect(await client.answer).toMatch(/^HTTP\/1\.1 200 OK/);
  expect(await other.ended).toEqual({ code: 0, signal: null });
  await expect(get(other.ready.url)).rejects.toThrow(/ECONNREFUSED/);
});

test('below npx, the end of the shell between is the signal, which the shell does not pass on', async () => {
  const script = `"$0" "$@"; true`; // or the shell would become the command
  const shell = spawn(
    'sh',
    ['-c', script, process.execPath, cliProgram, 'start', '--port', '0', '--workers', '1', '--types', 'cpu', '--json'],
    { env: { ...env, npm_command: 'exec' }, stdio: ['ignore', 'pipe', 'ignore'] },
  );
  let text = '';
  shell.stdout.on('data', (chunk) => {
    text += chunk;
  });
  const ended = new Promise((resolve) => shell.stdout.once('end', resolve)); // nobody is left who could write
  for (let i = 0; i < 200 && !text.includes('\n'); ++i) await wait(100);
  const { url } = JSON.parse(text);
  shell.kill('SIGTERM');
  await ended;
  await expect(get(url)).rejects.toThrow(/ECONNREFUSED/);
});

test('a second signal, later, ends it at once', async () => {
  const other = await start();
  const client = slowClient(other.ready.port, kBody);
  await wait(100);
  other.child.kill('SIGTERM');
  await wait(700);
  other.child.kill('SIGTERM');
  expect(await other.ended).toEqual({ code: 143, signal: null });
  await client.answer;
});
