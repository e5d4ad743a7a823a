// Opens, reads and replaces, with the system's calls that take a folder rather than a path: what was checked is what is
// used.
#include "cache_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sodium/crypto_hash_sha256.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <system_error>

namespace switchyard {
namespace {

constexpr std::string_view kTemporaryStart = ".switchyard-", kTemporaryEnd = ".tmp";
constexpr int64_t kSecondNs = 1'000'000'000;

struct Seal {
  char magic[8];
  uint64_t bytes;
  uint8_t sha256[crypto_hash_sha256_BYTES];
};

std::string textOf(int error) { return std::system_category().message(error); }

template <class Call>
auto untilDone(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

int64_t changedNs(const struct stat& status) { return status.st_mtim.tv_sec * kSecondNs + status.st_mtim.tv_nsec; }
int64_t nowNs() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * kSecondNs + now.tv_nsec;
}

FileHandle openFolder(int at, const std::string& path, int flags) {
  return FileHandle(untilDone([&] { return openat(at, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags); }));
}

void makeFolders(const std::string& path) {  // errors show when it is opened
  if (mkdir(path.c_str(), 0700) == 0 || errno != ENOENT) return;
  const size_t slash = path.find_last_of('/', path.find_last_not_of('/'));
  if (slash == std::string::npos || slash == 0) return;
  makeFolders(path.substr(0, slash));
  mkdir(path.c_str(), 0700);
}

// Ours to read code from, or the words for what is wrong.
const char* distrust(const struct stat& status) {
  if (!S_ISREG(status.st_mode)) return "is no regular file";
  if (status.st_uid != geteuid()) return "belongs to another user";
  if (status.st_mode & S_IWOTH) return "can be written by every user";
  return nullptr;
}

bool writeAll(int file, std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = untilDone([&] { return ::write(file, bytes.data(), bytes.size()); });
    if (written < 0) return false;
    bytes = bytes.subspan(size_t(written));
  }
  return true;
}

size_t readAll(int file, std::span<uint8_t> bytes) {
  size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t got = untilDone([&] { return ::read(file, bytes.data() + have, bytes.size() - have); });
    if (got < 0) throw std::system_error(errno, std::system_category());
    if (got == 0) break;
    have += size_t(got);
  }
  return have;
}

bool isTemporary(std::string_view name) { return name.starts_with(kTemporaryStart) && name.ends_with(kTemporaryEnd); }

Seal sealFor(std::string_view magic, std::span<const uint8_t> content) {
  Seal seal{};
  std::memcpy(seal.magic, magic.data(), std::min(magic.size(), sizeof seal.magic));
  seal.bytes = content.size();
  crypto_hash_sha256(seal.sha256, content.data(), content.size());
  return seal;
}

}  // namespace

std::string defaultCacheFolder() {
  auto env = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value ? value : "");
  };
  if (auto folder = env("SHADER_CACHE_DIR"); !folder.empty()) return folder;
  if (auto folder = env("XDG_CACHE_HOME"); !folder.empty()) return folder + "/switchyard";
  if (auto folder = env("HOME"); !folder.empty()) return folder + "/.cache/switchyard";
  return {};
}

bool FileHandle::close() noexcept {
  // After EINTR the descriptor is gone on Linux, and may be another thread's already.
  return file_ < 0 || ::close(std::exchange(file_, -1)) == 0 || errno == EINTR;
}

CacheFolder CacheFolder::open(const std::string& path, Missing missing) {
  FileHandle handle = openFolder(AT_FDCWD, path, 0);
  if (!handle && errno == ENOENT) {
    if (missing == Missing::Leave) return CacheFolder();
    makeFolders(path);
    handle = openFolder(AT_FDCWD, path, 0);
  }
  if (!handle)
    throw CacheError(CacheError::Kind::Failed, "the cache folder " + path + " can't be opened: " + textOf(errno));
  return trusted(std::move(handle), path);
}

CacheFolder CacheFolder::below(const std::string& name, Missing missing) const {
  const std::string path = path_ + "/" + name;
  FileHandle handle = openFolder(handle_.get(), name, O_NOFOLLOW);
  if (!handle && errno == ENOENT) {
    if (missing == Missing::Leave) return CacheFolder();
    const int error = mkdirat(handle_.get(), name.c_str(), 0700) == 0 ? 0 : errno;
    if (error && error != EEXIST && error != ENOENT) fail("make", name, error);
    handle = openFolder(handle_.get(), name, O_NOFOLLOW);
    if (!handle && errno == ENOENT) return CacheFolder();  // this folder has been removed
  }
  if (!handle && (errno == ENOTDIR || errno == ELOOP))
    throw CacheError(CacheError::Kind::Refused, path + " is a link or a file: it must be a folder");
  if (!handle) fail("open", name, errno);
  return trusted(std::move(handle), path);
}

CacheFolder CacheFolder::trusted(FileHandle handle, std::string path) {
  struct stat status {};
  if (fstat(handle.get(), &status) != 0) throw CacheError(CacheError::Kind::Failed, path + ": " + textOf(errno));
  // The group of a folder of one's own is one's own choice, and often has nobody else in it.
  const bool own = status.st_uid == geteuid();
  if (status.st_mode & (own ? S_IWOTH : S_IWGRP | S_IWOTH))
    throw CacheError(CacheError::Kind::Refused,
                     "the cache folder " + path + (own ? " can be" : " belongs to another user and can be") +
                         " written by others, and what lies there is run: name a folder below it, or one that only "
                         "you may write");
  return CacheFolder(std::move(handle), std::move(path));
}

void CacheFolder::fail(const char* verb, const std::string& name, int error) const {
  throw CacheError(CacheError::Kind::Failed,
                   std::string("can't ") + verb + " " + path_ + "/" + name + ": " + textOf(error));
}

std::optional<CacheFolder::File> CacheFolder::openFile(const std::string& name, uint64_t mostBytes,
                                                       uint64_t& bytes) const {
  // Without O_NONBLOCK a pipe of this name would keep us here.
  const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  File file;
  file.handle = FileHandle(untilDone([&] { return openat(handle_.get(), name.c_str(), flags); }));
  if (!file.handle) {
    if (errno == ENOENT) return std::nullopt;
    if (errno == ELOOP)
      throw CacheError(CacheError::Kind::Refused, path_ + "/" + name + " is a link: it is not followed");
    fail("open", name, errno);
  }
  struct stat status {};
  if (fstat(file.handle.get(), &status) != 0) fail("open", name, errno);
  if (const char* why = distrust(status)) throw CacheError(CacheError::Kind::Refused, path_ + "/" + name + " " + why);
  file.usedNs = changedNs(status);
  bytes = uint64_t(status.st_size);
  if (bytes > mostBytes) {
    remove(name, file);
    throw CacheError(CacheError::Kind::Damaged, path_ + "/" + name + " had " + std::to_string(bytes) +
                                                    " bytes, more than the " + std::to_string(mostBytes) +
                                                    " there can be; it was removed");
  }
  return file;
}

size_t CacheFolder::readFrom(const File& file, const std::string& name, std::span<uint8_t> into) const {
  try {
    return readAll(file.handle.get(), into);
  } catch (const std::system_error& error) {
    fail("read", name, error.code().value());
  }
}

std::optional<CacheFolder::File> CacheFolder::read(const std::string& name, uint64_t mostBytes) const {
  uint64_t bytes = 0;
  std::optional<File> file = openFile(name, mostBytes, bytes);
  if (!file) return std::nullopt;
  file->bytes.resize(bytes);
  file->bytes.resize(readFrom(*file, name, file->bytes));
  return file;
}

// A writer holds a lock on its temporary file, which ends with it however it ends, and which other machines and
// containers see where the disk is shared: no guessing by process ids.
FileHandle CacheFolder::openTemporary(std::string& name) const {
  for (int attempt = 0; attempt < 8; ++attempt) {
    uint64_t random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
      random = uint64_t(nowNs()) ^ uint64_t(getpid()) << 40;
    name = std::string(kTemporaryStart) + std::to_string(random) + std::string(kTemporaryEnd);
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    FileHandle file(untilDone([&] { return openat(handle_.get(), name.c_str(), flags, 0600); }));
    if (!file && errno == EEXIST) continue;
    if (!file) return file;
    const bool swept = flock(file.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;  // or is about to be
    struct stat status {};
    if (!swept && fstat(file.get(), &status) == 0 && status.st_nlink > 0) return file;
  }
  errno = EEXIST;
  return FileHandle();
}

bool CacheFolder::tryWrite(const std::string& name, std::span<const std::span<const uint8_t>> parts) const {
  std::string temporary;
  FileHandle file = openTemporary(temporary);
  if (!file && errno == ENOENT) return false;
  if (!file) fail("write", name, errno);
  int error = 0;
  for (std::span<const uint8_t> part : parts)
    if (!error && !writeAll(file.get(), part)) error = errno;
  // Renamed while it is open, and locked: a sweep can't take it away before.
  if (!error && renameat(handle_.get(), temporary.c_str(), handle_.get(), name.c_str()) != 0) error = errno;
  if (error) unlinkat(handle_.get(), temporary.c_str(), 0);
  if (error == ENOENT) return false;
  if (error) fail("write", name, error);
  if (!file.close()) {  // disks over a network say it now
    error = errno;
    unlinkat(handle_.get(), name.c_str(), 0);
    fail("write", name, error);
  }
  return true;
}

bool CacheFolder::write(const std::string& name, std::span<const uint8_t> bytes) const {
  const std::span<const uint8_t> parts[] = {bytes};
  return tryWrite(name, parts) || tryWrite(name, parts);  // again when a sweep was quicker than the lock
}

bool CacheFolder::readSealed(const std::string& name, std::string_view magic, uint64_t mostBytes,
                             const Room& room) const {
  uint64_t bytes = 0;
  const std::optional<File> file = openFile(name, mostBytes + sizeof(Seal), bytes);
  if (!file) return false;
  Seal seal{};
  if (bytes >= sizeof seal) {
    const std::span<uint8_t> content = room(bytes - sizeof seal);
    const size_t have = readFrom(*file, name, {reinterpret_cast<uint8_t*>(&seal), sizeof seal});
    if (have == sizeof seal && readFrom(*file, name, content) == content.size()) {
      const Seal expected = sealFor(magic, content);
      if (std::memcmp(&seal, &expected, sizeof seal) == 0) {
        markUsed(*file);
        return true;
      }
    }
  }
  remove(name, *file);
  throw CacheError(CacheError::Kind::Damaged,
                   path_ + "/" + name + " was damaged or of another version; it was removed");
}

std::optional<std::vector<uint8_t>> CacheFolder::readSealed(const std::string& name, std::string_view magic,
                                                            uint64_t mostBytes) const {
  std::vector<uint8_t> content;
  const auto room = [&](uint64_t bytes) {
    content.resize(bytes);
    return std::span(content);
  };
  if (!readSealed(name, magic, mostBytes, room)) return std::nullopt;
  return content;
}

bool CacheFolder::writeSealed(const std::string& name, std::string_view magic, std::span<const uint8_t> content) const {
  const Seal seal = sealFor(magic, content);
  const std::span<const uint8_t> parts[] = {{reinterpret_cast<const uint8_t*>(&seal), sizeof seal}, content};
  return tryWrite(name, parts) || tryWrite(name, parts);
}

void CacheFolder::markUsed(const File& file) noexcept {
  const int64_t ago = nowNs() - file.usedNs;
  if (ago >= 0 && ago < 60 * kSecondNs) return;
  const timespec times[2] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};
  futimens(file.handle.get(), times);  // a disk that can only be read keeps its order
}

void CacheFolder::remove(const std::string& name) const noexcept { unlinkat(handle_.get(), name.c_str(), 0); }

void CacheFolder::remove(const std::string& name, const File& file) const noexcept {
  struct stat held {
  }, there{};
  if (fstat(file.handle.get(), &held) != 0 || fstatat(handle_.get(), name.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0)
    return;
  if (held.st_dev == there.st_dev && held.st_ino == there.st_ino) remove(name);
}

void CacheFolder::removeIfAbandoned(const Entry& temporary) const noexcept {
  if (nowNs() - temporary.usedNs > 3600 * kSecondNs) return remove(temporary.name);
  const FileHandle file(
      openat(handle_.get(), temporary.name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (file && flock(file.get(), LOCK_EX | LOCK_NB) == 0) remove(temporary.name);  // the lock is held until it is gone
}

std::vector<CacheFolder::Entry> CacheFolder::sweep() const {
  FileHandle again = openFolder(handle_.get(), ".", 0);  // a place to read from that is no other thread's
  struct Close {
    void operator()(DIR* folder) const { closedir(folder); }
  };
  const std::unique_ptr<DIR, Close> listing(again ? fdopendir(again.get()) : nullptr);
  if (!listing) fail("list", ".", errno);
  again.release();
  std::vector<Entry> found;
  while (const dirent* entry = readdir(listing.get())) {
    struct stat status {};
    if (fstatat(handle_.get(), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 || distrust(status)) continue;
    Entry file{entry->d_name, uint64_t(status.st_size), changedNs(status)};
    if (isTemporary(file.name))
      removeIfAbandoned(file);
    else
      found.push_back(std::move(file));
  }
  return found;
}

bool CacheFolder::tryLock() const noexcept { return flock(handle_.get(), LOCK_EX | LOCK_NB) == 0; }

}  // namespace switchyard
