// The durable store: objects by key and collections of records, in one log with checksums, in a folder. Any thread may
// read and ask for writes; what changes the store is done by whoever calls work(), one thread at a time.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "error.h"
#include "memory/host_pool.h"
#include "store/data_file.h"
#include "store/files.h"
#include "store/format.h"
#include "store/log_file.h"
#include "store/manifest.h"
#include "store/object_index.h"
#include "store/polite_mutex.h"
#include "store/rewriting.h"

namespace switchyard::store {

using Problem = LogFile::Problem;

struct Written {
  std::exception_ptr error;
  uint64_t sequence = 0;
  bool existed = false;  // of a Delete or a Put: the key had a value before
};

struct Write {
  Kind kind = Kind::Put;
  std::string key;                                 // of a Record, keyOf() its collection
  std::vector<Bytes> pieces;                       // of the value
  std::vector<std::shared_ptr<const void>> holds;  // what they lie in, until `done` has been called
  int64_t expiry = 0;
  bool durable = true;
  std::function<void(const Written&)> done;  // on the thread that works; must not throw
};

// A value where it lies in its record, which was read.
struct Value {
  std::shared_ptr<HostBlock> block;
  uint64_t offset = 0, bytes = 0;
};

// What the opening has found.
struct Recovery {
  uint64_t records = 0, bytes = 0, torn = 0;
  bool wasClosed = true;  // in good order, the time before
  std::vector<Problem> problems;
};

struct StoreStats {
  uint64_t objects = 0, objectBytes = 0;
  uint64_t diskBytes = 0, deadBytes = 0;
  uint64_t logFiles = 0, dataFiles = 0, collections = 0;
  uint64_t sequence = 0;  // of the last write that was acknowledged
  uint64_t syncs = 0, commits = 0, rewritten = 0;
  std::string failure;  // why it takes no more writes; empty: it does
  Recovery recovery;
  std::vector<Problem> problems;  // that were met since
};

struct Verified {
  uint64_t files = 0, records = 0;
  std::vector<Problem> problems;
};

// A record of a collection.
struct RecordPlace {
  uint64_t sequence = 0;
  Place place;
  uint64_t bytes = 0;  // with its header
};

struct Collection {
  std::string name;
  uint64_t through = 0;
  std::string state;
  std::map<std::string, std::shared_ptr<DataFile>, std::less<>> files;   // of the last checkpoint
  std::map<std::string, std::shared_ptr<DataFile>, std::less<>> staged;  // written, and in no checkpoint yet
  std::deque<RecordPlace> records;                                       // those after `through`, in order
};

// A store at one moment, and its files held open.
struct Snapshot {
  struct Part {
    std::string name;  // of the file
    std::shared_ptr<const void> hold;
    File* file = nullptr;
    uint64_t bytes = 0;
  };
  std::string folder;
  Manifest manifest;
  std::vector<Part> parts;
};
// Links the parts where that can be, copies them elsewhere. Throws InvalidArgument where the target is there already.
void writeSnapshot(Files& files, const Snapshot& snapshot, const std::string& target);
// A snapshot, or any store that was closed. Throws as openings do.
Snapshot openSnapshot(Files& files, const std::string& folder);

class Store {
 public:
  struct Options {
    bool readOnly = false;
    uint64_t limit = 0;      // bytes on the disk; 0: none
    uint64_t fileBytes = 0;  // of a log file; 0: as the size of the store has it
    Files* files = &systemFiles();
    int64_t (*now)() = nullptr;       // ms since 1970; null: the system's clock
    std::function<void()> wantsWork;  // work() is to be called soon. Any thread; must not throw
  };
  // Throws InvalidArgument, Unsupported, Locked, Damaged, and what the files do.
  static std::shared_ptr<Store> open(const std::string& path, Options options);
  ~Store();

  const std::string& path() const { return path_; }
  bool isReadOnly() const { return options_.readOnly; }
  int64_t now() const;

  // In order, with each other.
  void write(Write write);
  // `task` runs between writes; must not throw.
  void perform(std::function<void()> task);
  // Whatever of its files does not count is to go, as far as that is worth while, though nobody waits for the room.
  void reclaim();
  // Some of what there is to do. False: nothing is left.
  bool work();

  // Reads. Nothing: there is no such key, or its time is over. Throws Damaged.
  std::optional<Value> get(std::string_view key) const;
  struct LastRecord {
    uint64_t sequence = 0;
    bool isThere = false;  // not deleted, and its time is not over
  };
  // Of one that is gone nothing is known once no older record of it is on the disk.
  std::optional<LastRecord> lastRecord(std::string_view key) const;
  std::vector<std::string> list(std::string_view prefix, std::string_view after, size_t limit) const;
  StoreStats stats() const;
  Verified verify() const;

  // In perform() alone, as all down to close().
  uint64_t collection(const std::string& name);  // its id; a new one where there is none
  void drop(uint64_t collection);
  struct Checkpoint {
    uint64_t collection = 0, through = 0;
    std::string state;
    std::vector<std::string> files;
  };
  void checkpoint(const Checkpoint& checkpoint);
  Snapshot snapshot();
  void close();  // seals what is open; no calls any more
  // Any thread, as those before.
  static std::string keyOf(uint64_t collection);
  struct Found {
    uint64_t through = 0;
    std::string state;
    std::vector<Manifest::Data> files;
    uint64_t records = 0;
  };
  Found recover(uint64_t collection) const;
  // The records after that one, some megabytes of them.
  std::vector<std::pair<uint64_t, Value>> readRecords(uint64_t collection, uint64_t after) const;
  std::unique_ptr<DataWriter> beginFile(uint64_t collection, const std::string& name);
  std::shared_ptr<DataFile> endFile(uint64_t collection, const std::string& name, DataWriter& writer);
  std::shared_ptr<DataFile> file(uint64_t collection, const std::string& name) const;

 private:
  struct Request {
    Write write;
    std::function<void()> task;  // in its place, where there is one
  };
  using Writes = std::vector<Write>;
  struct Run;
  // Of which files so much is dead that they are worth being replaced: half, a quarter, a sixteenth.
  enum class Worth { Half, Quarter, Sixteenth };

  Store(std::string path, Options options);
  void openFolder();
  void lock();
  void readFolder();
  void removeStrangers(const Manifest& manifest);
  LogIndex readIndex(const LogFile& log, const Manifest::Log& entry);
  LogIndex openLog(LogFile& log, const Manifest::Log& entry, bool& isChanged);
  LogIndex recoverLog(LogFile& log, bool& isChanged);
  static bool sealFound(LogFile& log, const LogIndex& index, bool& isSyncing);
  void fill(std::vector<std::pair<std::shared_ptr<LogFile>, LogIndex>>& found);
  void openCollections(const Manifest& manifest);
  std::shared_ptr<DataFile> openData(const Manifest::Data& data);

  void commit(Writes& writes);
  size_t commitRun(std::span<Write> writes);
  bool refuse(Write& write);
  bool isNothing(Write& write);
  void rollBack(const LogWriter::Mark& mark);
  void prepareRun(const Write& first);
  void place(Run& run, Write& write, size_t at);
  void apply(Run& run, std::span<Write> writes);
  Written applyEntry(const LogEntry& entry, LogFile* log, int64_t time);  // under mutex_
  void settle(std::span<Write> writes, const std::exception_ptr& error);
  bool fits(const Write& write) const;  // within the limit
  bool makeRoom(const Write& write);
  uint64_t sizeAfter(const Write& write) const;
  void sealWriter();
  // What was acknowledged without being on the disk is there then: for what relies on it.
  void syncWriter();
  void beginLog(uint64_t leastBytes);
  uint64_t fileBytes() const;
  void publish(const Manifest& manifest);
  void syncFolder();
  Manifest manifest() const;  // under mutex_
  Manifest currentManifest() const;
  void checkMayChange() const;
  void fail(const Error& error);
  // A file that nothing names; after a failure it may be that the manifest on the disk does.
  void removeUnlessFailed(const std::string& path);

  void ask(Request request);
  bool maintain();
  void payOwed();
  bool isResting() const;
  std::shared_ptr<LogFile> leftover() const;
  bool sealLeftover();
  bool tendFiles();
  std::vector<std::shared_ptr<LogFile>> chooseFiles(Worth worth) const;
  std::vector<std::shared_ptr<LogFile>> chooseForRoom(Worth worth);
  void beginRewriting(std::vector<std::shared_ptr<LogFile>> inputs);
  void stepRewriting();
  uint64_t copyEntry(const LogEntry& entry, const LogFile& from);  // how many bytes of it
  void endRewriting();
  void install(Rewriting& done);
  void installEntry(const Rewriting::Moved& moved, LogFile* out);  // under mutex_
  void abandonRewriting(const Error& error);
  bool isLive(const LogEntry& record) const;  // of a collection; under mutex_

  Collection& collectionOf(uint64_t id);              // under mutex_
  const Collection& collectionOf(uint64_t id) const;  // the same
  Value readValue(const LogFile& log, uint64_t offset, uint64_t sequence, uint64_t keyBytes, uint64_t bytes) const;

  const std::string path_;
  const Options options_;
  Files& files_;
  std::unique_ptr<File> lock_;
  std::atomic<uint64_t> nextFile_{1};
  std::atomic<bool> wantsRoom_{false};

  std::mutex queueMutex_;  // for moments: whoever asks must not wait for what is done
  std::deque<Request> queue_;

  mutable PoliteMutex mutex_;  // all below, which the working thread alone changes, but for staged files
  ObjectIndex index_;
  std::vector<std::shared_ptr<LogFile>> logs_;
  std::map<uint64_t, Collection> collections_;
  uint64_t nextSequence_ = 1, nextCollection_ = 1, acknowledged_ = 0;
  uint64_t syncs_ = 0, commits_ = 0, rewritten_ = 0;
  Recovery recovery_;
  std::vector<Problem> problems_;
  std::string failure_;
  bool isClosed_ = false;

  bool isLastTry_ = false;  // of a reader that opens

  // The working thread's own.
  std::unique_ptr<LogWriter> writer_;
  std::unique_ptr<Rewriting> rewriting_;
  std::chrono::steady_clock::time_point restsUntil_;  // no rewriting before that: one has failed
  uint64_t owed_ = 0;                                 // rewriting that keeps pace with what was written, in bytes
};

}  // namespace switchyard::store
