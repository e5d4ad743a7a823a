// A folder of cache files that many processes share, any of which may die at any point, on a disk that may be full or
// not ours.
// Files are read whole and replaced whole: written beside their place under another name, then renamed. There is no
// fsync: after a power cut a file may be short or empty, which the checksum of every file finds out; a cache is not
// worth a wait for the disk. Code from a cache runs with all our rights. So only regular files of our own user are
// read, links below the folder are never followed, and a folder in which every user may write is refused, and one of
// another user's in which its group may. The folder itself may be a link.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace switchyard {

// SHADER_CACHE_DIR, else $XDG_CACHE_HOME/switchyard, else ~/.cache/switchyard; empty: there is none.
std::string defaultCacheFolder();

// Never fatal: whoever meets it goes on without the cache.
class CacheError : public std::runtime_error {
 public:
  enum class Kind : uint8_t {
    Refused,  // a link, or something of another user
    Damaged,  // not as it was written; it is gone
    Failed,   // the system does not want to: no right, no space
  };
  CacheError(Kind kind, const std::string& text) : std::runtime_error(text), kind(kind) {}
  const Kind kind;
};

class FileHandle {  // owns a file descriptor
 public:
  explicit FileHandle(int file = -1) : file_(file) {}
  FileHandle(FileHandle&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  FileHandle& operator=(FileHandle&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
  }
  ~FileHandle() { close(); }
  int get() const { return file_; }
  explicit operator bool() const { return file_ >= 0; }
  void release() noexcept { file_ = -1; }  // another owns it now
  bool close() noexcept;                   // false: the system could not write what it had taken

 private:
  int file_;
};

class CacheFolder {  // immutable: safe from any thread
 public:
  CacheFolder() = default;             // empty
  enum class Missing { Leave, Make };  // what is made is for our user alone
  // Empty where there is none, and it is to be left at that. Throws CacheError as everything here does, unless
  // noexcept.
  static CacheFolder open(const std::string& path, Missing missing);
  CacheFolder below(const std::string& name, Missing missing) const;
  explicit operator bool() const { return bool(handle_); }

  struct File {
    std::vector<uint8_t> bytes;
    FileHandle handle;
    int64_t usedNs = 0;  // since 1970
  };
  std::optional<File> read(const std::string& name, uint64_t mostBytes) const;
  // Replaces the file in one step. False: the folder is gone.
  bool write(const std::string& name, std::span<const uint8_t> bytes) const;
  // The same for content that has no checksum of its own: behind a header of magic (8 characters), length and SHA-256.
  std::optional<std::vector<uint8_t>> readSealed(const std::string& name, std::string_view magic,
                                                 uint64_t mostBytes) const;
  // The same into memory that `room` gives for so many bytes; what that throws is thrown on. False: there is none.
  using Room = std::function<std::span<uint8_t>(uint64_t)>;
  bool readSealed(const std::string& name, std::string_view magic, uint64_t mostBytes, const Room& room) const;
  bool writeSealed(const std::string& name, std::string_view magic, std::span<const uint8_t> content) const;

  // The time of use is the time of change: what disks say of the last reading can't be relied on. Written once a minute
  // at most.
  static void markUsed(const File& file) noexcept;
  void remove(const std::string& name) const noexcept;
  void remove(const std::string& name, const File& file) const noexcept;  // unless another has taken its place since

  struct Entry {
    std::string name;
    uint64_t bytes;
    int64_t usedNs;
  };
  // The regular files of our user. Removes the temporary files of writers that died, or have taken more than an hour.
  std::vector<Entry> sweep() const;
  // against other folders opened at the same place, in any process, for as long as this one is open
  bool tryLock() const noexcept;

 private:
  CacheFolder(FileHandle handle, std::string path) : handle_(std::move(handle)), path_(std::move(path)) {}
  static CacheFolder trusted(FileHandle handle, std::string path);
  [[noreturn]] void fail(const char* verb, const std::string& name, int error) const;
  bool tryWrite(const std::string& name, std::span<const std::span<const uint8_t>> parts) const;
  std::optional<File> openFile(const std::string& name, uint64_t mostBytes, uint64_t& bytes) const;  // nothing read
  size_t readFrom(const File& file, const std::string& name, std::span<uint8_t> into) const;
  FileHandle openTemporary(std::string& name) const;
  void removeIfAbandoned(const Entry& temporary) const noexcept;

  FileHandle handle_;
  std::string path_;
};

}  // namespace switchyard
