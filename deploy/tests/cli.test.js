// The command line: its output, its exit codes, and what the doctor finds in a machine that lacks something.
'use strict';
const path = require('node:path');
const { spawnSync } = require('node:child_process');

const root = path.resolve(__dirname, '../..');

function cli(args, env = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(root, 'lib', 'cli.js'), ...args], {
    encoding: 'utf8', env: { ...process.env, ...env },
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

test.each([[['--help'], 0], [['devices', '--help'], 0], [['--version'], 0], [[], 2], [['bogus'], 2], [['devices', '--bogus'], 2], [['doctor', 'extra'], 2]])(
  '%j ends with exit code %i', (args, code) => {
    expect(cli(args).status).toBe(code);
  });

test('the doctor finds the addon and says what each finding means', () => {
  const { report, check } = doctor({});
  expect(check('addon').status).toBe('ok');
  expect(check('cpu').status).not.toBe('problem');
  for (const entry of report.checks) {
    expect(['ok', 'note', 'problem']).toContain(entry.status);
    expect(entry.found).toBeTruthy();
    if (entry.status === 'problem') expect(entry).toEqual(expect.objectContaining({ why: expect.any(String), remedy: expect.any(String) }));
  }
});

test('an addon that is not built is a problem with its remedy', () => {
  const { check } = doctor({ SWITCHYARD_BUILD: 'no-such-build' });
  expect(check('addon')).toEqual(expect.objectContaining({ status: 'problem', remedy: 'npm run setup' }));
  const { status, stderr } = cli(['devices'], { SWITCHYARD_BUILD: 'no-such-build' });
  expect(status).toBe(1);
  expect(stderr).toMatch(/npm run setup/);
});

test('driver files that do not exist are a problem, named with the variable', () => {
  const { check } = doctor({ VK_DRIVER_FILES: '/no/such/driver.json', VK_ICD_FILENAMES: '' });
  expect(check('vulkan drivers').status).toBe('problem');
  expect(check('vulkan drivers').found).toMatch(/\/no\/such\/driver\.json does not exist.*VK_DRIVER_FILES/);
});

test('a cache folder that cannot be is a problem', () => {
  const { check } = doctor({ SHADER_CACHE_DIR: '/dev/null/cache' });
  expect(check('shader cache').status).toBe('problem');
});
