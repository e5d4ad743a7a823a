// Writing: what waits goes into the log together, and onto the disk by one sync.
#include <algorithm>
#include <cstring>
#include <utility>

#include "store/store.h"

namespace switchyard::store {
namespace {

constexpr uint64_t kLeastFile = 1 << 20, kFile = 64 << 20, kMostFile = 256 << 20;
constexpr uint64_t kFileOverhead = 4 << 10;  // more than header, index and footer of a file with one record
constexpr uint64_t kLogFiles = 64;           // about so many, of a large store: each is an open file

uint64_t valueBytes(const Write& write) {
  uint64_t bytes = 0;
  for (const Bytes& piece : write.pieces) bytes += piece.size();
  return bytes;
}

// The format has no place for it, and a recovery would not believe it.
bool isTooLarge(const Write& write) { return valueBytes(write) > kMostValueBytes || write.key.size() > kMostKeyBytes; }

}  // namespace

// Writes that go into one file, and are on the disk, or not, together.
struct Store::Run {
  struct Placed {
    size_t write;
    LogEntry entry;
  };
  std::vector<Placed> placed;
  bool durable = false;
};

std::string Store::keyOf(uint64_t collection) {
  std::string key(sizeof collection, '\0');
  std::memcpy(key.data(), &collection, sizeof collection);
  return key;
}

void Store::settle(std::span<Write> writes, const std::exception_ptr& error) {
  for (Write& write : writes)
    if (write.done) write.done({.error = error});
}

void Store::commit(Writes& writes) {
  std::span<Write> left(writes);
  try {
    checkMayChange();
    while (!left.empty()) left = left.subspan(commitRun(left));
  } catch (const Error&) {
    settle(left, std::current_exception());
  } catch (...) {
    settle(left, std::make_exception_ptr(asError(std::current_exception())));
  }
}

uint64_t Store::fileBytes() const {
  if (options_.fileBytes) return options_.fileBytes;
  if (options_.limit) return std::clamp(options_.limit / 8, kLeastFile, kFile);
  uint64_t bytes = 0;
  for (const auto& log : logs_) bytes += log->bytes;
  return std::clamp(bytes / kLogFiles, kFile, kMostFile);
}

void Store::sealWriter() {
  const auto log = writer_->log();
  bool isSyncing = false;
  try {
    writer_->seal(isSyncing);
  } catch (const Error& failed) {
    if (isSyncing) fail(failed);
    throw;
  }
  std::lock_guard lock(mutex_);
  ++syncs_;
  log->isSealed = true;
  writer_ = nullptr;
}

void Store::syncWriter() {
  if (!writer_ || writer_->isSynced()) return;
  try {
    writer_->sync();
  } catch (const Error& failed) {
    fail(failed);
    throw;
  }
  std::lock_guard lock(mutex_);
  ++syncs_;
}

// The new file is in the manifest before anything is in it.
void Store::beginLog(uint64_t leastBytes) {
  const uint64_t id = nextFile_++;
  std::shared_ptr<LogFile> log;
  try {
    log = LogFile::create(files_, path_, id);
    Manifest with = currentManifest();
    with.logs.push_back({id});
    publish(with);
  } catch (...) {
    removeUnlessFailed(path_ + "/" + logName(id));
    throw;
  }
  writer_ = std::make_unique<LogWriter>(log, std::max(fileBytes(), leastBytes));
  std::lock_guard lock(mutex_);
  logs_.push_back(std::move(log));
}

void Store::prepareRun(const Write& first) {
  const uint64_t bytes = valueBytes(first);
  if (writer_ && writer_->records() > 0 && writer_->sizeWith(first.key.size(), bytes) > writer_->mostBytes())
    sealWriter();
  if (!writer_) beginLog(recordBytes(first.key.size(), bytes) + kFileOverhead);
}

uint64_t Store::sizeAfter(const Write& write) const {
  uint64_t bytes = 0;
  for (const auto& log : logs_)
    if (!writer_ || log != writer_->log()) bytes += log->bytes;
  for (const auto& [id, collection] : collections_)
    for (const auto* files : {&collection.files, &collection.staged})
      for (const auto& [name, data] : *files) bytes += data->allBytes();
  const uint64_t value = valueBytes(write);
  if (writer_ && writer_->sizeWith(write.key.size(), value) <= writer_->mostBytes())
    return bytes + writer_->allocatedWith(write.key.size(), value);
  const uint64_t first = recordBytes(write.key.size(), value) + kFileOverhead;
  return bytes + (writer_ ? writer_->log()->bytes.load() : 0) +
         std::max(first, std::min(first + kLeastStep, fileBytes()));
}

bool Store::fits(const Write& write) const {
  if (!options_.limit) return true;
  std::lock_guard lock(mutex_);
  return sizeAfter(write) <= options_.limit;
}

// False: the store has no room for it within its limit, not even when files are rewritten.
bool Store::makeRoom(const Write& write) {
  if (fits(write)) return true;
  if (rewriting_) abandonRewriting(Error(Code::Closed, "others are more urgent"));
  while (!fits(write)) {
    auto inputs = chooseForRoom(Worth::Quarter);
    if (inputs.empty()) return false;
    beginRewriting(std::move(inputs));
    while (rewriting_) stepRewriting();
    if (isResting()) return fits(write);  // it has failed
  }
  return true;
}

// A delete of a key that the log knows nothing of needs no record, which would take room for nothing.
bool Store::isNothing(Write& write) {
  if (write.durable && writer_ && !writer_->isSynced()) return false;  // which makes durable what was before it
  {
    std::lock_guard lock(mutex_);
    if (index_.any(write.key)) return false;
  }
  if (write.done) write.done({.sequence = acknowledged_});
  return true;
}

// Whether it has been answered: there is nothing to write, or no room.
bool Store::refuse(Write& write) {
  const uint64_t bytes = valueBytes(write);
  if (isTooLarge(write)) {
    settle({&write, 1},
           std::make_exception_ptr(
               Error(Code::InvalidArgument, "a record has " + std::to_string(bytes) + " bytes and a key of " +
                                                std::to_string(write.key.size()) + ", but may have at most " +
                                                std::to_string(kMostValueBytes) + " (1 GB) and a key of at most " +
                                                std::to_string(kMostKeyBytes))));
    return true;
  }
  if (write.kind == Kind::Delete) return isNothing(write);  // else that makes room
  const bool hasRoom = makeRoom(write);
  checkMayChange();  // making room may have met a sync that failed
  if (hasRoom) return false;
  settle({&write, 1}, std::make_exception_ptr(Error(
                          Code::OutOfMemory, "the store '" + path_ + "' has no room for " + std::to_string(bytes) +
                                                 " bytes within its limit of " + std::to_string(options_.limit) +
                                                 " bytes; delete something, or open it with a larger limit")));
  return true;
}

void Store::place(Run& run, Write& write, size_t at) {
  const uint64_t bytes = valueBytes(write), sequence = nextSequence_;
  const RecordParts parts{write.kind, sequence, write.expiry, write.key, write.pieces, bytes};
  {
    std::lock_guard lock(mutex_);
    ++nextSequence_;
  }
  const uint64_t offset = writer_->append(parts);
  run.durable |= write.durable;
  run.placed.push_back({at, {sequence, offset, write.expiry, static_cast<uint32_t>(bytes), write.kind, write.key}});
}

void Store::rollBack(const LogWriter::Mark& mark) {
  try {
    writer_->rollBack(mark);
  } catch (const Error& failed) {
    fail(failed);
  }
}

// How many of them have been answered, at least one. What it throws is the answer of all that are left.
size_t Store::commitRun(std::span<Write> writes) {
  if (refuse(writes[0])) return 1;
  prepareRun(writes[0]);
  Run run;
  size_t count = 0;
  const LogWriter::Mark mark = writer_->mark();
  try {
    for (; count < writes.size(); ++count) {
      Write& write = writes[count];
      if (count > 0) {
        if (isTooLarge(write)) break;
        if (writer_->sizeWith(write.key.size(), valueBytes(write)) > writer_->mostBytes()) break;
        if (write.kind != Kind::Delete && !fits(write)) break;
      }
      place(run, write, count);
    }
    writer_->flush();
  } catch (...) {
    rollBack(mark);
    throw;
  }
  if (run.durable) syncWriter();
  try {
    apply(run, writes);
  } catch (...) {  // no memory: what is in the log is not in the index, so nothing can go on from here
    fail(asError(std::current_exception()));
    throw;
  }
  return count;
}

Written Store::applyEntry(const LogEntry& entry, LogFile* log, int64_t time) {
  Written answer{.sequence = entry.sequence};
  if (entry.kind != Kind::Record) {
    answer.existed = index_.apply(entry, log, time);
    return answer;
  }
  uint64_t id;
  std::memcpy(&id, entry.key.data(), sizeof id);
  const auto at = collections_.find(id);
  if (at == collections_.end()) {
    answer.error = std::make_exception_ptr(Error(Code::Closed, "the collection was dropped"));
    return answer;
  }
  at->second.records.push_back({entry.sequence, {log, entry.offset}, entry.bytes()});
  log->live += entry.bytes();
  return answer;
}

void Store::apply(Run& run, std::span<Write> writes) {
  std::vector<Written> answers;
  answers.reserve(run.placed.size());
  LogFile* const log = writer_->log().get();
  const int64_t time = now();
  while (answers.size() < run.placed.size()) {
    mutex_.letOthersIn();
    std::lock_guard lock(mutex_);
    if (answers.empty()) {
      log->recordsEnd = writer_->end();
      log->records = writer_->records();
      ++commits_;
    }
    const size_t end = std::min(run.placed.size(), answers.size() + kLockedEntries);
    while (answers.size() < end) answers.push_back(applyEntry(run.placed[answers.size()].entry, log, time));
    acknowledged_ = answers.back().sequence;
  }
  for (size_t i = 0; i < answers.size(); ++i)
    if (Write& write = writes[run.placed[i].write]; write.done) write.done(answers[i]);
}

}  // namespace switchyard::store
