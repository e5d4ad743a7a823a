// Results in a folder: kept over a restart, for a while, within a limit; a folder that is damaged or can't be written
// to costs a line in the log.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { DiskTier } = require('../../../lib/result-cache/disk-tier');
const { keptLog } = require('../../support/silent-log');

let folder;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-results-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

/** All files below a folder, with their sizes. */
function filesBelow(at) {
  return fs
    .readdirSync(at, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name));
}

/** @param {object} [options] */
function tierOf({ limit = 2 ** 20, ms = 1000, at = folder } = {}) {
  const clock = { now: 0, epoch: 1_700_000_000_000 };
  const log = keptLog();
  const tier = new DiskTier({ folder: at, limit, ms }, log, { now: () => clock.now, epoch: () => clock.epoch });
  return { tier, clock, log };
}

test('another process, and the next run, have what was kept', async () => {
  await tierOf().tier.set('key', Buffer.from('the bytes'));
  const { tier } = tierOf();
  expect((await tier.get('key')).toString()).toBe('the bytes');
  expect(await tier.get('another')).toBeUndefined();
});

test('what is too old is gone, and its file with it', async () => {
  const { tier, clock } = tierOf({ ms: 1000 });
  await tier.set('key', Buffer.from('old'));
  clock.epoch += 1001;
  expect(await tier.get('key')).toBeUndefined();
  expect(filesBelow(path.join(folder, 'content-v2'))).toEqual([]);
  expect(tier.use()).toMatchObject({ entries: 0, bytes: 0 });
});

test('within its limit the latest used stay', async () => {
  const { tier, clock } = tierOf({ limit: 10_000, ms: Infinity });
  for (let i = 0; i < 10; ++i) {
    clock.epoch += 10;
    await tier.set(`k${i}`, Buffer.alloc(1000, i));
  }
  clock.epoch = Date.now() + 10_000; // later than the times that the files themselves have
  await tier.get('k0');
  await tier.set('one more', Buffer.alloc(1000, 99));
  expect(await tier.get('k0')).toBeDefined();
  expect(tier.use().bytes).toBeLessThanOrEqual(10_000);
  const left = [];
  for (let i = 1; i < 10; ++i) if (await tier.get(`k${i}`)) left.push(i);
  expect(left.length).toBeLessThan(9);
  const bytes = filesBelow(path.join(folder, 'content-v2')).reduce((sum, file) => sum + fs.statSync(file).size, 0);
  expect(bytes).toBeLessThanOrEqual(10_000);
});

test('several processes keep to one limit', async () => {
  const limit = 40_000;
  const tiers = Array.from({ length: 4 }, () => tierOf({ limit, ms: Infinity }).tier);
  for (const tier of tiers) await tier.get('what they look for first');
  for (let i = 0; i < 30; ++i)
    for (const [n, tier] of tiers.entries()) await tier.set(`${n} ${i}`, Buffer.alloc(1000, `${n} ${i} `));
  const bytes = filesBelow(path.join(folder, 'content-v2')).reduce((sum, file) => sum + fs.statSync(file).size, 0);
  // Each has written less than an eighth since it looked; by itself none has come near the limit.
  expect(bytes).toBeLessThanOrEqual(1.5 * limit);
});

test('a damaged file is none, and is made anew', async () => {
  const { tier, log } = tierOf();
  await tier.set('key', Buffer.from('the bytes'));
  for (const file of filesBelow(path.join(folder, 'content-v2'))) {
    fs.chmodSync(file, 0o600);
    fs.writeFileSync(file, 'other bytes');
  }
  expect(await tier.get('key')).toBeUndefined();
  await tier.set('key', Buffer.from('the bytes'));
  expect((await tier.get('key')).toString()).toBe('the bytes');
  expect(log.lines).toEqual([]);
});

test('an index of nonsense is none', async () => {
  const { tier } = tierOf();
  await tier.set('key', Buffer.from('the bytes'));
  for (const file of filesBelow(path.join(folder, 'index-v5'))) fs.writeFileSync(file, 'nonsense\n\0\0{');
  expect(await tier.get('key')).toBeUndefined();
  await tier.set('key', Buffer.from('again'));
  expect((await tier.get('key')).toString()).toBe('again');
});

test('a folder that is a file is left alone, with one line, and tried again after a while', async () => {
  const at = path.join(folder, 'file');
  fs.writeFileSync(at, 'a file');
  const { tier, clock, log } = tierOf({ at });
  for (let i = 0; i < 5; ++i) {
    await tier.set('key', Buffer.from('the bytes'));
    expect(await tier.get('key')).toBeUndefined();
  }
  expect(tier.use().state).toBe('away');
  expect(log.lines.filter(([level]) => level === 'warn')).toHaveLength(1);
  fs.rmSync(at);
  clock.now += 1001;
  await tier.set('key', Buffer.from('the bytes'));
  expect((await tier.get('key')).toString()).toBe('the bytes');
  expect(tier.use().state).toBe('ok');
  expect(log.lines.at(-1)[2]).toMatch(/again/);
});

test('the keys that were used last are there for the next run; nonsense in their place is none', async () => {
  await tierOf().tier.setHot(['a', 'b']);
  expect(await tierOf().tier.hot()).toEqual(['a', 'b']);
  for (const file of filesBelow(path.join(folder, 'content-v2'))) {
    fs.chmodSync(file, 0o600);
    fs.writeFileSync(file, '{');
  }
  expect(await tierOf().tier.hot()).toEqual([]);
});
