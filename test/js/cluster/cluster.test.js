// Real clusters, in child processes whose primary they are: one child a suite of children/cluster/, its cases one after
// the other.
'use strict';
const { spawn } = require('node:child_process');
const { devices } = require('../../support/devices');
const { until, sleep } = require('../../support/waiting');
const { isAlive, memories } = require('../../support/processes');
const { runChild } = require('../../support/run-child');
const { suite } = require('../../support/run-cluster-suite');
const { childProgram } = require('../../support/paths');

jest.setTimeout(60000);

suite('standalone');
suite('primary');
suite('worker-local');
suite('worker-remote', { ENABLE_GPU_OPTIMIZATIONS: 'false' });
suite('scheduling');
suite('packed');
suite('sharing');
suite('faults');

/** One scenario of children/cluster-life.js: what it printed, one value a line; it must end quietly. */
async function life(name, args = [], { code = 0, signal = null, stderr = '', env = {} } = {}) {
  const ended = await runChild('cluster-life.js', [name, ...args], { timeout: 20000, env });
  expect(ended).toMatchObject({ code, signal });
  if (stderr instanceof RegExp) expect(ended.stderr).toMatch(stderr);
  else expect(ended.stderr).toBe(stderr);
  return ended.stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

/** A scenario that goes on until something is done to it; resolves with what it has printed first. */
function begin(name) {
  const child = spawn(process.execPath, [childProgram('cluster-life.js'), name], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.output = '';
  child.errors = '';
  child.stderr.on('data', (chunk) => {
    child.errors += chunk;
  });
  child.ended = new Promise((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  return new Promise((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      child.output += chunk;
      if (child.output.includes('\n')) resolve([child, JSON.parse(child.output.split('\n')[0])]);
    });
    child.ended.then(() => reject(new Error(`it ended too early: ${child.errors}`)));
  });
}

const doubled = [2, 4, 6];

describe('how it begins', () => {
  test('an application that makes its manager and then forks', async () => {
    const [{ role, early, late, said, contexts }] = await life('manager-first');
    expect({ role, contexts }).toEqual({ role: 'primary', contexts: ['1-cpu-0', '2-cpu-0'] });
    for (const [output, workerId] of [early, late, ...said.map((each) => each[1])]) {
      expect(output).toEqual(doubled);
      expect([1, 2]).toContain(workerId);
    }
    expect(said.map((each) => each[2])).toEqual(['worker', 'worker']);
  });

  test('a newcomer knows the contexts that its first jobs run on', async () => {
    const [{ said }] = await life('newcomer');
    expect(said[0]).toEqual(doubled);
    expect([1, 2]).toContain(said[1]);
  });

  test('an application that forks and then makes its manager', async () => {
    const [{ role, late, said }] = await life('fork-first');
    expect(role).toBe('primary');
    for (const [output, workerId] of [late, ...said.map((each) => each[1])]) {
      expect(output).toEqual(doubled);
      expect([1, 2]).toContain(workerId);
    }
  });

  test.each(['worker', 'primary'])('a %s that blocks its loop while the worker joins', async (which) => {
    expect(await life('busy-at-first', [which])).toEqual([[[doubled, 1], 'worker']]);
  });

  test('workers of its own, and jobs before they are there', async () => {
    const [{ early, role }, { contexts }] = await life('built-in');
    expect([early[0], role, contexts]).toEqual([doubled, 'primary', ['1-cpu-0', '2-cpu-0']]);
  });

  const other = devices.find((id) => !id.startsWith('cpu'));
  test(`contexts of two kinds, and each asked for${other ? '' : ' (SKIPPED: only the CPU is here)'}`, async () => {
    if (!other) return;
    const [{ types, ran, switches, ids }] = await life('two-kinds');
    expect(types.length).toBe(2);
    expect(ran).toEqual(types.map((type) => [type, type, true]));
    expect(ids).toEqual(types.map((type) => `1-${type}-0`));
    expect(switches.map(({ from, to, workerId, contextType }) => [from, to, workerId, contextType])).toEqual([
      [null, ids[0], 0, types[0]],
      [ids[0], ids[1], 0, types[1]],
    ]);
    for (const { duration } of switches) expect(duration).toBeGreaterThanOrEqual(0);
  });

  test('a worker whose primary has no manager runs its jobs alone, with a warning', async () => {
    const [{ role, result, warnings, contexts }, { code }] = await life('no-coordinator', [], {
      stderr: /SWITCHYARD_ALONE/,
    });
    expect({ role, result, contexts, code }).toEqual({
      role: 'lone',
      result: [doubled, 1],
      contexts: ['1-cpu-0'],
      code: 0,
    });
    expect(warnings).toEqual([
      { code: 'SWITCHYARD_ALONE', message: expect.stringMatching(/createGPUClusterManager\(\) in the primary/) },
    ]);
  });

  test("under PM2 the warning advises what PM2's cluster mode allows", async () => {
    const [{ warnings }] = await life('no-coordinator', [], { stderr: /SWITCHYARD_ALONE/, env: { pm_id: '0' } });
    expect(warnings).toEqual([{ code: 'SWITCHYARD_ALONE', message: expect.stringMatching(/PM2's fork mode/) }]);
  });

  test('in a thread', async () => expect(await life('thread')).toEqual([['lone', [doubled, 0]]]));

  test('in threads of the processes of a cluster', async () => {
    const standalone = ['lone', [doubled, 0]];
    expect(await life('threads-in-a-cluster')).toEqual([
      { said: ['worker', [doubled, 1], standalone], mine: standalone, result: [doubled, 1] },
    ]);
  });
});

describe('strangers', () => {
  test('a worker of another version is refused, and both are named', async () => {
    const [{ code, message, version }] = await life('version');
    expect(code).toBe('ERR_UNSUPPORTED');
    expect(message).toContain('99.1.2');
    expect(message).toContain(version);
  });

  test("odd messages on Node's own channel are left to the application", async () => {
    const fine = [doubled, 1];
    expect(await life('strangers')).toEqual([
      { first: fine, second: fine, result: fine, reachedTheApplication: true, workers: 1 },
    ]);
  });

  test('who connects without the key is turned away', async () => {
    const [{ found, ends, attempts, job, workers, leaks }, { left }] = await life('intruder');
    expect({ found, job, workers, leaks, left }).toEqual({
      found: true,
      job: [doubled, 1],
      workers: 1,
      leaks: false,
      left: false,
    });
    expect(ends).toBe(attempts);
  });
});

describe('how it ends', () => {
  test('a manager that nobody uses any more keeps nothing alive; a job under way does', async () => {
    expect(await life('idle-unused')).toEqual([]);
    expect(await life('idle-ready')).toEqual([[doubled, 0]]);
    expect(await life('idle-not-awaited')).toEqual([1024]);
    expect(await life('idle-workers')).toEqual([[doubled, expect.any(Number)]]);
  });

  test('close() finishes what was given, or drops it; afterwards there is nothing but ERR_CLOSED', async () => {
    const six = (code) => Array(6).fill(code);
    expect(await life('close')).toEqual([
      {
        same: true,
        during: 'ERR_CLOSED',
        drain: six('done'),
        after: ['ERR_CLOSED', 'ERR_CLOSED', 'ERR_CLOSED', 'done', 'ERR_CLOSED', 'ERR_CLOSED'],
        left: 0,
        isNew: true,
        dropped: six('ERR_CLOSED'),
        quick: true,
        workers: 0,
      },
    ]);
  });

  test('close() before anything is ready, and with a limit', async () => {
    expect(await life('close-at-once')).toEqual([Array(4).fill('ERR_CLOSED')]);
    const [{ codes, took }] = await life('close-timeout');
    expect(codes).toEqual(['ERR_CLOSED', 'ERR_CLOSED']);
    expect(took).toBeLessThan(3000);
  });

  test('process.exit() in the middle', async () => {
    for (const wait of [0, 5, 40]) {
      const [pids] = await life('exit', [wait], { code: 7 });
      await until(() => !pids.some(isAlive), 3000, 'the workers have ended');
      await life('standalone-exit', [wait], { code: 7 });
    }
  });

  test('the primary is killed: its workers end, one whose loop is blocked too, and nothing is left', async () => {
    const [child, { pids, names }] = await begin('killed');
    expect(names).toBeGreaterThan(0);
    expect(memories(pids[0])).toBeGreaterThan(0);
    expect(pids.every(isAlive)).toBe(true);
    const address = addressOf(child.pid);
    const start = Date.now();
    child.kill('SIGKILL');
    await until(() => !pids.some(isAlive), 4000, 'the workers have ended');
    expect(Date.now() - start).toBeLessThan(3000);
    expect(await child.ended).toEqual({ code: null, signal: 'SIGKILL' });
    expect(address).toBeDefined();
    expect(require('node:fs').readFileSync('/proc/net/unix', 'utf8')).not.toContain(address);
  });

  (devices.some((id) => id.startsWith('vulkan')) ? test : test.skip)(
    'the primary is killed during long launches: its workers do not see them through',
    async () => {
      const [child, { pids }] = await begin('killed-in-launch');
      expect(pids.every(isAlive)).toBe(true);
      const start = Date.now();
      child.kill('SIGKILL');
      await until(() => !pids.some(isAlive), 4000, 'the workers have ended');
      expect(Date.now() - start).toBeLessThan(2000);
    },
  );

  test('SIGTERM: what was given is finished first', async () => {
    const [child] = await begin('sigterm');
    await sleep(50);
    child.kill('SIGTERM');
    expect(await child.ended).toEqual({ code: null, signal: 'SIGTERM' });
    expect(
      child.output
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
    ).toEqual(['go', { done: 8, failed: [] }]);
    expect(child.errors).toBe('');
  });
});

/** The abstract address that a process listens at. */
function addressOf(pid) {
  const fs = require('node:fs');
  const sockets = new Set();
  for (const fd of fs.readdirSync(`/proc/${pid}/fd`)) {
    try {
      sockets.add(/^socket:\[(\d+)\]$/.exec(fs.readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1]);
    } catch {
      // It was closed meanwhile.
    }
  }
  const lines = fs
    .readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return lines.find(
    ([, , , flags, , , inode, name]) => sockets.has(inode) && flags === '00010000' && name?.startsWith('@'),
  )?.[7];
}
