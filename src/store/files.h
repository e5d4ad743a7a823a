// Everything that the store asks of a file system. Tests have one in memory that loses what was not made durable.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace switchyard::store {

using Bytes = std::span<const std::byte>;

// Memory that shows a file's first bytes, for as long as it lives; nobody may write to it.
class Mapping {
 public:
  virtual ~Mapping() = default;
  virtual Bytes bytes() const = 0;
  // Whether the system has these in memory now: to read them asks no disk, which might fail, and that ends the process.
  virtual bool isInMemory(uint64_t, uint64_t) const { return false; }
};

// An open file: what it shows stays, even when its name is gone. Any thread may read; what changes it takes turns.
// Whatever fails throws Error: OutOfMemory where there is no room, else Internal.
class File {
 public:
  virtual ~File() = default;
  virtual size_t read(uint64_t offset, std::span<std::byte> into) = 0;  // how many: fewer at the file's end alone
  virtual void write(uint64_t offset, Bytes bytes) = 0;                 // all of them
  // The same of some, one behind the other.
  virtual void writePieces(uint64_t offset, std::span<const Bytes> pieces) {
    for (const Bytes& piece : pieces) write(offset, piece), offset += piece.size();
  }
  // It has this size from now on, and room on the disk for that.
  virtual void allocate(uint64_t bytes) = 0;
  virtual void truncate(uint64_t bytes) = 0;
  virtual void sync() = 0;  // fdatasync: its bytes and its size are on the disk
  virtual uint64_t size() = 0;
  // Against everybody who has this file open by another open(), until this one is closed or the process dies.
  virtual bool tryLock() = 0;
  virtual std::unique_ptr<Mapping> map(uint64_t bytes) = 0;
};

class Files {
 public:
  virtual ~Files() = default;
  // Create: an empty one of this name, in the place of what was there. CreateNew: there must be none, which is thrown.
  enum class Open { Read, Write, Create, CreateNew };
  // Null: there is none of this name.
  virtual std::unique_ptr<File> open(const std::string& path, Open how) = 0;
  virtual bool makeFolder(const std::string& path) = 0;  // false: the name is taken
  // What is in a folder; nothing: there is no folder of this name.
  virtual std::optional<std::vector<std::string>> list(const std::string& path) = 0;
  virtual void rename(const std::string& from, const std::string& to) = 0;        // in the place of what was there
  virtual bool renameFolder(const std::string& from, const std::string& to) = 0;  // false: the name is taken
  virtual bool link(const std::string& from, const std::string& to) = 0;          // false: it can't be done here
  virtual void remove(const std::string& path) = 0;                               // also where there is none
  virtual void removeFolder(const std::string& path) = 0;                         // an empty one
  virtual void syncFolder(const std::string& path) = 0;                           // the names in it are on the disk
};

Files& systemFiles();

// Reads all of `into`; false: the file ends before that.
inline bool readAll(File& file, uint64_t offset, std::span<std::byte> into) {
  return file.read(offset, into) == into.size();
}
inline Bytes asBytes(const void* data, size_t bytes) { return {static_cast<const std::byte*>(data), bytes}; }

}  // namespace switchyard::store
