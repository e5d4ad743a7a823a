// The commands that ask a server: the same results as in this process, what is kept of them, and what is wrong.
'use strict';
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { execFile } = require('node:child_process');
const gpu = require('../../..');
const { cliProgram } = require('../../support/paths');
const { startDoors, temporaryFolder } = require('../../support/rpc-service');

const kToken = 'a-token-of-the-test';
const kTexts = Array.from({ length: 40 }, (_, i) => `text number ${i} of a short list`);
const folder = temporaryFolder();
const tokenFile = path.join(folder, 'token');
let manager;
let doors;
let server;

beforeAll(async () => {
  fs.writeFileSync(tokenFile, `${kToken}\n`);
  manager = gpu.createGPUClusterManager({ contextTypes: ['cpu'], contextsPerWorker: 1 });
  doors = await startDoors({ memoryDir: path.join(folder, 'memory'), authToken: kToken }, manager);
  server = `http://127.0.0.1:${doors.port}`;
}, 60_000);
afterAll(async () => {
  await doors.app.close();
  await manager.close();
});

let count = 0;
/** With a cache of its own, unless one is given. */
function cli(args, { input, cache = path.join(folder, `cache-${++count}`), env = {} } = {}) {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [cliProgram, ...args],
      { env: { ...process.env, ANSWERS_DIR: cache, ...env }, maxBuffer: 2 ** 26 },
      (error, stdout, stderr) => resolve({ status: error?.code ?? 0, stdout, stderr }),
    );
    child.stdin.end(input);
  });
}
const ask = (...args) => [...args, '--server', server, '--token-file', tokenFile];

test('embed gives what the model gives, in several requests, over both doors', async () => {
  const model = await manager.loadModel(gpu.defaultModel);
  const { embeddings, tokens } = await model.embed(kTexts);
  await model.close();
  const input = kTexts.join('\n');
  const args = ask('embed', '--file', '-', '--json');
  for (const at of [server, `ws://127.0.0.1:${doors.rpcPort}`]) {
    const { status, stdout, stderr } = await cli([...args, '--server', at, '--parallel', '2'], { input });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const said = JSON.parse(stdout);
    expect(said.embeddings.length).toBe(40);
    said.embeddings.flat().forEach((value, i) => expect(Math.abs(value - embeddings.data[i])).toBeLessThan(1e-5));
    expect(said).toMatchObject({ tokens, model: { kind: 'encoder', server: at } });
  }
}, 60_000);

test('an answer is kept: the server is not asked again, until it is cleared or told to', async () => {
  let asked = 0;
  const counting = http.createServer((request, response) => {
    ++asked;
    request.resume();
    const result = { outputs: { output: { data: [asked], shape: [1], dtype: 'float32' } }, timings: { total: 1 } };
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ jsonrpc: '2.0', id: 1, result }));
  });
  await new Promise((resolve) => {
    counting.listen(0, '127.0.0.1', resolve);
  });
  const cache = path.join(folder, 'kept');
  const lines = path.join(folder, 'jobs.jsonl');
  fs.writeFileSync(lines, '{"type":"scale","inputs":{"input":[1]}}\n');
  const there = ['--server', `http://127.0.0.1:${counting.address().port}`];
  const run = async (...more) => {
    const { status, stdout, stderr } = await cli(['run', '--file', lines, ...there, ...more], { cache });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return JSON.parse(stdout).outputs.output.data[0];
  };
  try {
    expect([await run(), await run(), await run('--no-cache')]).toEqual([1, 1, 2]);
    // Another token may see other things.
    fs.writeFileSync(path.join(folder, 'other'), 'another-token-of-it');
    expect(await run('--token-file', path.join(folder, 'other'))).toBe(3);
    const { stdout } = await cli(['cache', 'list', '--json'], { cache });
    expect(JSON.parse(stdout)).toMatchObject([{ method: 'executeWorkload' }, { server: there[1] }]);
    expect((await cli(['cache', 'list'], { cache })).stdout).toMatch(/^[\da-f]{12} .*\n.*\n2 answers, \d+ bytes, in /);
    expect((await cli(['cache', 'clear'], { cache })).stdout).toMatch(/^2 answers removed from /);
    expect(await run()).toBe(4);
  } finally {
    counting.close();
  }
}, 60_000);

test('what is an hour old is asked for again, and what is damaged', async () => {
  const answers = require('../../../lib/cli/server/answers');
  const cacache = require('cacache');
  const { encodeFrame } = require('../../../lib/client');
  const request = { server, method: 'embed', params: { texts: ['a'] } };
  const key = answers.keyOf(request);
  const before = process.env.ANSWERS_DIR;
  process.env.ANSWERS_DIR = path.join(folder, 'old');
  const put = (age, bytes = Buffer.from(encodeFrame({ result: { fine: true } }))) =>
    cacache.put(answers.folder(), key, bytes, { time: Date.now() - age, metadata: request });
  try {
    await put(answers.kKeptMs - 60_000);
    expect(await answers.find(key)).toEqual({ fine: true });
    expect(await answers.find(answers.keyOf({ ...request, token: 'another' }))).toBeUndefined();
    expect(await answers.find(answers.keyOf({ ...request, params: { texts: ['b'] } }))).toBeUndefined();
    await put(answers.kKeptMs);
    expect(await answers.find(key)).toBeUndefined();
    const { stdout } = await cli(['cache', 'list', '--json'], { cache: process.env.ANSWERS_DIR });
    expect(JSON.parse(stdout)).toMatchObject([{ key, isOver: true }]);
    await put(0, Buffer.from('no frame'));
    expect(await answers.find(key)).toBeUndefined();
  } finally {
    if (before === undefined) delete process.env.ANSWERS_DIR;
    else process.env.ANSWERS_DIR = before;
  }
});

test('rerank and run ask by their methods', async () => {
  const texts = ['You may sell copies of it.', 'The weather was bad.'];
  const ranked = await cli(ask('rerank', 'may I sell this?', ...texts, '--json'));
  expect({ ...ranked, stdout: JSON.parse(ranked.stdout) }).toMatchObject({
    status: 0,
    stdout: { by: 'cosine', results: [{ index: 0, text: texts[0] }, { index: 1 }], model: { server } },
  });
  const { status, stdout } = await cli(ask('run', 'normalize', '--shape', '2x3', '--json'));
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ where: 'server', url: server, outputs: { output: { shape: [2, 3] } } });
}, 60_000);

test('recall finds what the server remembers', async () => {
  const call = (method, params) =>
    fetch(`${server}/rpc`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${kToken}` },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    }).then((response) => response.json());
  const documents = [
    { id: 'mit', text: 'Permission is granted to sell copies of the Software.' },
    { id: 'cake', text: 'Mix flour, eggs and butter.' },
  ];
  expect(await call('memory_remember', { documents })).toMatchObject({ result: { ids: ['mit', 'cake'] } });
  const { status, stdout, stderr } = await cli(ask('recall', 'may I sell it?', 'how is a cake made?', '--k', '1'));
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout.split('\n')).toEqual([
    'may I sell it?',
    expect.stringMatching(/^ +\d\.\d{4} +Permission is granted .* \(mit\)$/),
    'how is a cake made?',
    expect.stringMatching(/^ +\d\.\d{4} +Mix flour.* \(cake\)$/),
    '',
  ]);
}, 60_000);

test.each([
  ['no token', ['recall', 'a'], { args: [] }, 1, /a token is needed.*--token-file or AUTH_TOKEN gives one/],
  ['no server', ['recall', 'a', '--k', '2'], { bare: true }, 2, /--server is missing/],
  [
    'a server that is not there',
    ['embed', 'a', '--server', 'http://127.0.0.1:1'],
    { bare: true },
    1,
    /can not be reached/,
  ],
  ['a URL that is none', ['embed', 'a', '--server', 'x'], { bare: true }, 2, /must be like http:/],
  ['a device', ['embed', 'a', '--device', 'cpu'], {}, 2, /a server chooses the device/],
  ['too many at a time', ['embed', 'a', '--parallel', '100'], {}, 2, /from 1 to 64/],
  ['a model that is not there', ['embed', 'a', '--model', 'other'], {}, 1, /no model is called 'other'.*what helps/],
  ['a token file that is none', ['embed', 'a', '--token-file', '/none'], { bare: true, at: true }, 2, /can be read/],
])(
  '%s is said',
  async (_, args, { bare, at, args: own }, status, message) => {
    const rest = bare
      ? at
        ? ['--server', server]
        : []
      : own
        ? ['--server', server]
        : ['--server', server, '--token-file', tokenFile];
    const said = await cli([...args, ...rest], { env: { AUTH_TOKEN: '' } });
    expect(said).toMatchObject({ status, stderr: expect.stringMatching(message) });
  },
  60_000,
);
