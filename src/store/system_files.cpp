// The file system of this machine.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "store/files.h"
#include "system_failure.h"

namespace switchyard::store {
namespace {

constexpr size_t kMostPieces = 1024;             // that Linux takes in a call
constexpr size_t kMostAtOnce = size_t{1} << 30;  // Linux transfers no more than 2 GB in a call

[[noreturn]] void fail(const std::string& what, const std::string& path, int error) {
  const Error failed = systemError("'" + path + "' " + what, error);
  switch (error) {
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
      throw Error(Code::InvalidArgument, std::string(failed.what()) +
                                             ": give a folder that this process may write to, " +
                                             "or open the store with readOnly: true");
    case EDQUOT:
    case EFBIG: throw Error(Code::OutOfMemory, failed.what());
    default: throw failed;
  }
}

class SystemMapping final : public Mapping {
 public:
  SystemMapping(void* data, size_t bytes, bool tells) : data_(data), bytes_(bytes), tells_(tells) {}
  ~SystemMapping() override {
    if (data_) ::munmap(data_, bytes_);
  }
  Bytes bytes() const override { return asBytes(data_, bytes_); }
  bool isInMemory(uint64_t offset, uint64_t bytes) const override {
    if (!tells_ || offset > bytes_ || bytes > bytes_ - offset) return false;
    static const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
    const uint64_t from = offset / page * page, length = offset + bytes - from;
    std::vector<unsigned char> pages((length + page - 1) / page);
    if (::mincore(static_cast<char*>(data_) + from, length, pages.data())) return false;
    return std::all_of(pages.begin(), pages.end(), [](unsigned char each) { return each & 1; });
  }

 private:
  void* const data_;
  const size_t bytes_;
  const bool tells_;  // Linux says of a file that is another user's that all of it is in memory
};

class SystemFile final : public File {
 public:
  SystemFile(int file, std::string path) : file_(file), path_(std::move(path)) {}
  ~SystemFile() override { ::close(file_); }

  size_t read(uint64_t offset, std::span<std::byte> into) override {
    size_t done = 0;
    while (done < into.size()) {
      const size_t most = std::min(into.size() - done, kMostAtOnce);
      const ssize_t got = ::pread(file_, into.data() + done, most, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail("can't be read", path_, errno);
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    return done;
  }
  void write(uint64_t offset, Bytes bytes) override {
    for (size_t done = 0; done < bytes.size();) {
      const size_t most = std::min(bytes.size() - done, kMostAtOnce);
      const ssize_t put = ::pwrite(file_, bytes.data() + done, most, static_cast<off_t>(offset + done));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) fail("can't be written", path_, errno);
      done += static_cast<size_t>(put);
    }
  }
  void writePieces(uint64_t offset, std::span<const Bytes> pieces) override {
    std::vector<iovec> left;
    left.reserve(pieces.size());
    for (const Bytes& piece : pieces)
      if (!piece.empty()) left.push_back({const_cast<std::byte*>(piece.data()), piece.size()});
    for (size_t first = 0; first < left.size();) {
      const auto count = static_cast<int>(std::min<size_t>(left.size() - first, kMostPieces));
      const ssize_t put = ::pwritev(file_, &left[first], count, static_cast<off_t>(offset));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) fail("can't be written", path_, errno);
      auto done = static_cast<size_t>(put);
      offset += done;
      for (; first < left.size() && done >= left[first].iov_len; ++first) done -= left[first].iov_len;
      if (done == 0) continue;
      left[first].iov_base = static_cast<std::byte*>(left[first].iov_base) + done;
      left[first].iov_len -= done;
    }
  }
  void allocate(uint64_t bytes) override {
    int error;
    while ((error = ::posix_fallocate(file_, 0, static_cast<off_t>(bytes))) == EINTR) {}
    if (error) fail("gets no room of " + std::to_string(bytes) + " bytes on the disk", path_, error);
  }
  void truncate(uint64_t bytes) override {
    if (::ftruncate(file_, static_cast<off_t>(bytes))) fail("can't be cut", path_, errno);
  }
  void sync() override {
    if (::fdatasync(file_)) fail("was not written to the disk (fdatasync)", path_, errno);
  }
  uint64_t size() override {
    struct stat status {};
    if (::fstat(file_, &status)) fail("can't be looked at", path_, errno);
    return static_cast<uint64_t>(status.st_size);
  }
  bool tryLock() override {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    if (::fcntl(file_, F_OFD_SETLK, &lock) == 0) return true;
    if (errno == EACCES || errno == EAGAIN) return false;
    fail("can't be locked", path_, errno);
  }
  std::unique_ptr<Mapping> map(uint64_t bytes) override {
    if (bytes == 0) return std::make_unique<SystemMapping>(nullptr, 0, false);
    void* data = ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, file_, 0);
    if (data == MAP_FAILED) fail("can't be mapped", path_, errno);
    struct stat status {};
    const bool isOurs = ::fstat(file_, &status) == 0 && status.st_uid == ::geteuid();
    return std::make_unique<SystemMapping>(data, bytes, isOurs);
  }

 private:
  const int file_;
  const std::string path_;
};

int flagsOf(Files::Open how) {
  switch (how) {
    case Files::Open::Read: return O_RDONLY;
    case Files::Open::Write: return O_RDWR;
    case Files::Open::CreateNew: return O_RDWR | O_CREAT | O_EXCL;
    default: return O_RDWR | O_CREAT | O_TRUNC;
  }
}

class SystemFiles final : public Files {
 public:
  std::unique_ptr<File> open(const std::string& path, Open how) override {
    // without waiting, should it be a pipe
    const int file = ::open(path.c_str(), flagsOf(how) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);
    if (file < 0) {
      if (errno == ENOENT || errno == ENOTDIR) {
        if (how == Open::Read || how == Open::Write) return nullptr;
      }
      fail("can't be opened", path, errno);
    }
    auto opened = std::make_unique<SystemFile>(file, path);
    struct stat status {};
    if (::fstat(file, &status)) fail("can't be looked at", path, errno);
    if (!S_ISREG(status.st_mode)) throw Error(Code::InvalidArgument, "'" + path + "' is no regular file");
    return opened;
  }
  bool makeFolder(const std::string& path) override {
    if (::mkdir(path.c_str(), 0777) == 0) return true;
    if (errno == EEXIST) return false;
    fail("can't be made", path, errno);
  }
  std::optional<std::vector<std::string>> list(const std::string& path) override {
    DIR* folder = ::opendir(path.c_str());
    if (!folder) {
      if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
      fail("can't be read", path, errno);
    }
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(folder))
      if (const std::string name = entry->d_name; name != "." && name != "..") names.push_back(name);
    ::closedir(folder);
    return names;
  }
  void rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str())) fail("can't take the place of '" + to + "'", from, errno);
  }
  bool renameFolder(const std::string& from, const std::string& to) override {
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
    if (errno == EEXIST || errno == ENOTEMPTY) return false;
    if (errno != EINVAL && errno != ENOSYS) fail("can't be renamed to '" + to + "'", from, errno);
    // A file system without that: an empty folder alone could be replaced here, between the look and the call.
    if (::access(to.c_str(), F_OK) == 0) return false;
    rename(from, to);
    return true;
  }
  bool link(const std::string& from, const std::string& to) override {
    return ::link(from.c_str(), to.c_str()) == 0;  // else it is copied, and that says what is wrong
  }
  void remove(const std::string& path) override {
    if (::unlink(path.c_str()) && errno != ENOENT) fail("can't be removed", path, errno);
  }
  void removeFolder(const std::string& path) override {
    if (::rmdir(path.c_str()) && errno != ENOENT) fail("can't be removed", path, errno);
  }
  void syncFolder(const std::string& path) override {
    const int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) fail("can't be opened", path, errno);
    const int error = ::fsync(folder) ? errno : 0;
    ::close(folder);
    if (error) fail("was not written to the disk (fsync of the folder)", path, error);
  }
};

}  // namespace

Files& systemFiles() {
  static auto* files = new SystemFiles;  // never destroyed: threads may come by while the process exits
  return *files;
}

}  // namespace switchyard::store
