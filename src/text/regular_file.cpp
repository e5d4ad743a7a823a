// Opened without waiting, then looked at: the name may stand for another thing a moment later.
#include "text/regular_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "system_failure.h"

namespace switchyard::text {

RegularFile::RegularFile(const std::string& path) : path_(path) {
  const std::string name = "the file '" + path + "'";
  file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (file_ < 0) {
    const int error = errno;
    if (error == ENOENT || error == ENOTDIR) throw Error(Code::NotFound, "there is no file '" + path + "'");
    if (error == EACCES || error == EPERM)
      throw Error(Code::InvalidArgument, name + " may not be read: " + std::strerror(error));
    if (error == ELOOP || error == ENAMETOOLONG || error == ENXIO || error == ENODEV)
      throw Error(Code::InvalidArgument, name + " can't be opened: " + std::strerror(error));
    throw systemError(name + " can't be opened", error);
  }
  struct stat status {};
  const int error = ::fstat(file_, &status) ? errno : 0;
  if (!error && S_ISREG(status.st_mode)) {
    bytes_ = static_cast<uint64_t>(status.st_size);
    return;
  }
  ::close(file_);
  if (error) throw systemError(name + " can't be looked at", error);
  throw Error(Code::InvalidArgument, name + " is no regular file");
}

RegularFile::~RegularFile() { ::close(file_); }

void RegularFile::read(uint64_t offset, std::span<std::byte> into, const std::string& what) const {
  while (!into.empty()) {
    // In pieces, as some file systems take no more than 2 GB at once.
    const size_t piece = std::min<size_t>(into.size(), 64 << 20);
    const ssize_t got = ::pread(file_, into.data(), piece, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw systemError("the file '" + path_ + "' can't be read", errno);
    if (got == 0)
      throw Error(Code::InvalidArgument,
                  "the file '" + path_ + "' ends before " + what + " does: it has become shorter since it was opened");
    into = into.subspan(static_cast<size_t>(got));
    offset += static_cast<uint64_t>(got);
  }
}

std::optional<std::string> readWhole(const std::string& path, uint64_t mostBytes) {
  std::optional<RegularFile> file;
  try {
    file.emplace(path);
  } catch (const Error& error) {
    if (error.code == Code::NotFound) return std::nullopt;
    throw;
  }
  if (file->bytes() > mostBytes)
    throw Error(Code::InvalidArgument, "the file '" + path + "' has " + std::to_string(file->bytes()) +
                                           " bytes, but at most " + std::to_string(mostBytes) + " are taken");
  std::string bytes(file->bytes(), '\0');
  file->read(0, std::as_writable_bytes(std::span(bytes)), "its text");
  return bytes;
}

}  // namespace switchyard::text
