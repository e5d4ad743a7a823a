// What an ELF file of x86-64 asks of the libraries it is loaded with.
'use strict';
const fs = require('node:fs');

const kMagic = 0x464c457f; // "\x7fELF", read as a number
const kWeak = 2; // VER_FLG_WEAK: the loader only warns where that version is missing
const kTypes = { versionNeeds: 0x6ffffffe, dynamic: 6 };
const kNeededTag = 1n;
const kOldest = 'GLIBC_2.2.5'; // that there is for x86-64

function sectionsOf(bytes) {
  if (bytes.length < 64 || bytes.readUInt32LE(0) !== kMagic || bytes[4] !== 2 || bytes[5] !== 1) return null;
  const at = Number(bytes.readBigUInt64LE(0x28)),
    size = bytes.readUInt16LE(0x3a),
    count = bytes.readUInt16LE(0x3c);
  return Array.from({ length: count }, (_, i) => {
    const head = bytes.subarray(at + i * size);
    return {
      type: head.readUInt32LE(4),
      offset: Number(head.readBigUInt64LE(0x18)),
      size: Number(head.readBigUInt64LE(0x20)),
      link: head.readUInt32LE(0x28),
      info: head.readUInt32LE(0x2c),
    };
  });
}

const textAt = (bytes, at) => bytes.toString('latin1', at, bytes.indexOf(0, at));

/**
 * Versions of symbols that it needs, each with its place in the file; null: no such file.
 * @param {Buffer} bytes
 */
function neededVersions(bytes) {
  const sections = sectionsOf(bytes);
  if (!sections) return null;
  const needs = sections.find((it) => it.type === kTypes.versionNeeds);
  if (!needs) return [];
  const names = sections[needs.link].offset,
    found = [];
  for (let i = 0, at = needs.offset; i < needs.info; ++i) {
    const library = textAt(bytes, names + bytes.readUInt32LE(at + 4)),
      count = bytes.readUInt16LE(at + 2);
    for (let j = 0, one = at + bytes.readUInt32LE(at + 8); j < count; ++j) {
      const flags = bytes.readUInt16LE(one + 4);
      const name = textAt(bytes, names + bytes.readUInt32LE(one + 8));
      found.push({ library, name, isWeak: (flags & kWeak) !== 0, at: one });
      one += bytes.readUInt32LE(one + 12);
    }
    at += bytes.readUInt32LE(at + 12);
  }
  return found;
}

/** Names of libraries that it needs. @param {Buffer} bytes */
function neededLibraries(bytes) {
  const sections = sectionsOf(bytes);
  const dynamic = sections?.find((it) => it.type === kTypes.dynamic);
  if (!dynamic) return [];
  const found = [];
  for (let at = dynamic.offset; at < dynamic.offset + dynamic.size; at += 16)
    if (bytes.readBigUInt64LE(at) === kNeededTag)
      found.push(textAt(bytes, sections[dynamic.link].offset + Number(bytes.readBigUInt64LE(at + 8))));
  return found;
}

/** 'GLIBC_2.36' is newer than [2, 35]. */
function isNewer(version, [major, minor]) {
  const match = /^GLIBC_(\d+)\.(\d+)/.exec(version);
  if (!match) return false;
  const [a, b] = [Number(match[1]), Number(match[2])];
  return a > major || (a === major && b > minor);
}

/**
 * Versions of the C library newer than `oldest` that a file can't do without.
 * @param {string} file @param {[number, number]} oldest
 */
function tooNew(file, oldest) {
  return (neededVersions(fs.readFileSync(file)) ?? [])
    .filter((it) => !it.isWeak && isNewer(it.name, oldest))
    .map((it) => `${it.library} ${it.name}`);
}

/**
 * Has a file ask for an older version of the C library in place of one, so that it loads where that is missing. What it
 * takes by that version must come from a library that is loaded before, then: one without versions serves them all.
 * @param {string} file @param {string} version
 * @returns {boolean} whether it asked for it
 */
function replaceVersion(file, version) {
  const bytes = fs.readFileSync(file);
  const all = neededVersions(bytes) ?? [];
  const needs = all.filter((it) => it.name === version);
  for (const { library, at } of needs) {
    const other = all.find((it) => it.library === library && it.name === kOldest);
    if (!other) throw new Error(`${file} needs ${version} of ${library}, and not ${kOldest}`);
    bytes.copy(bytes, at, other.at, other.at + 4); // the hash of the name
    bytes.copy(bytes, at + 8, other.at + 8, other.at + 12); // the name
  }
  if (needs.length) fs.writeFileSync(file, bytes);
  return needs.length > 0;
}

module.exports = { neededVersions, neededLibraries, isNewer, tooNew, replaceVersion };
