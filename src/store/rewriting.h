// Files of the log that are being replaced by one that has only what counts.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "store/log_file.h"
#include "store/object_index.h"

namespace switchyard::store {

// Of one step: writers wait for no more than that.
inline constexpr uint64_t kStepBytes = 1 << 20;
inline constexpr size_t kStepEntries = 4096;
// Of the index, under one lock: readers wait for no more than that.
inline constexpr size_t kLockedEntries = 1024;

struct Rewriting {
  struct Moved {
    LogEntry entry;
    ObjectIndex::Fate fate;
    uint64_t offset = 0;  // in the new file
  };
  std::vector<std::shared_ptr<LogFile>> inputs;
  std::vector<LogIndex> indexes;  // of those that were begun
  std::shared_ptr<LogFile> current;
  std::unique_ptr<LogWriter> out;
  std::vector<Moved> moved;  // every entry that was gone through
  size_t entry = 0;          // the next one, of the last index
  bool isReading = false;    // of `current`: what fails then is its fault
  uint64_t unsynced = 0;     // bytes
};

}  // namespace switchyard::store
