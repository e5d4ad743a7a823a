// A file of a collection: written once, from the front to the back, and never changed; with a checksum for each block.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "store/files.h"
#include "store/format.h"
#include "store/log_file.h"

namespace switchyard::store {

// One thread at a time.
class DataWriter {
 public:
  DataWriter(Files& files, const std::string& folder, uint64_t id);
  uint64_t id() const { return id_; }
  const std::string& path() const { return path_; }
  uint64_t bytes() const { return content_; }
  void append(Bytes bytes);
  void finish();            // all of it is on the disk then, its name is not yet
  void abandon() noexcept;  // removes it

 private:
  void closeBlock();
  Files& files_;
  const std::string path_;
  const uint64_t id_, salt_;
  std::unique_ptr<File> file_;  // until it is finished
  std::vector<std::byte> block_;
  std::vector<uint64_t> checks_;
  uint64_t content_ = 0, written_ = 0, synced_ = 0;
};

// Any thread.
class DataFile {
 public:
  // Checks the footer and the list of checksums, and not the content. Throws Damaged; null: there is none.
  static std::shared_ptr<DataFile> open(Files& files, const std::string& folder, uint64_t id);
  // One that can't be opened, for that reason: what is asked of it throws that.
  static std::shared_ptr<DataFile> broken(const std::string& path, uint64_t id, uint64_t bytes, const Error& why);
  const std::string& path() const { return path_; }
  uint64_t id() const { return footer_.file; }
  uint64_t bytes() const { return footer_.contentBytes; }
  uint64_t allBytes() const { return end_; }
  File& file() const {
    if (why_) throw Error(*why_);
    return *file_;
  }
  std::unique_ptr<Mapping> map() const { return file().map(footer_.contentBytes); }
  // Reads the blocks that hold these bytes, each once in this process, and compares them with their checksums. Throws
  // Damaged. `mapping`: of all of it, null: none is there.
  void check(uint64_t offset, uint64_t bytes, const Mapping* mapping = nullptr);
  bool isChecked(uint64_t offset, uint64_t bytes) const;  // whether all of them were read so
  // Reads all of it anew.
  void verify(std::vector<LogFile::Problem>& problems) const;

 private:
  DataFile(std::unique_ptr<File> file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}
  bool isBlockWhole(uint64_t block, const Mapping* mapping = nullptr) const;
  const std::unique_ptr<File> file_;
  const std::string path_;
  DataFooter footer_;
  uint64_t end_ = 0;
  std::vector<uint64_t> checks_;
  std::unique_ptr<std::atomic<bool>[]> isChecked_;
  std::optional<Error> why_;
};

}  // namespace switchyard::store
