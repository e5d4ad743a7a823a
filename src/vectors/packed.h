// What is stored of an index: segments, but for their rows, which are stored as they lie; and writes, for a log.
// Numbers are little-endian, and so is the machine: the file's own mark is looked at before.
//
//   segment  u32 1; u32 dimensions; u64 rows; u64 number of the first row; u8 whether numbers follow each other; if
//            not, u64 each; u64 words of the rows that are alive; f64 squares of each row; each id; each metadata
//   mapped   u32 16: a segment that is used where it lies, as mapped.cpp says
//   write    u32 2; u32 dimensions; u32 count; u8 whether there is metadata; each id; each metadata; zeros up to a
//            multiple of 8; float32 rows
//   removal  u32 3; u32 count; each id
//   id       u32 length, bytes; or u32 4294967295, i64
//   metadata u32 length (0: none), bytes of JSON
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vectors/table.h"

namespace switchyard::vectors {

constexpr uint32_t kMappedKind = 16;

[[noreturn]] void refuseStored(const char* why);
uint64_t checksumOf(std::string_view bytes);  // XXH3, 64 bits
// A set of `rows` rows, a bit each. Throws InvalidArgument where that is another number of bytes.
Bits bitsOf(std::string_view bytes, size_t rows);

std::string packSegment(const View& view);
// Its segment, over `memory` with that many rows, and which of them are alive. Throws InvalidArgument for what is none.
struct Unpacked {
  std::shared_ptr<Segment> segment;
  size_t rows = 0;
  Bits alive;
};
// Whether metadata is JSON is seen when it is read: to read all of it would take longer than all else.
Unpacked unpackSegment(Table& table, std::string_view bytes, RowMemory memory, size_t memoryBytes);

// A segment to be used where it lies, behind its rows at a multiple of 8.
std::string packMapped(const View& view);
// A file with such a segment.
struct MappedFile {
  std::string_view bytes;            // of all of it, at a multiple of 8
  std::shared_ptr<const void> hold;  // of those
  std::shared_ptr<Source> source;    // null: all of it was checked
};
// Its segment, of `rows` rows from the front, and `at` and on what packMapped() gave. Rows and metadata are read when
// they are asked for, if the file is not small. Throws InvalidArgument for what is none, Damaged.
Unpacked openMapped(Table& table, const MappedFile& file, size_t rows, size_t at);

// A write without its rows, which are to follow; a removal is whole.
std::string packWrite(const Batch& batch, uint32_t dimensions);
std::string packRemoval(const std::vector<Id>& ids);
// Does again what was packed, rows included: also where some of it was done already. The number of the last insertion;
// of a removal nothing.
std::optional<uint64_t> replay(Table& table, std::string_view bytes);

}  // namespace switchyard::vectors
