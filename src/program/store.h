// Programs on disk: a folder of files named by what they hold, shared by any number of processes.
#pragma once
#include <functional>
#include <string>

#include "program/module.h"

namespace switchyard {

struct StoreLimits {
  uint64_t mostBytes = uint64_t{256} << 20;  // the oldest used go first
  uint64_t mostFiles = 10000;
};
// SHADER_CACHE_DIR, else $XDG_CACHE_HOME/switchyard, else ~/.cache/switchyard; empty: there is none.
std::string defaultCacheFolder();

class ProgramStore {  // thread-safe; any number of processes may share a folder, and any of them may die at any point
 public:
  // `report` is told once for each kind of trouble, in a sentence: a damaged file (which is removed), a folder that can't be written.
  using Report = std::function<void(const std::string& problem)>;
  explicit ProgramStore(std::string folder, StoreLimits limits = {}, Report report = {});

  // The program of this id, or null: absent, damaged, or not a regular file of ours (links are not followed). Marks it as used.
  std::shared_ptr<ProgramModule> load(const ProgramId& id) noexcept;
  // Writes beside it, then renames: a reader sees all of it or nothing. False when the disk won't have it.
  bool store(const ProgramModule& module) noexcept;

  // The warm-up list: ids that the last run used, most used first. One file, replaced as a whole.
  std::vector<ProgramId> loadWarmUp() noexcept;
  bool storeWarmUp(std::span<const ProgramId> ids) noexcept;

  const std::string& folder() const { return folder_; }

 private:
  const std::string folder_;
  const StoreLimits limits_;
  const Report report_;
};

}  // namespace switchyard
