// A file of the log: records one behind the other, and, once it is sealed, an index of them at its end.
#pragma once
#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "error.h"
#include "store/files.h"
#include "store/format.h"

namespace switchyard::store {

// What is in a file is not what was written; the message names the file and the place.
Error damaged(const std::string& path, uint64_t offset, const std::string& what);

// What is known of a record without its value.
struct LogEntry {
  uint64_t sequence = 0, offset = 0;
  int64_t expiry = 0;
  uint32_t valueBytes = 0;
  Kind kind{};
  std::string_view key;  // lies in its LogIndex
  uint64_t bytes() const { return recordBytes(key.size(), valueBytes); }
};

// The entries of a file, and the memory that their keys lie in.
struct LogIndex {
  LogIndex() = default;
  LogIndex(LogIndex&&) noexcept = default;  // what is moved stays where it is
  LogIndex& operator=(LogIndex&&) noexcept = default;
  std::vector<LogEntry> entries;
  std::vector<std::byte> block;   // as it stands in a sealed file
  std::list<std::string> copies;  // of keys, where there is none
};

// What is at the end of a file that was not sealed.
struct Tail {
  uint64_t end = 0;   // of the last whole record
  uint64_t torn = 0;  // bytes of others behind it: their write had not ended, so nobody was told that they are there
};

class LogFile : public std::enable_shared_from_this<LogFile> {
 public:
  // Empty but for its header, which is on the disk; its name is not yet.
  static std::shared_ptr<LogFile> create(Files& files, const std::string& folder, uint64_t id);
  // Throws Damaged where the header isn't what was written. Null: there is none.
  static std::shared_ptr<LogFile> open(Files& files, const std::string& folder, uint64_t id, Files::Open how);

  const std::string& path() const { return path_; }
  uint64_t id() const { return id_; }
  uint64_t salt() const { return salt_; }
  File& file() const { return *file_; }

  // A whole record with its header. Throws Damaged where it isn't the one of this sequence that was written there.
  void readRecord(uint64_t offset, uint64_t sequence, std::span<std::byte> into) const;
  // Of a sealed file. Throws Damaged.
  LogIndex readIndex() const;
  // The same of its records, of which there are so many: where the index is damaged. Throws Damaged.
  LogIndex scan(uint64_t records) const;
  // Of one that is not: goes through its records. Throws Damaged where one is not whole though it was on the disk.
  LogIndex replay(Tail& tail) const;
  // Reads everything of a sealed file, or the records of another up to `end`; adds what is wrong.
  struct Problem {
    std::string file;
    uint64_t offset = 0;
    std::string what;
  };
  uint64_t verify(bool isSealed, uint64_t end, std::vector<Problem>& problems) const;  // how many records are right

  std::atomic<uint64_t> bytes{0};  // of the file, with what was allocated ahead; its writer changes it
  // The owner's accounts, under the store's mutex.
  uint64_t recordsEnd = 0;  // where its records end
  uint64_t records = 0;     // how many
  uint64_t live = 0;        // bytes of records that count
  bool isSealed = false;
  bool isRefused = false;  // it is damaged, so it is left as it is

  uint64_t dead() const { return recordsEnd - sizeof(LogHeader) - live; }

 private:
  LogFile(std::unique_ptr<File> file, std::string path, uint64_t id, uint64_t salt);
  LogFooter readFooter() const;
  LogIndex parseIndex(std::vector<std::byte> block, const LogFooter& footer) const;
  void refuseDamageAt(uint64_t end, Tail& tail, uint64_t size) const;

  const std::unique_ptr<File> file_;
  const std::string path_;
  const uint64_t id_, salt_;
};

inline constexpr uint64_t kLeastStep = 256 << 10;  // that a file grows by

// Appends to a file, from one thread at a time. Records are kept here until flush() writes them.
class LogWriter {
 public:
  // A new one, which should have no more bytes than that.
  LogWriter(std::shared_ptr<LogFile> log, uint64_t mostBytes);
  // To go on where records are already.
  LogWriter(std::shared_ptr<LogFile> log, const LogIndex& index, uint64_t end);

  const std::shared_ptr<LogFile>& log() const { return log_; }
  uint64_t end() const { return at_.end; }
  size_t records() const { return at_.records; }
  // What the file will have, with this record and its index.
  uint64_t sizeWith(uint64_t keyBytes, uint64_t valueBytes) const;
  uint64_t mostBytes() const { return mostBytes_; }
  // What it will take of the disk then, with what is allocated ahead.
  uint64_t allocatedWith(uint64_t keyBytes, uint64_t valueBytes) const;
  uint64_t append(const RecordParts& parts);  // its offset; throws as File does, and then rollBack() is to follow
  void flush();
  void sync();  // after flush()
  bool isSynced() const { return synced_ == flushed_; }
  // As if all since then had not been appended. Throws where it can't be said that nothing of it will be found again.
  struct Mark {
    uint64_t end = 0, indexBytes = 0, records = 0, lastSequence = 0;
  };
  Mark mark() const { return at_; }
  void rollBack(const Mark& mark);
  // Writes index and footer, cuts the file to its size, and has all of it on the disk. `isSyncing`: it has come as far
  // as that; what it throws earlier can be tried again.
  void seal(bool& isSyncing);

 private:
  void writeLarge(const RecordParts& parts, uint64_t bytes);
  void keep(const IndexEntry& entry, std::string_view key);
  uint64_t ahead(uint64_t end) const;  // what is allocated where that is needed
  void reserve(uint64_t end);

  const std::shared_ptr<LogFile> log_;
  std::vector<std::byte> buffer_;  // what stands from flushed_ on
  std::vector<std::byte> index_;   // as it will stand in the file
  const uint64_t mostBytes_;
  Mark at_;
  uint64_t flushed_, synced_;
  uint64_t touched_ = 0;  // up to where something may have been written
};

}  // namespace switchyard::store
