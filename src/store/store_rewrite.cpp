// Reclaiming: files of which little counts are replaced, a piece at a time, by one that has the rest; and many small
// ones by one. The files themselves are never changed, so readers go on, and a crash leaves the old ones or the new.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "store/store.h"

namespace switchyard::store {
namespace {

constexpr uint64_t kSyncBytes = 8 << 20;
constexpr size_t kSmallFiles = 8;                 // so many are made one; each takes a descriptor, and time to open
constexpr uint64_t kSmall = 8;                    // a file of less than an eighth of what a file has is small
constexpr auto kRest = std::chrono::seconds(10);  // after one that has failed

}  // namespace

bool Store::maintain() {
  if (options_.readOnly) return false;
  for (bool more = true; more; mutex_.letOthersIn()) {
    std::lock_guard lock(mutex_);
    if (isClosed_ || !failure_.empty()) return false;
    more = index_.expire(now(), kLockedEntries);
  }
  if (rewriting_) return stepRewriting(), true;
  if (isResting()) return false;
  try {
    return tendFiles();
  } catch (...) {  // of a file that was to be ended; what is there holds
    restsUntil_ = std::chrono::steady_clock::now() + kRest;
    return true;
  }
}

// Ends a file, or begins to replace some; false: there is nothing to do.
bool Store::tendFiles() {
  auto inputs = chooseFiles(Worth::Half);
  if (inputs.empty() && wantsRoom_.exchange(false)) {
    for (const Worth worth : {Worth::Quarter, Worth::Sixteenth})
      if (inputs.empty()) inputs = chooseForRoom(worth);
    wantsRoom_ = !inputs.empty();
  }
  if (inputs.empty()) return sealLeftover();  // behind what gives room back
  beginRewriting(std::move(inputs));
  return true;
}

// A file that an opening found no room to end.
std::shared_ptr<LogFile> Store::leftover() const {
  std::lock_guard lock(mutex_);
  const auto isLeft = [&](const auto& log) { return !log->isSealed && !(writer_ && log == writer_->log()); };
  const auto at = std::find_if(logs_.begin(), logs_.end(), isLeft);
  return at == logs_.end() ? nullptr : *at;
}

// Ends one such file; false: there is none. Throws where there still is no room.
bool Store::sealLeftover() {
  const auto log = leftover();
  if (!log) return false;
  bool isSyncing = false;
  try {
    if (!sealFound(*log, log->scan(log->records), isSyncing))
      throw Error(Code::OutOfMemory, "the store's file '" + log->path() + "' can't be ended: the disk has no room");
  } catch (const Error& failed) {
    if (isSyncing) fail(failed);
    throw;
  }
  {
    std::lock_guard lock(mutex_);
    log->isSealed = true;
  }
  publish(currentManifest());
  return true;
}

bool Store::isResting() const { return std::chrono::steady_clock::now() < restsUntil_; }

void Store::payOwed() {
  for (; owed_ >= kStepBytes; owed_ -= kStepBytes) {
    if (maintain()) continue;
    owed_ = 0;  // there is nothing to do
    return;
  }
}

// Sealed files that are worth it; else small ones.
std::vector<std::shared_ptr<LogFile>> Store::chooseFiles(Worth worth) const {
  const uint64_t share = worth == Worth::Half ? 2 : worth == Worth::Quarter ? 4 : 16;
  std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<LogFile>> most, small;
  const uint64_t limit = fileBytes();
  uint64_t live = 0, smallBytes = 0;
  for (const auto& log : logs_) {
    if (!log->isSealed || log->isRefused) continue;
    const uint64_t all = log->dead() + log->live;
    if (log->dead() > 0 && log->dead() * share >= all && (most.empty() || live + log->live <= limit)) {
      live += log->live;
      most.push_back(log);
    } else if (log->bytes < limit / kSmall && smallBytes + log->live <= limit) {
      smallBytes += log->live;
      small.push_back(log);
    }
  }
  if (!most.empty()) return most;
  if (small.size() < kSmallFiles) small.clear();
  return small;
}

// The same, and the file that is written to, if it is needed.
std::vector<std::shared_ptr<LogFile>> Store::chooseForRoom(Worth worth) {
  auto inputs = chooseFiles(worth);
  if (!inputs.empty() || !writer_ || writer_->log()->dead() <= writer_->log()->live) return inputs;
  sealWriter();
  return chooseFiles(worth);
}

void Store::beginRewriting(std::vector<std::shared_ptr<LogFile>> inputs) {
  rewriting_ = std::make_unique<Rewriting>();
  rewriting_->inputs = std::move(inputs);
}

bool Store::isLive(const LogEntry& record) const {
  uint64_t id;
  std::memcpy(&id, record.key.data(), sizeof id);
  const auto at = collections_.find(id);
  return at != collections_.end() && record.sequence > at->second.through;
}

// Some of what there is to copy. A file of which nothing counts is not even read, but for its index.
void Store::stepRewriting() {
  Rewriting& now = *rewriting_;
  try {
    uint64_t copied = 0;
    for (size_t steps = 0; steps < kStepEntries && copied < kStepBytes; ++steps) {
      if (now.indexes.empty() || now.entry == now.indexes.back().entries.size()) {
        if (now.indexes.size() == now.inputs.size()) return endRewriting();
        now.current = now.inputs[now.indexes.size()];
        now.isReading = true;
        now.indexes.push_back(now.current->readIndex());
        now.isReading = false;
        now.entry = 0;
        continue;
      }
      const LogEntry& entry = now.indexes.back().entries[now.entry++];
      copied += copyEntry(entry, *now.current);
    }
    if (!now.out) return;
    now.out->flush();
    if ((now.unsynced += copied) < kSyncBytes) return;
    now.out->sync();
    now.unsynced = 0;
  } catch (...) {
    abandonRewriting(asError(std::current_exception()));
  }
}

uint64_t Store::copyEntry(const LogEntry& entry, const LogFile& from) {
  Rewriting& now = *rewriting_;
  auto fate = ObjectIndex::Fate::Drop;
  {
    std::lock_guard lock(mutex_);
    if (entry.kind != Kind::Record)
      fate = index_.fateOf(entry);
    else if (isLive(entry))
      fate = ObjectIndex::Fate::Keep;
  }
  now.moved.push_back({entry, fate});
  if (fate == ObjectIndex::Fate::Drop) return 0;
  if (!now.out) {
    auto log = LogFile::create(files_, path_, nextFile_++);
    now.out = std::make_unique<LogWriter>(std::move(log), UINT64_MAX / 2);
  }
  RecordParts parts{.kind = Kind::Delete, .sequence = entry.sequence, .key = entry.key};
  std::vector<std::byte> record;
  Bytes value;
  if (fate == ObjectIndex::Fate::Keep) {
    record.resize(entry.bytes());
    now.isReading = true;
    from.readRecord(entry.offset, entry.sequence, record);
    now.isReading = false;
    value = Bytes(record).subspan(sizeof(RecordHeader) + entry.key.size(), entry.valueBytes);
    parts.kind = entry.kind;
    parts.expiry = entry.expiry;
    parts.value = {&value, 1};
    parts.valueBytes = entry.valueBytes;
  }
  now.moved.back().offset = now.out->append(parts);
  return recordBytes(entry.key.size(), parts.valueBytes);
}

void Store::endRewriting() {
  Rewriting& done = *rewriting_;
  if (done.out) {
    bool isSyncing = false;
    done.out->seal(isSyncing);
    done.out->log()->isSealed = true;
    done.out->log()->recordsEnd = done.out->end();
    done.out->log()->records = done.out->records();
  }
  const auto isInput = [&](uint64_t file) {
    return std::any_of(done.inputs.begin(), done.inputs.end(), [&](const auto& log) { return log->id() == file; });
  };
  Manifest with = currentManifest();
  std::erase_if(with.logs, [&](const Manifest::Log& log) { return isInput(log.file); });
  if (done.out) with.logs.push_back({done.out->log()->id(), done.out->log()->bytes, done.out->records(), true});
  // What has made records dead may not be on the disk yet, and they are what would be left without it.
  syncWriter();
  publish(with);
  install(done);
  for (const auto& log : done.inputs) removeUnlessFailed(log->path());
  rewriting_ = nullptr;
}

// The new file is in the manifest: what stands there is found there from now on.
void Store::install(Rewriting& done) {
  LogFile* const out = done.out ? done.out->log().get() : nullptr;
  // Both hold meanwhile, so readers may come in between.
  for (size_t at = 0; at < done.moved.size(); mutex_.letOthersIn()) {
    std::lock_guard lock(mutex_);
    for (const size_t end = std::min(done.moved.size(), at + kLockedEntries); at < end; ++at)
      installEntry(done.moved[at], out);
  }
  std::lock_guard lock(mutex_);
  std::erase_if(logs_, [&](const auto& log) {
    return std::find(done.inputs.begin(), done.inputs.end(), log) != done.inputs.end();
  });
  if (out) logs_.push_back(done.out->log());
  ++rewritten_;
}

void Store::installEntry(const Rewriting::Moved& moved, LogFile* out) {
  const LogEntry& entry = moved.entry;
  if (entry.kind != Kind::Record) {
    if (moved.fate == ObjectIndex::Fate::Drop)
      index_.dropped(entry);
    else
      index_.moved(entry, moved.fate, {out, moved.offset});
    return;
  }
  if (moved.fate == ObjectIndex::Fate::Drop || !isLive(entry)) return;
  uint64_t id;
  std::memcpy(&id, entry.key.data(), sizeof id);
  auto& records = collections_.at(id).records;
  const auto at =
      std::lower_bound(records.begin(), records.end(), entry.sequence,
                       [](const RecordPlace& record, uint64_t sequence) { return record.sequence < sequence; });
  at->place.log->live -= at->bytes;
  at->place = {out, moved.offset};
  out->live += at->bytes;
}

// The old files hold. One that can't be read is left alone from now on; what else there is may be tried again later.
void Store::abandonRewriting(const Error& error) {
  const auto failed = std::move(rewriting_);
  if (failed->out) removeUnlessFailed(failed->out->log()->path());
  if (error.code == Code::Closed) return;
  if (!failed->isReading || error.code == Code::OutOfMemory) {
    restsUntil_ = std::chrono::steady_clock::now() + kRest;
    return;
  }
  std::lock_guard lock(mutex_);
  failed->current->isRefused = true;
  problems_.push_back({failed->current->path(), 0, error.what()});
}

}  // namespace switchyard::store
