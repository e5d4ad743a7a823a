// `switchyard top`: what it makes of readings, and against a service that runs.
'use strict';
const { spawn, spawnSync } = require('node:child_process');
const { frame, sparkline } = require('../../../lib/cli/top-frame');
const { cliProgram } = require('../../support/paths');
const { startService } = require('../../support/started-service');

const kReading = {
  metrics: {
    totalShaders: 3,
    cacheHitRate: 97.25,
    memoryUsage: { total: 300, shared: 12, contexts: { '1-cpu-0': 256 } },
    performance: {
      jobsPerSecond: 1234.56,
      contextSwitches: 42,
      recent: {
        latency: { p50: 1.5, p99: 2500 },
        queueTime: { p50: 0, p99: 0 },
        contextSwitchTime: { p50: 0.02, p99: 0.05 },
      },
    },
  },
  health: {
    status: 'degraded',
    queue: { depth: 7, running: 2, limit: 1000, oldestAgeMs: 90_000 },
    contexts: [{ id: '1-cpu-0', state: 'busy', device: 'cpu:0', deviceName: 'A processor with quite a long name' }],
    memory: [
      { tier: 'device', of: '1-cpu-0', used: 1, limit: 512 * 2 ** 20, state: 'normal' },
      { tier: 'host', of: 'host', used: 3 * 2 ** 30, limit: 4 * 2 ** 30, state: 'high' },
    ],
  },
};
const kPicture = { ...kReading, rates: [0, 1, 2], server: 'http://127.0.0.1:3000', width: 100, colours: false };

test('a picture has each figure with its unit, and its bars as full as they are', () => {
  const text = frame(kPicture).join('\n');
  for (const each of ['degraded', '1234.6 a second', '7 of 1000 wait, 2 run', '1.5 min', '1.5 ms, 99 % within 2.5 s'])
    expect(text).toContain(each);
  expect(text).toMatch(/queue time +none lately/);
  expect(text).toMatch(/switches +42, 20 us, 99 % within 50 us/);
  expect(text).toMatch(/1-cpu-0 +busy +█{10}░{10} 256 MB/);
  expect(text).toMatch(/host +█{15}░{5} 3.0 GB of 4.0 GB, high/);
});

test.each([40, 60, 100, 300])('no line is wider than the terminal: %i', (width) => {
  for (const line of frame({ ...kPicture, width })) expect([...line].length).toBeLessThanOrEqual(width);
});

test('colours are there where they are wanted, and change no letter', () => {
  const plain = frame(kPicture);
  const coloured = frame({ ...kPicture, colours: true });
  expect(coloured.join()).toContain('\x1b[33mdegraded');
  expect(coloured.map((line) => line.replace(/\x1b\[\d+m/g, ''))).toEqual(plain);
});

test('a line of sparks grows with its values', () => {
  expect(sparkline([0, 4, 8])).toBe('▁▅█');
  expect(sparkline([0, 0])).toBe('▁▁');
});

describe('against a service', () => {
  let service;
  beforeAll(async () => {
    service = await startService({ args: ['--types', 'cpu'], env: { AUTH_TOKEN: 'a-token-of-the-top' } });
  }, 60_000);
  afterAll(() => service.stop(), 60_000);
  const top = (args, token = 'a-token-of-the-top') =>
    spawnSync(process.execPath, [cliProgram, 'top', '--server', service.ready.url, ...args], {
      encoding: 'utf8',
      env: { ...process.env, AUTH_TOKEN: token },
    });

  test('one look, as text and as JSON', () => {
    const { status, stdout, stderr } = top(['--once']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/switchyard {2}ok/);
    expect(stdout).toMatch(/1-cpu-0/);
    const json = JSON.parse(top(['--once', '--json']).stdout);
    expect(json).toMatchObject({ health: { status: 'ok' }, metrics: { totalContexts: 2 } });
  });

  test('looks again and again, until it is told to stop', async () => {
    const child = spawn(
      process.execPath,
      [cliProgram, 'top', '--server', service.ready.url, '--json', '--interval', '0.25'],
      {
        env: { ...process.env, AUTH_TOKEN: 'a-token-of-the-top' },
      },
    );
    let lines = 0;
    await new Promise((resolve) => {
      child.stdout.on('data', (data) => {
        lines += data.toString().split('\n').length - 1;
        if (lines >= 3) resolve();
      });
    });
    const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
    child.kill('SIGINT');
    expect([0, 'SIGINT']).toContain(await ended);
  });

  test('what it can not read it says', () => {
    expect(top(['--once'], 'another-token-of-it')).toMatchObject({ status: 1, stderr: expect.stringMatching(/token/) });
    expect(top(['--interval', '0'])).toMatchObject({ status: 2 });
    const away = spawnSync(process.execPath, [cliProgram, 'top', '--once', '--server', 'http://127.0.0.1:9'], {
      encoding: 'utf8',
    });
    expect(away).toMatchObject({ status: 1, stderr: expect.stringMatching(/can not be reached/) });
  }, 60_000);
});
