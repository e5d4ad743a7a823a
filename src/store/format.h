// What stands in the store's files, byte by byte; docs/store-format.md says the same in words. All numbers are of this
// machine's byte order, which each file names. Checksums are XXH3 of 64 bits; those within a file are seeded with its
// salt and with where they stand, so that no bytes are valid elsewhere, whoever chose them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "store/files.h"

namespace switchyard::store {

inline constexpr uint32_t kVersion = 1, kByteOrder = 0x01020304;
inline constexpr uint64_t kLogMagic = 0x31474f4c44595753;       // "SWYDLOG1"
inline constexpr uint64_t kLogEndMagic = 0x31444e4544595753;    // "SWYDEND1"
inline constexpr uint64_t kDataEndMagic = 0x3154414444595753;   // "SWYDDAT1"
inline constexpr uint64_t kManifestMagic = 0x524f545344595753;  // "SWYDSTOR"
inline constexpr uint64_t kBlockBytes = 1 << 20;                // of a data file, under one checksum
inline constexpr size_t kMostKeyBytes = 512;
inline constexpr uint64_t kMostValueBytes = uint64_t{1} << 30;  // of a record

enum class Kind : uint8_t { Put = 1, Delete = 2, Record = 3 };  // Record: of a collection, whose id is the key

struct LogHeader {
  uint64_t magic = kLogMagic;
  uint32_t byteOrder = kByteOrder, version = kVersion;
  uint64_t file = 0, salt = 0;
  uint64_t reserved[3] = {};
  uint64_t check = 0;  // of all before it
};
static_assert(sizeof(LogHeader) == 64);

// Followed by the key, the value, and zeros up to a multiple of 8 bytes: the body.
struct RecordHeader {
  uint64_t check = 0;      // of the rest of this header
  uint64_t bodyCheck = 0;  // of the body
  uint64_t sequence = 0;
  int64_t expiry = 0;  // ms since 1970; 0: never
  uint32_t valueBytes = 0;
  uint16_t keyBytes = 0;
  Kind kind{};
  uint8_t reserved = 0;
  uint64_t synced = 0;  // up to where this file was on the disk when this was written
};
static_assert(sizeof(RecordHeader) == 48);

// A sealed log file ends with an index, an entry for each record (which the key follows, and zeros), and this.
struct IndexEntry {
  uint64_t sequence = 0, offset = 0;
  int64_t expiry = 0;
  uint32_t valueBytes = 0;
  uint16_t keyBytes = 0;
  Kind kind{};
  uint8_t reserved = 0;
};
static_assert(sizeof(IndexEntry) == 32);

struct LogFooter {
  uint64_t magic = kLogEndMagic;
  uint64_t file = 0, indexOffset = 0, indexBytes = 0, records = 0, lastSequence = 0;
  uint64_t indexCheck = 0;
  uint64_t check = 0;  // of all before it
};
static_assert(sizeof(LogFooter) == 64);

// A data file: its content, zeros up to a multiple of 8 bytes, a checksum for each block of content, and this.
struct DataFooter {
  uint64_t magic = kDataEndMagic;
  uint32_t byteOrder = kByteOrder, version = kVersion;
  uint64_t file = 0, salt = 0, contentBytes = 0, blockBytes = kBlockBytes;
  uint64_t checksCheck = 0;
  uint64_t check = 0;  // of all before it
};
static_assert(sizeof(DataFooter) == 64);

// Followed by the body, JSON. The first 16 bytes stay where they are in all versions.
struct ManifestHeader {
  uint64_t magic = kManifestMagic;
  uint32_t byteOrder = kByteOrder, version = kVersion;
  uint64_t bodyBytes = 0, bodyCheck = 0;
  uint64_t reserved[3] = {};
  uint64_t check = 0;  // of all before it
};
static_assert(sizeof(ManifestHeader) == 64);

constexpr uint64_t padded(uint64_t bytes) { return (bytes + 7) & ~uint64_t{7}; }
constexpr uint64_t recordBytes(uint64_t keyBytes, uint64_t valueBytes) {
  return sizeof(RecordHeader) + padded(keyBytes + valueBytes);
}
constexpr uint64_t indexEntryBytes(uint64_t keyBytes) { return sizeof(IndexEntry) + padded(keyBytes); }
constexpr uint64_t seedAt(uint64_t salt, uint64_t offset) { return salt ^ (offset + 1) * 0x9e3779b97f4a7c15; }

uint64_t checksum(Bytes bytes, uint64_t seed);
uint64_t freshSalt();

// The headers and footers above end with their checksum, whose seed is `seed`.
template <class Block>
uint64_t blockCheck(const Block& block, uint64_t seed) {
  return checksum(asBytes(&block, sizeof(Block) - sizeof(uint64_t)), seed);
}
template <class Block>
void sealBlock(Block& block, uint64_t seed) {
  block.check = blockCheck(block, seed);
}
template <class Block>
bool isWhole(const Block& block, uint64_t seed) {
  return block.check == blockCheck(block, seed);
}

// Whether this header is one that was written at this place of this file.
bool isRecord(const RecordHeader& header, uint64_t salt, uint64_t offset);

struct RecordParts {
  Kind kind{};
  uint64_t sequence = 0;
  int64_t expiry = 0;
  std::string_view key;
  std::span<const Bytes> value;  // one behind the other
  uint64_t valueBytes = 0;
};
// What stands before its body at `offset`.
RecordHeader headerOf(const RecordParts& parts, uint64_t salt, uint64_t offset, uint64_t synced);
// Writes recordBytes() to `into`, as it is to stand at `offset`.
void encodeRecord(const RecordParts& parts, uint64_t salt, uint64_t offset, uint64_t synced, std::byte* into);

std::string logName(uint64_t file);   // log-0000000000000001
std::string dataName(uint64_t file);  // data-0000000000000001
// The number in such a name; 0: it is none.
uint64_t numberOf(std::string_view name);
std::string hexadecimal(uint64_t number);

}  // namespace switchyard::store
