// The host's memory from files as Linux lays them out, and from this very machine.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { readHost } = require('../../../lib/pressure/host-memory');

/** @type {string} */
let folder;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'host-memory-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

/** @param {Record<string, string>} files */
function lay(files) {
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(folder, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
  }
  return { proc: path.join(folder, 'proc'), cgroup: path.join(folder, 'cgroup') };
}

const kMachine = {
  'proc/meminfo': 'MemTotal:       16000000 kB\nMemFree:          500000 kB\nMemAvailable:    8000000 kB\n',
  'proc/self/status':
    'Name:\tnode\nVmRSS:\t  300000 kB\nRssAnon:\t  150000 kB\nRssFile:\t  100000 kB\nRssShmem:\t   50000 kB\n',
};

test('version 2: what a group uses without files that can be dropped, of its limit', () => {
  const places = lay({
    ...kMachine,
    'proc/self/cgroup': '0::/system.slice/app.service\n',
    'cgroup/system.slice/app.service/memory.max': '1000000000\n',
    'cgroup/system.slice/app.service/memory.current': '800000000\n',
    'cgroup/system.slice/app.service/memory.stat':
      'anon 500000000\nfile 300000000\nshmem 50000000\ninactive_file 200000000\nactive_file 50000000\n',
    'cgroup/system.slice/memory.max': 'max\n',
    'cgroup/system.slice/memory.current': '999999999999\n',
  });
  expect(readHost(places)).toEqual({ used: 550_000_000, limit: 1_000_000_000, from: 'cgroup v2' });
});

test('version 2: the group above may be nearer to its limit', () => {
  const places = lay({
    ...kMachine,
    'proc/self/cgroup': '0::/pod/app\n',
    'cgroup/pod/app/memory.max': '1000\n',
    'cgroup/pod/app/memory.current': '100\n',
    'cgroup/pod/memory.max': '2000\n',
    'cgroup/pod/memory.current': '1900\n',
    'cgroup/pod/memory.stat': 'inactive_file 100\n',
  });
  expect(readHost(places)).toEqual({ used: 1800, limit: 2000, from: 'cgroup v2' });
});

test('version 2 in a container, whose group is the root that it sees', () => {
  const places = lay({
    ...kMachine,
    'proc/self/cgroup': '0::/../../docker/0123\n',
    'cgroup/memory.max': '4000\n',
    'cgroup/memory.current': '3000\n',
  });
  expect(readHost(places)).toEqual({ used: 3000, limit: 4000, from: 'cgroup v2' });
});

test('version 1: among other controllers', () => {
  const places = lay({
    ...kMachine,
    'proc/self/cgroup': '9:name=systemd:/\n5:cpu,cpuacct:/app\n4:hugetlb,memory:/app\n0::/\n',
    'cgroup/memory/app/memory.limit_in_bytes': '1000000\n',
    'cgroup/memory/app/memory.usage_in_bytes': '900000\n',
    'cgroup/memory/app/memory.stat': 'inactive_file 7\ntotal_inactive_file 100000\ntotal_active_file 50000\n',
    'cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
    'cgroup/memory/memory.usage_in_bytes': '5000000000\n',
  });
  expect(readHost(places)).toEqual({ used: 750_000, limit: 1_000_000, from: 'cgroup v1' });
});

test('without a limit: what the process has, of that and what is available', () => {
  const places = lay({ ...kMachine, 'proc/self/cgroup': '0::/\n', 'cgroup/memory.max': 'max\n' });
  expect(readHost(places)).toEqual({ used: 200_000 * 1024, limit: 8_200_000 * 1024, from: 'host' });
});

test('a machine with little left counts more than a group that is half empty', () => {
  const places = lay({
    ...kMachine,
    'proc/meminfo': 'MemTotal: 16000000 kB\nMemAvailable: 20000 kB\n',
    'proc/self/cgroup': '0::/app\n',
    'cgroup/app/memory.max': '1000000000\n',
    'cgroup/app/memory.current': '500000000\n',
  });
  expect(readHost(places)).toEqual({ used: 200_000 * 1024, limit: 220_000 * 1024, from: 'host' });
});

test('a limit that was set holds for both, where it is the lower one', () => {
  const places = lay({
    ...kMachine,
    'proc/self/cgroup': '0::/app\n',
    'cgroup/app/memory.max': '1000000000\n',
    'cgroup/app/memory.current': '500000000\n',
  });
  expect(readHost({ ...places, most: 600e6 })).toEqual({ used: 500e6, limit: 600e6, from: 'cgroup v2' });
  expect(readHost({ ...places, most: 1e15 })).toEqual({ used: 500e6, limit: 1e9, from: 'cgroup v2' });
});

test('where nothing can be told, there is no limit', () => {
  expect(readHost(lay({ 'proc/meminfo': 'nothing\n' }))).toEqual({ used: 0, limit: Infinity, from: 'host' });
  expect(readHost({ proc: path.join(folder, 'none'), cgroup: folder })).toMatchObject({ limit: Infinity });
  const odd = lay({
    'proc/self/cgroup': '0::/app\n0:\n::\nx\n',
    'cgroup/app/memory.max': 'many\n',
    'cgroup/app/memory.current': '\n',
  });
  expect(readHost(odd)).toMatchObject({ limit: Infinity });
});

test('this machine: memory that is taken shows', () => {
  const limit = 64 << 20;
  // Others take and let go of some at the same time: of several looks one shows it.
  const grown = Array.from({ length: 10 }, () => {
    const before = readHost({ cgroup: folder });
    expect(before.from).toBe('host');
    expect(before.limit).toBeLessThanOrEqual(os.totalmem() * 1.01);
    const taken = Buffer.alloc(limit, 1);
    const after = readHost({ cgroup: folder });
    expect(taken[5]).toBe(1);
    return after.used - before.used;
  });
  expect(grown.some((bytes) => bytes > limit / 2 && bytes < 4 * limit)).toBe(true);
  const real = readHost();
  expect(real.used).toBeGreaterThan(0);
  expect(real.limit).toBeGreaterThan(real.used);
});
