// Opening: the manifest says which files there are; the last one of the log may not have been ended in order.
#include <algorithm>
#include <cstring>
#include <utility>

#include "store/store.h"

namespace switchyard::store {
namespace {

constexpr int kTries = 10;  // of a reader, while a writer replaces files
constexpr uint64_t kPiece = 4 << 20;

std::string manifestPath(const std::string& folder) { return folder + "/" + std::string(kManifestName); }

bool isOurs(const std::string& name) {
  return name == kLockName || name == kManifestName || name == std::string(kManifestName) + ".new" ||
         numberOf(name) != 0;
}

std::string parentOf(const std::string& path) {
  const size_t end = path.find_last_not_of('/'), slash = path.find_last_of('/', end);
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

std::shared_ptr<Store> Store::open(const std::string& path, Options options) {
  std::shared_ptr<Store> store(new Store(path, std::move(options)));
  if (!store->options_.readOnly) {
    store->openFolder();
    store->readFolder();
    return store;
  }
  // A writer may be replacing files meanwhile, or appending: what looks damaged then doesn't the next time.
  for (int tries = 1;; ++tries) {
    try {
      store->isLastTry_ = tries == kTries;
      store->readFolder();
      return store;
    } catch (const Error& failed) {
      if ((failed.code != Code::Damaged && failed.code != Code::NotFound) || tries == kTries) throw;
      store.reset(new Store(path, store->options_));
    }
  }
}

Store::~Store() = default;

void Store::lock() {
  lock_ = files_.open(path_ + "/" + std::string(kLockName), Files::Open::Create);
  if (!lock_->tryLock())
    throw Error(Code::Locked,
                "the store '" + path_ +
                    "' is open for writing already, here or in another process; close it there, or open " +
                    "it with readOnly: true");
}

// An empty folder becomes a store, and so does one in which that was begun before.
void Store::openFolder() {
  const bool isMade = files_.makeFolder(path_);
  const auto names = files_.list(path_);
  if (!names) throw Error(Code::InvalidArgument, "'" + path_ + "' is no folder, so there is no store in it");
  const bool isNew = std::find(names->begin(), names->end(), kManifestName) == names->end();
  if (isNew)
    for (const std::string& name : *names)
      if (name != kLockName && name != std::string(kManifestName) + ".new")
        throw Error(Code::InvalidArgument, "the folder '" + path_ + "' is no store: it has no file 'manifest', and '" +
                                               name + "' is in it; a new store needs a folder that is empty");
  lock();
  if (!isNew) return;
  if (files_.open(manifestPath(path_), Files::Open::Read)) return;  // another has made it meanwhile
  try {
    files_.syncFolder(parentOf(path_));  // also of a process that died before that, or of the user
  } catch (const Error& failed) {
    // A folder that was given to us, in one that we may not read: that is for whoever has made it.
    if (isMade || failed.code != Code::InvalidArgument) throw;
  }
  replaceManifest(files_, path_, {});
  files_.syncFolder(path_);
}

// What a process that died has left: files that it had written, or replaced, and that the manifest does not name.
void Store::removeStrangers(const Manifest& manifest) {
  for (const std::string& name : files_.list(path_).value_or(std::vector<std::string>())) {
    if (!isOurs(name) || name == kLockName || name == kManifestName) continue;
    const auto isNamed = [&] {
      for (const auto& log : manifest.logs)
        if (name == logName(log.file)) return true;
      for (const auto& collection : manifest.collections)
        for (const auto& data : collection.files)
          if (name == dataName(data.file)) return true;
      return false;
    };
    if (!isNamed()) files_.remove(path_ + "/" + name);
  }
}

void Store::readFolder() {
  const Manifest manifest = readManifest(files_, path_);
  if (!options_.readOnly) removeStrangers(manifest);
  nextFile_ = manifest.nextFile;
  nextSequence_ = manifest.nextSequence;
  nextCollection_ = manifest.nextCollection;
  openCollections(manifest);
  std::vector<std::pair<std::shared_ptr<LogFile>, LogIndex>> found;
  bool isChanged = false;
  for (const Manifest::Log& entry : manifest.logs) {
    auto log = LogFile::open(files_, path_, entry.file, options_.readOnly ? Files::Open::Read : Files::Open::Write);
    if (!log) throw damaged(path_ + "/" + logName(entry.file), 0, "the manifest names it, but it is not there");
    LogIndex index = openLog(*log, entry, isChanged);
    if (!index.entries.empty() || options_.readOnly || log->isSealed)
      found.emplace_back(std::move(log), std::move(index));
    else
      recovery_.wasClosed = false;
  }
  fill(found);
  if (!isChanged || options_.readOnly) return;
  try {
    publish(currentManifest());
  } catch (const Error& error) {
    if (error.code != Code::OutOfMemory) throw;
    return;  // a full disk: the manifest that there is names all of these, and a later one is published in its time
  }
  removeStrangers(currentManifest());
}

// Records say themselves what they are, so nothing is lost with the index of them.
LogIndex Store::readIndex(const LogFile& log, const Manifest::Log& entry) {
  try {
    return log.readIndex();
  } catch (const Error& failed) {
    LogIndex index = log.scan(entry.records);
    recovery_.problems.push_back({log.path(), 0, failed.what()});
    return index;
  }
}

LogIndex Store::openLog(LogFile& log, const Manifest::Log& entry, bool& isChanged) {
  if (!entry.isSealed) return recoverLog(log, isChanged);
  LogIndex index = readIndex(log, entry);
  if (log.bytes != entry.bytes || index.entries.size() != entry.records)
    throw damaged(log.path(), 0, "it has not the size that the manifest says");
  log.isSealed = true;
  log.records = entry.records;
  for (const LogEntry& record : index.entries)
    log.recordsEnd = std::max(log.recordsEnd, record.offset + record.bytes());
  return index;
}

// Of a file that nobody has ended. What it has of whole records is written once more, in its place: it may be in the
// memory of the system alone, after a sync that failed, and no sync would bring it to the disk then. What is there
// already is the same, so a crash meanwhile does no harm.
LogIndex Store::recoverLog(LogFile& log, bool& isChanged) {
  Tail tail;
  LogIndex index = log.replay(tail);
  log.recordsEnd = tail.end;
  log.records = index.entries.size();
  recovery_.wasClosed = false;
  recovery_.records += index.entries.size();
  recovery_.bytes += tail.end - sizeof(LogHeader);
  recovery_.torn += tail.torn;
  if (options_.readOnly) return index;
  isChanged = true;
  if (index.entries.empty()) return index;
  std::vector<std::byte> piece;
  for (uint64_t at = 0; at < tail.end; at += piece.size()) {
    piece.resize(std::min(kPiece, tail.end - at));
    if (!readAll(log.file(), at, piece)) throw damaged(log.path(), at, "it was cut meanwhile");
    log.file().write(at, piece);
  }
  bool isSyncing = false;
  log.isSealed = sealFound(log, index, isSyncing);
  return index;
}

// False: there is no room for its end. Then its records are on the disk, it takes no more than those, and it can be
// ended later.
bool Store::sealFound(LogFile& log, const LogIndex& index, bool& isSyncing) {
  try {
    LogWriter(log.shared_from_this(), index, log.recordsEnd).seal(isSyncing);
    return true;
  } catch (const Error& failed) {
    if (failed.code != Code::OutOfMemory || isSyncing) throw;
  }
  isSyncing = true;
  log.file().truncate(log.recordsEnd);
  log.file().sync();
  log.bytes = log.recordsEnd;
  isSyncing = false;
  return false;
}

void Store::fill(std::vector<std::pair<std::shared_ptr<LogFile>, LogIndex>>& found) {
  std::vector<ObjectIndex::Found> objects;
  for (auto& [log, index] : found) {
    logs_.push_back(log);
    for (const LogEntry& entry : index.entries) {
      nextSequence_ = std::max(nextSequence_, entry.sequence + 1);
      if (entry.kind != Kind::Record) {
        objects.push_back({entry, log.get()});
        continue;
      }
      if (!isLive(entry)) continue;
      uint64_t id;
      std::memcpy(&id, entry.key.data(), sizeof id);
      collections_.at(id).records.push_back({entry.sequence, {log.get(), entry.offset}, entry.bytes()});
      log->live += entry.bytes();
    }
  }
  for (auto& [id, collection] : collections_)
    std::sort(collection.records.begin(), collection.records.end(),
              [](const RecordPlace& a, const RecordPlace& b) { return a.sequence < b.sequence; });
  index_.fill(objects, now());
  acknowledged_ = nextSequence_ - 1;
}

void Store::openCollections(const Manifest& manifest) {
  for (const Manifest::Collection& entry : manifest.collections) {
    Collection& collection = collections_[entry.id];
    collection.name = entry.name;
    collection.through = entry.through;
    collection.state = entry.state;
    for (const Manifest::Data& data : entry.files) {
      try {
        collection.files[data.name] = openData(data);
      } catch (const Error& failed) {
        // Whoever asks for it hears of it, and everybody else goes on. A reader looks again first: a writer may have
        // replaced it.
        if (options_.readOnly && !isLastTry_) throw;
        const std::string path = path_ + "/" + dataName(data.file);
        collection.files[data.name] = DataFile::broken(path, data.file, data.bytes, failed);
        recovery_.problems.push_back({path, 0, failed.what()});
      }
    }
  }
}

std::shared_ptr<DataFile> Store::openData(const Manifest::Data& data) {
  auto opened = DataFile::open(files_, path_, data.file);
  if (!opened) throw damaged(path_ + "/" + dataName(data.file), 0, "the manifest names it, but it is not there");
  if (opened->bytes() != data.bytes) throw damaged(opened->path(), 0, "it has not the size that the manifest says");
  return opened;
}

}  // namespace switchyard::store
