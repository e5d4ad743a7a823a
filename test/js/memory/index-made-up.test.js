// Saved indexes that somebody has made up, whose checksums are right: what they say is refused before it is believed,
// and no memory is asked for that the file could not fill.
'use strict';
const fs = require('node:fs/promises');
const os = require('node:os');
const path = require('node:path');
const { gpu } = require('../../support/random-data');
const { native } = require('../../../lib/addon');
const { offLoop } = require('../../../lib/memory/vectors/off-loop');

const kEnd = 64;
const kMetadata = '{"year":1990,"n":1}';
const checksum = (bytes) => offLoop((id) => native.checksumOf(id, bytes));

let context, folder, target, saved;
beforeAll(async () => {
  context = await gpu.createContext({ device: 'cpu' });
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'switchyard-made-up-'));
  target = path.join(folder, 'index');
  const index = await context.createIndex({ dimensions: 2, metric: 'dot' });
  await index.add(['a', 'b'], Float32Array.of(1, 0, 0, 1), { metadata: [{ year: 1990, n: 1 }, { year: 2000 }] });
  await index.save(target);
  await index.close();
  saved = await fs.readFile(target);
});
afterAll(async () => {
  await context.close();
  await fs.rm(folder, { recursive: true });
});

function descriptionOf(bytes) {
  const at = Number(bytes.readBigUInt64LE(bytes.length - kEnd + 16));
  return { at, description: JSON.parse(bytes.subarray(at, bytes.length - kEnd).toString()) };
}

/** The file with another description, and with right checksums of all that is not segments. */
async function described(bytes, change) {
  const { at, description } = descriptionOf(bytes);
  const text = Buffer.from(JSON.stringify(change(description)));
  const end = Buffer.from(bytes.subarray(bytes.length - kEnd));
  end.writeBigUInt64LE(BigInt(text.length), 24);
  end.write(await checksum(text), 32);
  end.write(await checksum(end.subarray(0, 48)), 48);
  return Buffer.concat([bytes.subarray(0, at), text, end]);
}

/** The file with something else in the place of `from`, in a segment behind its rows. */
async function replaced(from, to) {
  expect(to).toHaveLength(from.length);
  const bytes = Buffer.from(saved);
  const place = bytes.indexOf(from);
  expect(place).toBeGreaterThan(0);
  bytes.write(to, place, 'latin1');
  const [{ at, bytes: length }] = descriptionOf(bytes).description.segments;
  const sum = await checksum(bytes.subarray(at, at + length));
  return described(bytes, (what) => ({ ...what, segments: [{ ...what.segments[0], checksum: sum }] }));
}

async function load(bytes) {
  await fs.writeFile(target, bytes);
  return gpu.VectorIndex.load(target, { on: context });
}

test('what was not changed is read', async () => {
  const index = await load(await described(saved, (what) => what));
  expect((await index.search([1, 0], { filter: { year: 1990 } })).ids).toEqual(['a']);
  await index.close();
});

const segment = (change) => (what) => ({ ...what, segments: [{ ...what.segments[0], ...change }] });
test.each([
  ['no segments', (what) => ({ ...what, segments: undefined })],
  ['segments of nothing', (what) => ({ ...what, segments: [null] })],
  ['a hundred gigabytes of rows', segment({ rows: 100e9 / 8 })],
  ['rows of no number', segment({ rows: '2' })],
  ['a fraction of rows', segment({ rows: 1.5 })],
  ['no rows', segment({ rows: 0 })],
  ['fewer than no rows', segment({ rows: -1 })],
  ['a hundred gigabytes of ids', segment({ bytes: 100e9 })],
  ['rows beyond the end', segment({ rowsAt: 2 ** 50 })],
  ['ids beyond the end', segment({ at: 2 ** 50 })],
  ['ids within the rows', segment({ at: 4097 })],
  ['rows that lie at no number', segment({ rowsAt: null })],
  ['a segment twice', (what) => ({ ...what, segments: [what.segments[0], what.segments[0]] })],
  ['no dimensions', (what) => ({ ...what, dimensions: undefined })],
])('%s', async (_, change) => {
  await expect(load(await described(saved, change))).rejects.toMatchObject({
    code: 'ERR_DAMAGED',
    message: expect.stringContaining('segments that it does not have'),
  });
});

test('nothing at all, and a description beyond the file', async () => {
  await expect(load(await described(saved, () => null))).rejects.toMatchObject({ code: 'ERR_DAMAGED' });
  const end = Buffer.from(saved.subarray(saved.length - kEnd));
  end.writeBigUInt64LE(2n ** 45n, 24);
  end.write(await checksum(end.subarray(0, 48)), 48);
  await expect(load(Buffer.concat([saved.subarray(0, -kEnd), end]))).rejects.toMatchObject({
    code: 'ERR_DAMAGED',
    message: expect.stringContaining('beyond its end'),
  });
});

test.each([
  ['no JSON', '{"year":1990,"n":1]'],
  ['no object', '"year is 199012345"'],
  ['a key that is refused', '{"__proto__":12345}'],
])('metadata: %s', async (_, text) => {
  const index = await load(await replaced(kMetadata, text));
  const damaged = expect.objectContaining({ code: 'ERR_DAMAGED', message: expect.stringContaining('metadata of') });
  await expect(index.search([1, 0], { includeMetadata: true })).rejects.toEqual(damaged);
  await expect(index.get(['a'])).rejects.toEqual(damaged);
  // The vectors are there all the same.
  expect((await index.search([1, 0], { k: 1 })).ids).toEqual(['a']);
  await index.compact();
  await index.remove(['a']);
  await index.compact();
  expect((await index.search([1, 0], { includeMetadata: true })).metadata).toEqual([{ year: 2000 }]);
  await index.close();
});

test('a filter tells of metadata that is no JSON, and is not a part of merges', async () => {
  const index = await load(await replaced(kMetadata, '{"year":1990,"n":1]'));
  const asked = () => index.search([1, 0], { filter: { year: 2000 } });
  await expect(asked()).rejects.toMatchObject({ code: 'ERR_DAMAGED', message: expect.stringContaining('row 0') });
  await index.add(['c'], gpu.tensor([[1, 1]]));
  await index.compact();
  await index.remove(['a']);
  await index.compact();
  expect((await asked()).ids).toEqual(['b']);
  await index.close();
});
