// The command line: its output, its exit codes, and what the doctor finds in a machine that lacks something.
'use strict';
const path = require('node:path');
const os = require('node:os');
const fs = require('node:fs');
const http = require('node:http');
const { once } = require('node:events');
const { spawn, spawnSync } = require('node:child_process');
const { addonPath, native } = require('../../../lib/addon/native');
const { cliProgram, inRoot } = require('../../support/paths');

function cli(args, env = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cliProgram, ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  return { status, stdout, stderr };
}

function doctor(env) {
  const { status, stdout } = cli(['doctor', '--json'], env);
  const report = JSON.parse(stdout);
  expect(status).toBe(report.ok ? 0 : 1);
  expect(report.ok).toBe(report.checks.every((check) => check.status !== 'problem'));
  return { report, check: (name) => report.checks.find((entry) => entry.name === name) };
}

test('devices --json prints an array that holds the CPU', () => {
  const { status, stdout } = cli(['devices', '--json']);
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toContainEqual(expect.objectContaining({ id: 'cpu:0', backend: 'cpu' }));
});

test('devices prints a table', () => {
  const { status, stdout } = cli(['devices']);
  expect(status).toBe(0);
  expect(stdout).toMatch(/cpu:0/);
});

test.each([
  [['--help'], 0],
  [['devices', '--help'], 0],
  [['--version'], 0],
  [[], 2],
  [['bogus'], 2],
  [['devices', '--bogus'], 2],
  [['doctor', 'extra'], 2],
  [['start', '--help'], 0],
  [['run', '--help'], 0],
  [['bench', '--help'], 0],
  [['run'], 2],
  [['run', '--local', 'normalise'], 2],
  [['run', 'matmul', '--local', '--shape', '3x4'], 2],
  [['run', 'add', '--shape', 'wide'], 2],
  [['run', 'add', '--shape', '99999x99999'], 2],
  [['run', 'add', '--params', '[1]'], 2],
  [['run', 'add', '--url', 'ftp://x'], 2],
  [['run', 'add', '--local', '--url', 'http://127.0.0.1:1'], 2],
  [['run', 'add', '--url', 'http://127.0.0.1:1'], 1],
  [['run', 'graph', '--local'], 2],
  [['run', 'reduce', '--local', '--params', '{"kind":"median"}'], 2],
  [['run', 'add', '--local', '--device', 'tpu'], 2],
  [['start', '--port', '70000'], 2],
  [['start', '--workers', 'many'], 2],
  [['start', '--types', 'gpu'], 2],
  [['start', '--config', 'no-such-file.yaml'], 2],
  [['start', 'extra'], 2],
])('%j ends with exit code %i', (args, code) => {
  expect(cli(args).status).toBe(code);
});

test('the doctor finds the addon and says what each finding means', () => {
  const { report, check } = doctor({});
  expect(check('addon').status).toBe('ok');
  expect(check('cpu').status).not.toBe('problem');
  for (const entry of report.checks) {
    expect(['ok', 'note', 'problem']).toContain(entry.status);
    expect(entry.found).toBeTruthy();
    if (entry.status === 'problem')
      expect(entry).toEqual(expect.objectContaining({ why: expect.any(String), remedy: expect.any(String) }));
  }
});

test('an addon that is not built is a problem with its remedy', () => {
  const { check } = doctor({ SWITCHYARD_BUILD: 'no-such-build' });
  expect(check('addon')).toEqual(
    expect.objectContaining({ status: 'problem', remedy: expect.stringMatching(/npm run setup/) }),
  );
  const { status, stderr } = cli(['devices'], { SWITCHYARD_BUILD: 'no-such-build' });
  expect(status).toBe(1);
  expect(stderr).toMatch(/npm run setup/);
});

test('an addon without its compiler is a problem', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-alone-'));
  fs.copyFileSync(addonPath, path.join(folder, 'switchyard.node'));
  const { check } = doctor({ SWITCHYARD_BUILD: path.relative(inRoot('build'), folder) });
  expect(check('addon')).toMatchObject({
    status: 'problem',
    found: expect.stringContaining(path.join(fs.realpathSync(folder), 'switchyard-compiler')),
  });
  fs.rmSync(folder, { recursive: true });
});

test('driver files that do not exist are a problem, named with the variable', () => {
  const { check } = doctor({ VK_DRIVER_FILES: '/no/such/driver.json', VK_ICD_FILENAMES: '' });
  expect(check('vulkan drivers').status).toBe('problem');
  expect(check('vulkan drivers').found).toMatch(/\/no\/such\/driver\.json does not exist.*VK_DRIVER_FILES/);
});

const { nvrtc } = native.cudaFiles();
(nvrtc.path ? test : test.skip)('which file of CUDA would be taken, of which version, and why another is not', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-cuda-'));
  const site = path.join(folder, 'lib', 'python3.12', 'site-packages');
  const lib = path.join(site, 'nvidia', 'cu13', 'lib');
  fs.mkdirSync(lib, { recursive: true });
  fs.mkdirSync(path.join(site, 'nvidia_cuda_nvrtc-13.0.77.dist-info'));
  fs.symlinkSync(nvrtc.path, path.join(lib, path.basename(nvrtc.path)));
  fs.writeFileSync(path.join(lib, 'libnvrtc.so.11'), '');
  const { check } = doctor({
    CUDA_HOME: '',
    CUDA_PATH: '',
    CONDA_PREFIX: '',
    LD_LIBRARY_PATH: '',
    VIRTUAL_ENV: folder,
  });
  expect(check('cuda nvrtc')).toEqual({
    name: 'cuda nvrtc',
    status: 'ok',
    found: expect.stringMatching(
      /cu13\/lib\/libnvrtc\.so\.\d+, version \d[\d.]*, by a Python wheel in VIRTUAL_ENV; not taken: .*so\.11: of CUDA/,
    ),
  });
  fs.rmSync(folder, { recursive: true });
});

test('a cache folder that cannot be is a problem', () => {
  const { check } = doctor({ SHADER_CACHE_DIR: '/dev/null/cache' });
  expect(check('shader cache').status).toBe('problem');
});

test('a cache folder that everybody may write is a problem', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-cache-'));
  expect(doctor({ SHADER_CACHE_DIR: folder }).check('shader cache').status).toBe('ok');
  fs.chmodSync(folder, 0o777);
  expect(doctor({ SHADER_CACHE_DIR: folder }).check('shader cache')).toMatchObject({
    status: 'problem',
    found: expect.stringMatching(/can be written by every user/),
  });
  fs.rmSync(folder, { recursive: true });
});

test('--config names a file, and is what is blamed', () => {
  expect(cli(['start', '--config', 'no-such-file.yaml']).stderr).toBe(
    "switchyard: --config is 'no-such-file.yaml', but must be a file that can be read (ENOENT)\n",
  );
});

test('what is wrong on the command line is named, with what would be right', () => {
  expect(cli(['start', '--port', '70000']).stderr).toBe(
    'switchyard: port is 70000, but must be a whole number from 0 to 65535\n',
  );
  expect(cli(['start'], { CLUSTER_WORKERS: '0' }).stderr).toMatch(
    /the environment variable CLUSTER_WORKERS is '0', but must be a whole number from 1 to 1024/,
  );
  expect(cli(['run', 'matmul', '--local', '--shape', '3x4']).stderr).toMatch(
    /the shape of matmul is 3x4, but must be MxKxN/,
  );
  expect(cli(['run', 'normalise', '--local']).stderr).toMatch(/did you mean 'normalize'\?/);
});

test('what an error says is printed, from this process and from a server alike', async () => {
  const workload = JSON.stringify({ type: 'top-k', inputs: { input: [[1, 2]] }, params: { k: 5 } });
  const args = ['run', '--file', '-'];
  const local = spawnSync(process.execPath, [cliProgram, ...args, '--local', '--device', 'cpu'], {
    encoding: 'utf8',
    input: workload,
  });
  expect(local.status).toBe(2);
  expect(local.stderr).toMatch(/^switchyard: top-k: parameter 'k' is 5, .*\n {2}argument: params\.k\n$/);
  const error = {
    code: 'ERR_COMPILE',
    message: 'no',
    line: 3,
    column: 7,
    log: 'k:3: one\nk:4: two\n',
    workloadId: 'j',
  };
  const server = http.createServer((request, response) => {
    request.resume();
    const isJob = request.method === 'POST';
    response.writeHead(isJob ? 400 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(isJob ? { error } : { name: 'switchyard' }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const child = spawn(process.execPath, [cliProgram, ...args, '--url', `http://127.0.0.1:${server.address().port}`]);
  child.stdin.end(workload);
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const [code] = await once(child, 'close');
  server.close();
  expect(code).toBe(1);
  expect(stderr).toBe('switchyard: no\n  at: line 3, column 7\n  log:\n    k:3: one\n    k:4: two\n');
});

test('run --local computes in its own process, and says where and how long', () => {
  const { status, stdout } = cli([
    'run',
    'normalize',
    '--shape',
    '4x8',
    '--local',
    '--device',
    'cpu',
    '--json',
    '--values',
    '8',
    '--repeat',
    '3',
  ]);
  expect(status).toBe(0);
  const result = JSON.parse(stdout);
  expect(result).toMatchObject({
    workload: 'normalize',
    shape: '4x8',
    where: 'local',
    contextType: 'cpu',
    repeated: { runs: 3 },
    outputs: { output: { shape: [4, 8], dtype: 'float32' } },
  });
  expect(Math.hypot(...result.outputs.output.first)).toBeCloseTo(1, 5);
  expect(cli(['run', 'normalize', '--shape', '4x8', '--local', '--device', 'cpu']).stdout).toMatch(
    /normalize 4x8 on .*in this process\n.*output +float32 \[4, 8\]/,
  );
});

test('run --file takes what POST /v1/workloads takes', () => {
  const graph = {
    type: 'graph',
    inputs: { x: [[3, 4]] },
    nodes: [{ type: 'normalize', inputs: { input: 'x' }, outputs: { output: 'y' } }],
    outputs: ['y'],
  };
  const { status, stdout } = spawnSync(process.execPath, [cliProgram, 'run', '--file', '-', '--local', '--json'], {
    encoding: 'utf8',
    input: JSON.stringify(graph),
  });
  expect(status).toBe(0);
  expect(JSON.parse(stdout).outputs.y.first.map((value) => Number(value.toFixed(6)))).toEqual([0.6, 0.8]);
});

test('run --out writes the picture of a scene, on the device that draws', () => {
  const { devices } = require('../../../lib');
  const scene = { type: 'render', scene: 'attention-heatmap', width: 48, height: 32, inputs: { weights: [[1, 0]] } };
  const file = path.join(os.tmpdir(), `switchyard-${process.pid}.png`);
  const run = (...args) =>
    spawnSync(process.execPath, [cliProgram, 'run', '--file', '-', '--local', '--json', ...args], {
      encoding: 'utf8',
      input: JSON.stringify(scene),
    });
  expect(run('--out', 'picture.jpg')).toMatchObject({ status: 2, stderr: expect.stringMatching(/a PNG file/) });
  expect(cli(['run', 'add', '--local', '--out', 'x.png'])).toMatchObject({
    status: 2,
    stderr: "switchyard: --out writes a picture, but 'add' gives none: render does\n",
  });
  if (!devices().some(({ features }) => features.graphics)) return; // nothing draws here
  expect(run('--out', file)).toMatchObject({ status: 0 });
  const bytes = fs.readFileSync(file);
  fs.rmSync(file);
  expect(bytes.subarray(1, 4).toString()).toBe('PNG');
  expect([bytes.readUInt32BE(16), bytes.readUInt32BE(20)]).toEqual([48, 32]);
});

test('without a server, run says so and runs here', () => {
  const { status, stderr, stdout } = cli(['run', 'add', '--shape', '4', '--device', 'cpu', '--json'], { PORT: '1' });
  expect(status).toBe(0);
  expect(stderr).toMatch(/no server answers at http:\/\/127\.0\.0\.1:1/);
  expect(JSON.parse(stdout).where).toBe('local');
});

test('every built-in workload has inputs of its own', () => {
  const { makeJob } = require('../../../lib/cli/inputs');
  const { specs } = require('../../../lib/call/encode');
  const { tensor } = require('../../../lib/call/tensor');
  for (const type of specs.keys()) {
    if (type.startsWith('render/')) continue; // scenes come from files
    const { inputs } = makeJob(type);
    for (const { data, shape, dtype } of Object.values(inputs)) expect(() => tensor(data, shape, dtype)).not.toThrow();
  }
});
