// Snapshots: the files of one moment under other names, in a folder that is a store itself.
#include <algorithm>
#include <utility>

#include "store/store.h"

namespace switchyard::store {
namespace {

constexpr uint64_t kPiece = 4 << 20, kSyncBytes = 16 << 20;

std::string parentOf(const std::string& path) {
  const size_t end = path.find_last_not_of('/'), slash = path.find_last_of('/', end);
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

void copyPart(Files& files, const Snapshot::Part& part, const std::string& to) {
  const auto copy = files.open(to, Files::Open::Create);
  std::vector<std::byte> piece;
  uint64_t synced = 0;
  for (uint64_t at = 0; at < part.bytes; at += piece.size()) {
    piece.resize(std::min(kPiece, part.bytes - at));
    if (!readAll(*part.file, at, piece)) throw damaged(part.name, at, "the file is shorter than it was");
    copy->write(at, piece);
    if (at - synced < kSyncBytes) continue;
    copy->sync();
    synced = at;
  }
  copy->sync();
}

// Where the target's name ends, of a folder that is to become it.
constexpr std::string_view kPart = ".part-";

Error taken(const std::string& target) {
  return {Code::InvalidArgument, "'" + target + "' is there already; give the path of a folder that is not"};
}

void removeAll(Files& files, const std::string& folder) noexcept {
  try {
    for (const std::string& name : files.list(folder).value_or(std::vector<std::string>()))
      files.remove(folder + "/" + name);
    files.removeFolder(folder);
  } catch (const Error&) {
    // What failed before is what the caller hears of.
  }
}

// Whether nobody makes it any more: its lock, which comes before anything else that is in it, is free. One that is
// being begun this very moment may be taken for such a one: of two of one name one fails in any case.
bool isLeft(Files& files, const std::string& folder) {
  const auto lock = files.open(folder + "/" + std::string(kLockName), Files::Open::Write);
  return !lock || lock->tryLock();
}

// What a process that died has begun of the same snapshot.
void removeLeftovers(Files& files, const std::string& target) noexcept {
  try {
    const std::string folder = parentOf(target),
                      begin = target.substr(target.find_last_of('/') + 1) + std::string(kPart);
    for (const std::string& name : files.list(folder).value_or(std::vector<std::string>()))
      if (name.starts_with(begin) && name.size() == begin.size() + hexadecimal(0).size() &&
          isLeft(files, folder + "/" + name))
        removeAll(files, folder + "/" + name);
  } catch (...) {
    // They may stay: what is asked for is the snapshot.
  }
}

}  // namespace

Snapshot Store::snapshot() {
  if (!options_.readOnly) {
    checkMayChange();
    if (writer_ && writer_->records() > 0) sealWriter();
    while (sealLeftover()) {}
    publish(currentManifest());
  }
  std::lock_guard lock(mutex_);
  Snapshot snapshot{.folder = path_, .manifest = manifest()};
  // A file that is open and has nothing in it yet; a reader's may have something.
  for (const auto& log : logs_) {
    if (log->isSealed)
      snapshot.parts.push_back({logName(log->id()), log, &log->file(), log->bytes});
    else if (options_.readOnly && log->records > 0)
      throw Error(Code::Unsupported, "a store that is open to read alone, beside a writer, makes no snapshots: its " +
                                         std::string("last file is not ended; let the writer make it"));
    else
      std::erase_if(snapshot.manifest.logs, [&](const auto& entry) { return entry.file == log->id(); });
  }
  for (const auto& [id, collection] : collections_)
    for (const auto& [name, data] : collection.files)
      snapshot.parts.push_back({dataName(data->id()), data, &data->file(), data->allBytes()});
  return snapshot;
}

void writeSnapshot(Files& files, const Snapshot& snapshot, const std::string& target) {
  if (files.list(target)) throw taken(target);
  removeLeftovers(files, target);
  const std::string beside = target + std::string(kPart) + hexadecimal(freshSalt());
  if (!files.makeFolder(beside)) throw taken(beside);
  try {
    // For as long as it is made. In a store it is the file that writers lock.
    const auto lock = files.open(beside + "/" + std::string(kLockName), Files::Open::Create);
    if (!lock->tryLock()) throw taken(beside);
    for (const Snapshot::Part& part : snapshot.parts) {
      const std::string from = snapshot.folder + "/" + part.name, to = beside + "/" + part.name;
      if (!files.link(from, to)) copyPart(files, part, to);
    }
    replaceManifest(files, beside, snapshot.manifest);
    files.syncFolder(beside);
    if (!files.renameFolder(beside, target)) throw taken(target);
  } catch (...) {
    removeAll(files, beside);
    throw;
  }
  files.syncFolder(parentOf(target));
}

Snapshot openSnapshot(Files& files, const std::string& folder) {
  Snapshot snapshot{.folder = folder, .manifest = readManifest(files, folder)};
  for (const Manifest::Log& entry : snapshot.manifest.logs) {
    if (!entry.isSealed)
      throw Error(Code::InvalidArgument, "'" + folder +
                                             "' is no snapshot but a store that is open, or was not closed; " +
                                             "open it, and call snapshot()");
    auto log = LogFile::open(files, folder, entry.file, Files::Open::Read);
    if (!log) throw damaged(folder + "/" + logName(entry.file), 0, "the manifest names it, but it is not there");
    log->readIndex();
    snapshot.parts.push_back({logName(entry.file), log, &log->file(), log->bytes});
  }
  for (const auto& collection : snapshot.manifest.collections)
    for (const Manifest::Data& entry : collection.files) {
      auto data = DataFile::open(files, folder, entry.file);
      if (!data) throw damaged(folder + "/" + dataName(entry.file), 0, "the manifest names it, but it is not there");
      snapshot.parts.push_back({dataName(entry.file), data, &data->file(), data->allBytes()});
    }
  return snapshot;
}

}  // namespace switchyard::store
