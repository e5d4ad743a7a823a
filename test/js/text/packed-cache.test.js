// Packed weights on disk: what was written comes back, whatever else befalls the folder.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const gpu = require('../../..');
const { PackedCache } = require('../../../lib/text/packed-cache');
const { runChild } = require('../../support/run-child');

let folder, problems, cache;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-packed-'));
  problems = [];
  cache = new PackedCache({ shaderCacheDir: folder }, (problem) => problems.push(problem));
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

const files = () => fs.readdirSync(path.join(folder, 'text')).map((name) => path.join(folder, 'text', name));
const packed = () => ({
  precision: 'int8',
  tensors: new Map([
    ['w', gpu.tensor(Int8Array.of(1, -2, 3, 4, 5, -127), [2, 3])],
    ['w.scales', gpu.tensor(Float32Array.of(0.5, 0.25), [2])],
    ['half', gpu.tensor(Uint16Array.of(1, 2, 65535), [3], 'bfloat16')],
    [
      'large',
      gpu.tensor(
        Float32Array.from({ length: 700_000 }, (_, i) => i),
        [700, 1000],
      ),
    ],
    ['none', gpu.tensor(new Float32Array(0), [0, 5])],
  ]),
  forms: new Map([['w', { scales: 'w.scales', params: { bits: 8 } }]]),
});

test('they are made once, and read after that', async () => {
  let made = 0;
  const make = async () => {
    ++made;
    return packed();
  };
  const key = { digest: 'abc', precision: 'int8' };
  expect(await cache.packed(key, make)).toEqual(packed());
  const again = await new PackedCache({ shaderCacheDir: folder }, () => {}).packed(key, make);
  expect(again).toEqual(packed());
  expect(made).toBe(1);
  await cache.packed({ ...key, precision: 'int4' }, make);
  expect(made).toBe(2);
  expect(problems).toEqual([]);
  expect(files().map((file) => fs.statSync(file).mode & 0o777)).toEqual([0o600, 0o600]);
});

test('a damaged file is made anew, and said so', async () => {
  await cache.packed('key', async () => packed());
  const [file] = files();
  const bytes = fs.readFileSync(file);
  bytes[bytes.length - 100] ^= 1;
  fs.writeFileSync(file, bytes);
  let made = 0;
  const make = async () => (++made, packed());
  expect(await cache.packed('key', make)).toEqual(packed());
  expect([made, problems]).toEqual([1, [expect.stringMatching(/was damaged/)]]);
  await cache.packed('key', make);
  expect(made).toBe(1);
});

test('a file that there is no memory for is not read, and nothing fails', async () => {
  const { code, stdout, stderr } = await runChild('text/cache-without-memory.js', [folder]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(stdout)).toEqual({ read: null, problems: [expect.stringMatching(/not memory enough/)] });
});

test('a folder that others may write to is not used, and nothing fails', async () => {
  fs.chmodSync(folder, 0o777);
  expect(await cache.packed('key', async () => packed())).toEqual(packed());
  expect(problems[0]).toMatch(/can be written by others/);
  expect(fs.readdirSync(folder)).toEqual([]);
});

test('no folder at all', async () => {
  const none = new PackedCache({ shaderCacheDir: '' }, (problem) => problems.push(problem));
  expect(await none.packed('key', async () => packed())).toEqual(packed());
  expect(problems).toEqual([]);
});

test('numbers as JSON', async () => {
  expect(await cache.readJson('budget')).toBeUndefined();
  expect(await cache.writeJson('budget', { tokens: 4096 })).toBe(true);
  expect(await cache.readJson('budget')).toEqual({ tokens: 4096 });
});
