// The queue of what is asked for, and what reads.
#include "store/store.h"

#include <chrono>
#include <cstring>
#include <utility>

namespace switchyard::store {
namespace {

constexpr uint64_t kBatchBytes = 64 << 20;  // of one commit, so that the first of many doesn't wait for all
constexpr size_t kBatchWrites = 16384;
constexpr size_t kMostProblems = 100;
// For each byte that was written so many are rewritten, which is more than become dead by it: half of a file that is
// rewritten counts at most. An entry that is gone through costs as much as some bytes of copying; a task, which may
// have made many records dead, as many writes.
constexpr uint64_t kReclaimed = 2, kBytesPerRequest = kStepBytes / kStepEntries, kTaskRequests = kStepEntries / 4;

uint64_t bytesOf(const Write& write) {
  uint64_t bytes = 0;
  for (const Bytes& piece : write.pieces) bytes += piece.size();
  return bytes;
}

int64_t systemNow() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

}  // namespace

int64_t Store::now() const { return options_.now ? options_.now() : systemNow(); }

void Store::ask(Request request) {
  {
    std::lock_guard lock(queueMutex_);
    queue_.push_back(std::move(request));
  }
  if (options_.wantsWork) options_.wantsWork();
}

void Store::write(Write write) { ask({std::move(write), nullptr}); }

void Store::perform(std::function<void()> task) { ask({{}, std::move(task)}); }

void Store::reclaim() {
  if (options_.readOnly) return;
  wantsRoom_ = true;
  if (options_.wantsWork) options_.wantsWork();
}

bool Store::work() {
  Writes writes;
  std::function<void()> task;
  uint64_t bytes = 0;
  {
    std::lock_guard lock(queueMutex_);
    while (!queue_.empty() && bytes < kBatchBytes && writes.size() < kBatchWrites) {
      Request& next = queue_.front();
      if (next.task) {
        if (writes.empty()) task = std::move(next.task);
        if (task) queue_.pop_front();
        break;
      }
      bytes += bytesOf(next.write);
      writes.push_back(std::move(next.write));
      queue_.pop_front();
    }
  }
  if (!task && writes.empty()) return maintain();
  // What waits goes first, but where some always waits, the rest has to be done all the same.
  if (task)
    task();
  else
    commit(writes);
  owed_ += kReclaimed * (bytes + kBytesPerRequest * (task ? kTaskRequests : writes.size()));
  payOwed();
  return true;
}

Value Store::readValue(const LogFile& log, uint64_t offset, uint64_t sequence, uint64_t keyBytes,
                       uint64_t bytes) const {
  const uint64_t whole = recordBytes(keyBytes, bytes);
  auto block = HostPool::shared().acquire(whole);
  log.readRecord(offset, sequence, {block->data, whole});
  return {std::move(block), sizeof(RecordHeader) + keyBytes, bytes};
}

std::optional<Value> Store::get(std::string_view key) const {
  std::shared_ptr<const LogFile> log;
  Object object;
  {
    std::lock_guard lock(mutex_);
    const Object* found = index_.find(key, now());
    if (!found) return std::nullopt;
    object = *found;
    log = object.place.log->shared_from_this();
  }
  Value value = readValue(*log, object.place.offset, object.sequence, key.size(), object.valueBytes);
  const auto* at = reinterpret_cast<const char*>(value.block->data + sizeof(RecordHeader));
  if (std::string_view(at, key.size()) != key) throw damaged(log->path(), object.place.offset, "it is another key's");
  return value;
}

std::optional<Store::LastRecord> Store::lastRecord(std::string_view key) const {
  std::lock_guard lock(mutex_);
  const Object* found = index_.any(key);
  if (!found) return std::nullopt;
  return LastRecord{found->sequence, index_.find(key, now()) != nullptr};
}

std::vector<std::string> Store::list(std::string_view prefix, std::string_view after, size_t limit) const {
  std::vector<std::string> keys;
  const int64_t time = now();
  std::string last(after);
  for (bool more = true; more; mutex_.letOthersIn()) {
    std::lock_guard lock(mutex_);
    auto at = !last.empty() && last >= prefix ? index_.after(last) : index_.from(prefix);
    more = false;
    for (size_t steps = 0; at != index_.all().end() && keys.size() < limit && at->first.starts_with(prefix); ++at) {
      if (index_.find(at->first, time)) keys.push_back(at->first);
      if (++steps < kLockedEntries) continue;
      last = at->first;
      more = true;
      break;
    }
  }
  return keys;
}

StoreStats Store::stats() const {
  std::lock_guard lock(mutex_);
  StoreStats stats{.objects = index_.count(),
                   .objectBytes = index_.valueBytes(),
                   .logFiles = logs_.size(),
                   .collections = collections_.size(),
                   .sequence = acknowledged_,
                   .syncs = syncs_,
                   .commits = commits_,
                   .rewritten = rewritten_,
                   .failure = failure_,
                   .recovery = recovery_,
                   .problems = problems_};
  for (const auto& log : logs_) {
    stats.diskBytes += log->bytes;
    stats.deadBytes += log->dead();
  }
  for (const auto& [id, collection] : collections_) {
    for (const auto* files : {&collection.files, &collection.staged}) {
      stats.dataFiles += files->size();
      for (const auto& [name, data] : *files) stats.diskBytes += data->allBytes();
    }
  }
  return stats;
}

Verified Store::verify() const {
  struct Part {
    std::shared_ptr<const LogFile> log;
    bool isSealed;
    uint64_t end;
  };
  std::vector<Part> logs;
  std::vector<std::shared_ptr<const DataFile>> data;
  {
    std::lock_guard lock(mutex_);
    for (const auto& log : logs_) logs.push_back({log, log->isSealed, log->recordsEnd});
    for (const auto& [id, collection] : collections_)
      for (const auto& [name, file] : collection.files) data.push_back(file);
  }
  Verified verified{.files = 1 + logs.size() + data.size()};
  try {
    readManifest(files_, path_);
  } catch (const Error& failed) {
    verified.problems.push_back({path_ + "/" + std::string(kManifestName), 0, failed.what()});
  }
  for (const Part& part : logs) verified.records += part.log->verify(part.isSealed, part.end, verified.problems);
  for (const auto& file : data) file->verify(verified.problems);
  if (verified.problems.size() > kMostProblems) verified.problems.resize(kMostProblems);
  return verified;
}

void Store::checkMayChange() const {
  if (options_.readOnly)
    throw Error(Code::InvalidArgument,
                "the store '" + path_ + "' was opened with readOnly: true; open it without that to write");
  std::lock_guard lock(mutex_);
  if (isClosed_) throw Error(Code::Closed, "the store '" + path_ + "' is closed");
  if (!failure_.empty())
    throw Error(Code::Closed, "the store '" + path_ + "' takes no more writes, since the disk did not keep what it " +
                                  "was given (" + failure_ + "): close it and open it again, which says what is there");
}

// What a disk has not kept is not known, and a sync that is tried again says that all is well. So nothing is written
// any more; what is on the disk the next opening finds.
void Store::fail(const Error& error) {
  std::lock_guard lock(mutex_);
  if (failure_.empty()) failure_ = error.what();
  writer_ = nullptr;
}

void Store::removeUnlessFailed(const std::string& path) {
  {
    std::lock_guard lock(mutex_);
    if (!failure_.empty()) return;
  }
  try {
    files_.remove(path);
  } catch (const Error&) {
    // The next opening removes it.
  }
}

Manifest Store::manifest() const {
  Manifest manifest{.nextFile = nextFile_, .nextSequence = nextSequence_, .nextCollection = nextCollection_};
  for (const auto& log : logs_)
    manifest.logs.push_back(
        {log->id(), log->isSealed ? log->bytes.load() : 0, log->isSealed ? log->records : 0, log->isSealed});
  for (const auto& [id, collection] : collections_) {
    Manifest::Collection entry{
        .id = id, .name = collection.name, .through = collection.through, .state = collection.state};
    for (const auto& [name, data] : collection.files) entry.files.push_back({name, data->id(), data->bytes()});
    manifest.collections.push_back(std::move(entry));
  }
  return manifest;
}

Manifest Store::currentManifest() const {
  std::lock_guard lock(mutex_);
  return manifest();
}

void Store::syncFolder() {
  try {
    files_.syncFolder(path_);
  } catch (const Error& failed) {
    fail(failed);
    throw;
  }
}

// The names of files that it has must be on the disk before it is, and it before anybody relies on it.
void Store::publish(const Manifest& manifest) {
  syncFolder();
  replaceManifest(files_, path_, manifest);
  syncFolder();
}

void Store::close() {
  std::optional<Error> failed;
  try {
    if (rewriting_) abandonRewriting(Error(Code::Closed, "the store is being closed"));
    if (writer_) {
      sealWriter();
      publish(currentManifest());
    }
  } catch (...) {
    failed.emplace(asError(std::current_exception()));
  }
  // Descriptors, and the room of files that are gone, are let go of whoever still holds this.
  std::vector<std::shared_ptr<LogFile>> logs;
  std::map<uint64_t, Collection> collections;
  ObjectIndex index;
  {
    std::lock_guard lock(mutex_);
    isClosed_ = true;
    writer_ = nullptr;
    std::swap(logs, logs_);
    std::swap(collections, collections_);
    std::swap(index, index_);
    lock_ = nullptr;
  }
  if (failed) throw *failed;
}

Store::Store(std::string path, Options options)
    : path_(std::move(path)), options_(std::move(options)), files_(*options_.files) {}

}  // namespace switchyard::store
