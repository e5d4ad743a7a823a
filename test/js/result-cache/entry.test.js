// A kept result as bytes: the same again, and nothing out of bytes that are damaged or of somebody else.
'use strict';
const { createHash } = require('node:crypto');
const zlib = require('node:zlib');
const { decodeEntry, encodeEntry } = require('../../../lib/result-cache/entry');
const { entryOf, kMade } = require('../../support/result-entries');

const kMost = 2 ** 20;

describe('an entry as bytes', () => {
  test.each([0, 1, 16, 1023, 1024, 20_000])('of %i numbers is the same again', async (length) => {
    const entry = entryOf(3, length);
    const again = await decodeEntry(await encodeEntry(entry), kMost);
    expect(again.outputs).toEqual(entry.outputs);
    expect(again.made).toEqual(kMade);
    expect(Buffer.from(again.data).equals(Buffer.from(entry.data))).toBe(true);
    expect(again.data.byteOffset % 8).toBe(0);
  });

  test('is packed where that pays, and not where it does not', async () => {
    const same = { ...entryOf(0), data: new Uint8Array(100_000) };
    expect((await encodeEntry(same)).length).toBeLessThan(10_000);
    // The digests of counted numbers: nothing packs them.
    const parts = Array.from({ length: 3125 }, (_, i) => createHash('sha256').update(String(i)).digest());
    const mixed = { ...entryOf(0), data: new Uint8Array(Buffer.concat(parts)) };
    const bytes = await encodeEntry(mixed);
    expect(bytes.length).toBeGreaterThan(100_000);
    expect(Buffer.from((await decodeEntry(bytes, kMost)).data).equals(Buffer.from(mixed.data))).toBe(true);
  });

  test('is none with any byte changed, cut short or made longer', async () => {
    const bytes = await encodeEntry(entryOf(7, 40));
    for (let i = 0; i < bytes.length; ++i) {
      const changed = Buffer.from(bytes);
      changed[i] ^= 0x41;
      const again = await decodeEntry(changed, kMost);
      // A spare byte and unused flags decide nothing.
      if (again) expect(Buffer.from(again.data).equals(Buffer.from(entryOf(7, 40).data))).toBe(true);
      else expect(again).toBeUndefined();
    }
    for (let length = 0; length < bytes.length; ++length)
      expect(await decodeEntry(bytes.subarray(0, length), kMost)).toBeUndefined();
    expect(await decodeEntry(Buffer.concat([bytes, Buffer.of(0)]), kMost)).toBeUndefined();
  });

  test('of somebody who knows the form, but packs more than may be, is none', async () => {
    const packed = zlib.gzipSync(Buffer.alloc(8 * 2 ** 20));
    const head = Buffer.concat([Buffer.from('SYRES1'), Buffer.of(1, 0), createHash('sha256').update(packed).digest()]);
    expect(await decodeEntry(Buffer.concat([head, packed]), kMost)).toBeUndefined();
  });
});
