// Programs on disk: a folder of files named by what they hold, shared by any number of processes.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "cache_folder.h"
#include "program/module.h"

namespace switchyard {

struct StoreLimits {
  uint64_t mostBytes = uint64_t{256} << 20;  // the oldest used go first
  uint64_t mostFiles = 10000;
};

class ProgramStore {  // thread-safe; any number of processes may share a folder, and any of them may die at any point
 public:
  static constexpr uint64_t kMaxProgramBytes = uint64_t{64} << 20;  // of one file
  static constexpr size_t kMaxWarmUp = 4096;

  // `report` is told once for each kind of trouble, in a sentence: a damaged file (which is removed), a folder that
  // can't be written. On whatever thread meets it.
  using Report = std::function<void(const std::string& problem)>;
  // What a process may write to a folder before it looks at the whole of it again. Stores of one folder may share one;
  // without it a store looks at its first write.
  struct Room {
    std::mutex sweeping;
    std::atomic<int64_t> bytesLeft{0}, filesLeft{0};
  };
  explicit ProgramStore(std::string folder, StoreLimits limits = {}, Report report = {},
                        std::shared_ptr<Room> room = std::make_shared<Room>());

  // The program of this id, or null: absent, damaged, or not a regular file of ours (links are not followed). Marks it
  // as used.
  std::shared_ptr<ProgramModule> load(const ProgramId& id) noexcept;
  // Writes beside it, then renames: a reader sees all of it or nothing. False when the disk won't have it.
  bool store(const ProgramModule& module) noexcept;

  // The warm-up list: ids that the last run used, most used first; those past kMaxWarmUp are left out. One file,
  // replaced as a whole.
  std::vector<ProgramId> loadWarmUp() noexcept;
  bool storeWarmUp(std::span<const ProgramId> ids) noexcept;

  const std::string& folder() const { return folder_; }

 private:
  enum class Trouble : uint32_t { Unreadable, Unwritable, Refused, Damaged, TooLarge };
  struct Kept;
  void tell(Trouble trouble, const std::string& problem) noexcept;
  void tell(Trouble otherwise, const std::exception& error) noexcept;
  void keepToLimits(const CacheFolder& root, uint64_t written);
  void sweep(const CacheFolder& root);

  const std::string folder_;
  const StoreLimits limits_;
  const Report report_;
  std::atomic<uint32_t> told_{0};  // a bit for each Trouble
  const std::shared_ptr<Room> room_;
};

}  // namespace switchyard
