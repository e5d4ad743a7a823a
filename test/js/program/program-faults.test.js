// What can go wrong with programs, on real clusters: kernels that never end, wild indices, a cache that is damaged,
// full or read-only, and workers that are killed while they write it.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { devices } = require('../../support/devices');
const { addonPath } = require('../../../lib/addon/native');
const { isAlive } = require('../../support/processes');
const { rounds } = require('../../support/rounds');
const { runChild } = require('../../support/run-child');
const { suite } = require('../../support/run-cluster-suite');
const { childProgram, inRoot } = require('../../support/paths');
const { until } = require('../../support/waiting');

jest.setTimeout(120000);

const vulkan = devices.find((id) => id.startsWith('vulkan'));
const describeVulkan = vulkan ? describe : describe.skip;
if (!vulkan) test.skip('SKIPPED: kernels of users run on GPUs, and no Vulkan driver is here', () => {});

let folder;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-programs-'));
});
afterEach(() => {
  fs.rmSync(folder, { recursive: true, force: true });
});
const linesOf = (text) =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

describeVulkan('a kernel that never ends, in a process that is alone', () => {
  async function run(how) {
    const at = performance.now();
    const { code, signal, stdout, stderr } = await runChild('endless-standalone.js', [how], {
      env: { CONTEXT_SWITCH_TIMEOUT: 500, SHADER_CACHE_DIR: folder },
      timeout: 40000,
    });
    return {
      code,
      signal,
      said: linesOf(stdout),
      logged: stderr.split('\n').filter(Boolean),
      ms: performance.now() - at,
    };
  }

  test('costs its context, of which health speaks; the others go on, and the manager closes', async () => {
    const { code, said, logged } = await run('close');
    expect(said).toEqual([
      'done',
      'ERR_TIMEOUT',
      { status: 'degraded', states: ['cpu idle', 'vulkan lost'] },
      'ERR_TIMEOUT',
      'cpu',
      'closed',
    ]);
    expect(code).toBe(0);
    expect(logged).toHaveLength(1);
    expect(logged[0]).toMatch(/a job does not stop: its context is given up/);
  });

  const ends = [
    ['exit', 7],
    ['natural', 0],
    ['context', 0],
  ];
  test.each(rounds(ends.slice(0, 1), ends))('does not keep the process: %s', async (how, status) => {
    const { code, signal, said, ms } = await run(how);
    expect({ code, signal }).toEqual({ code: status, signal: null });
    expect(said.at(-1)).toBe('ERR_TIMEOUT');
    expect(ms).toBeLessThan(15000);
  });
});

if (vulkan) suite('program-faults');

describeVulkan('sources that no compiler gets through', () => {
  const count = rounds(5, 12); // more than there are places
  test(`${count} end as errors, in processes of under 1 GB that take nothing along; then a good one`, async () => {
    const { code, stdout, stderr } = await runChild('bombs.js', [count], {
      env: { SHADER_CACHE_DIR: folder },
      timeout: 100000,
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [told] = linesOf(stdout);
    expect(told).toMatchObject({ right: true, lost: 0, health: 'ok' });
    for (const one of told.codes) expect(['ERR_COMPILE', 'ERR_TIMEOUT']).toContain(one);
    expect(told.codes).toHaveLength(count);
    expect(told.largest).toBeGreaterThan(2 ** 16); // they were seen at it
    expect(told.largest).toBeLessThan(2 ** 20);
    // Without their mends both wait for the deadlines of those before them.
    expect(told.ms).toBeLessThan(3 * told.usual + 3000);
    expect(told.meanwhile).toBeLessThan(8000);
  });

  test('end with the process that asked, however that ends', async () => {
    const { signal, stdout } = await runChild('compilers.js', ['killed'], { env: { SHADER_CACHE_DIR: folder } });
    const pids = JSON.parse(stdout);
    expect({ signal, count: pids.length }).toEqual({ signal: 'SIGKILL', count: 2 });
    const areGone = () => pids.every((pid) => !isAlive(pid));
    await until(areGone, 5000);
  });

  test('the file of the compiler is missing: the error names it', async () => {
    fs.copyFileSync(addonPath, path.join(folder, 'switchyard.node'));
    const { code, stdout } = await runChild('compilers.js', ['absent'], { env: { SWITCHYARD_BUILD: folder } });
    expect(code).toBe(0);
    const { code: told, message } = JSON.parse(stdout);
    expect(told).toBe('ERR_INTERNAL');
    expect(message).toContain(`${path.join(fs.realpathSync(folder), 'switchyard-compiler')}: No such file`);
  });
});

describeVulkan('the cache on disk', () => {
  const kNames = ['one', 'two', 'three', 'four', 'five', 'six', 'seven'];

  /** A cluster that asks for all programs: where each was found, what is wrong with it, and what was logged. */
  async function run(more = {}) {
    const { code, stdout, stderr } = await runChild('program-cache.js', kNames, {
      env: { SHADER_CACHE_DIR: folder, ...more },
    });
    expect(code).toBe(0);
    const [told] = linesOf(stdout);
    expect(told.right).toEqual(kNames.map(() => true));
    return { ...told, logged: linesOf(stderr).map(({ level, problem }) => `${level}: ${problem}`) };
  }
  const fileOf = (id) => path.join(folder, 'programs', id.slice(0, 2), `${id}.swp`);

  test.each(rounds([[true]], [[false], [true]]))(
    'files that were cut, changed, replaced or made links are compiled again, and told of once (warm-up: %s)',
    async (warm) => {
      const first = await run();
      expect(first).toMatchObject({ cached: kNames.map(() => false), logged: [] });
      if (!warm) fs.rmSync(path.join(folder, 'warm-up.swl'), { force: true });
      const files = first.ids.map(fileOf),
        bytes = fs.readFileSync(files[1]);
      fs.truncateSync(files[0], 100);
      bytes[bytes.length >> 1] ^= 1;
      fs.writeFileSync(files[1], bytes);
      fs.copyFileSync(files[3], files[2]); // another program under its name
      fs.renameSync(files[4], path.join(folder, 'elsewhere'));
      fs.symlinkSync(path.join(folder, 'elsewhere'), files[4]);
      fs.writeFileSync(files[5], '');
      const second = await run();
      expect(second.cached).toEqual([false, false, false, 'disk', false, false, 'disk']);
      expect(second.logged.filter((line) => / was damaged and has been removed/.test(line))).toHaveLength(4);
      expect(second.logged.filter((line) => / is a link: it is not followed/.test(line))).toHaveLength(1);
      expect(second.logged).toHaveLength(5);
      expect(fs.lstatSync(files[4]).isSymbolicLink()).toBe(false); // written anew, in its place
      expect(await run()).toMatchObject({
        cached: kNames.map(() => 'disk'),
        problems: kNames.map(() => 0),
        logged: [],
      });
    },
  );

  test('a warm-up list that is damaged is told of', async () => {
    await run();
    fs.truncateSync(path.join(folder, 'warm-up.swl'), 60);
    const { cached, logged } = await run();
    expect(cached).toEqual(kNames.map(() => 'disk'));
    expect(logged).toEqual([expect.stringMatching(/warm-up\.swl was damaged/)]);
  });

  test('where nothing can be made: works without, told once', async () => {
    const file = path.join(folder, 'file');
    fs.writeFileSync(file, '');
    const { cached, logged } = await run({ SHADER_CACHE_DIR: path.join(file, 'below') });
    expect(cached).toEqual(kNames.map(() => false));
    expect(logged).toEqual([expect.stringMatching(/^warn: program cache: .*can't be opened/)]);
  });

  /** The same on a disk of its own; undefined where none can be mounted. */
  async function onDisk(mount) {
    const script = `mount -t tmpfs -o size=64k,mode=700 none "$SHADER_CACHE_DIR" && ${mount} && exec "$0" "$@"`;
    const child = spawn(
      'unshare',
      ['-rm', 'sh', '-c', script, process.execPath, childProgram('program-cache.js'), ...kNames],
      { env: { ...process.env, SHADER_CACHE_DIR: folder }, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let stdout = '',
      stderr = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    const code = await new Promise((resolve) => {
      child.on('close', resolve).on('error', () => resolve(-1));
    });
    if (code !== 0 && !stdout && /unshare|mount/.test(stderr)) return undefined;
    expect(code).toBe(0);
    const [told] = linesOf(stdout);
    expect(told.right).toEqual(kNames.map(() => true));
    return { ...told, logged: linesOf(stderr).map(({ level, problem }) => `${level}: ${problem}`) };
  }

  test.each([
    ['full', 'head -c 60000 /dev/zero > "$SHADER_CACHE_DIR/filler"', /No space left/],
    ['read-only', 'mount -o remount,ro "$SHADER_CACHE_DIR"', /Read-only file system/],
  ])('a disk that is %s: works without, told once', async (_, mount, message) => {
    const told = await onDisk(mount);
    if (!told) {
      console.log('SKIPPED: no disk can be mounted here');
      return;
    }
    expect(told.logged).toHaveLength(1);
    expect(told.logged[0]).toMatch(message);
    expect(told.cached).toEqual(kNames.map(() => false));
  });
});

describeVulkan('workers killed while they compile and write', () => {
  const kKills = rounds(4, 10);
  test('no program is ever wrong or broken, nothing stays behind, and every answer comes', async () => {
    const child = spawn(process.execPath, [inRoot('bench', 'soak-programs.js'), '--kills', `${kKills}`, '--json'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let stdout = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    await new Promise((resolve) => {
      child.on('close', resolve);
    });
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({
      ok: true,
      programs: { wrong: 0, failed: 0, problems: 0 },
      kills: { all: kKills },
      again: { wrong: 0, problems: 0 },
      left: 0,
      examples: [],
    });
    expect(report.kills.beforeTheAnswer).toBeGreaterThanOrEqual(kKills / 2);
    expect(report.again.fromDisk).toBe(report.onDisk);
  });
});
