// The programs of one context: what its device has compiled, the latest used first.
#pragma once
#include <list>
#include <mutex>
#include <unordered_map>

#include "device.h"
#include "program/module.h"

namespace switchyard {

struct ProgramIdHash {
  size_t operator()(const ProgramId& id) const noexcept;  // ids are hashes already: their first bytes
};

struct ProgramUse {
  uint64_t programs = 0, bytes = 0;  // held
  uint64_t hits = 0, misses = 0;     // since the context was made
  double compileMs = 0;              // of the misses
};

class ProgramCache {  // thread-safe
 public:
  // At least 1. What goes beyond is let go, the longest unused first; a job that still runs it holds it.
  explicit ProgramCache(size_t capacity) : capacity_(capacity ? capacity : 1) {}

  // The device's program of this module; at a miss it is compiled, outside of any lock. Throws what Device::compile
  // throws.
  std::shared_ptr<const Program> get(Device& device, const ModulePtr& module);
  // The same ahead of a job: neither a hit nor a miss, but its time counts.
  void prepare(Device& device, const ModulePtr& module);
  bool has(const ProgramId& id) const;
  ProgramUse use() const;
  void clear();

 private:
  using Entries = std::list<std::pair<ProgramId, std::shared_ptr<const Program>>>;
  std::shared_ptr<const Program> find(const ProgramId& id, bool count);
  std::shared_ptr<const Program> compile(Device& device, const ModulePtr& module);

  const size_t capacity_;
  mutable std::mutex mutex_;
  Entries entries_;  // the latest used first
  std::unordered_map<ProgramId, Entries::iterator, ProgramIdHash> places_;
  ProgramUse use_;
};

}  // namespace switchyard
