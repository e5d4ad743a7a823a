// A file that may be a stranger's: one that is a pipe or a device is refused and not waited for, and one that gets
// shorter while it is read is an error.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace switchyard::text {

class RegularFile {
 public:
  // Throws NotFound where there is none; InvalidArgument, which names it, for what may not be read or is no regular
  // file; what the system has no more of as systemError().
  explicit RegularFile(const std::string& path);
  ~RegularFile();
  RegularFile(const RegularFile&) = delete;
  RegularFile& operator=(const RegularFile&) = delete;

  const std::string& path() const { return path_; }
  uint64_t bytes() const { return bytes_; }
  // `what` stands there, as an error calls it. Throws InvalidArgument where the file ends before that. Any thread.
  void read(uint64_t offset, std::span<std::byte> into, const std::string& what) const;

 private:
  std::string path_;
  int file_ = -1;
  uint64_t bytes_ = 0;
};

// All of a file; nothing where there is none. Throws as RegularFile, and InvalidArgument for more than `mostBytes`.
std::optional<std::string> readWhole(const std::string& path, uint64_t mostBytes);

}  // namespace switchyard::text
