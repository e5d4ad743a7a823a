// Least recently used goes first; compiling happens outside of the lock, so a slow driver holds up nobody who has a
// hit.
#include "program_cache.h"

#include <chrono>
#include <cstring>

namespace switchyard {

size_t ProgramIdHash::operator()(const ProgramId& id) const noexcept {
  size_t hash;
  std::memcpy(&hash, id.data(), sizeof hash);
  return hash;
}

std::shared_ptr<const Program> ProgramCache::find(const ProgramId& id, bool count) {
  std::lock_guard lock(mutex_);
  const auto found = places_.find(id);
  if (count) ++(found == places_.end() ? use_.misses : use_.hits);
  if (found == places_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->second;
}

std::shared_ptr<const Program> ProgramCache::compile(Device& device, const ModulePtr& module) {
  const auto start = std::chrono::steady_clock::now();
  auto program = device.compile(module);
  const double ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  Entries dropped;  // a driver may take its time to let one go: after the lock
  std::lock_guard lock(mutex_);
  use_.compileMs += ms;
  // another thread was first
  if (const auto found = places_.find(module->id); found != places_.end()) return found->second->second;
  entries_.emplace_front(module->id, program);
  places_[module->id] = entries_.begin();
  use_.bytes += program->bytes;
  while (entries_.size() > capacity_) {
    use_.bytes -= entries_.back().second->bytes;
    places_.erase(entries_.back().first);
    dropped.splice(dropped.begin(), entries_, std::prev(entries_.end()));
  }
  return program;
}

std::shared_ptr<const Program> ProgramCache::get(Device& device, const ModulePtr& module) {
  if (auto program = find(module->id, true)) return program;
  return compile(device, module);
}

void ProgramCache::prepare(Device& device, const ModulePtr& module) {
  if (!find(module->id, false)) compile(device, module);
}

bool ProgramCache::has(const ProgramId& id) const {
  std::lock_guard lock(mutex_);
  return places_.contains(id);
}

ProgramUse ProgramCache::use() const {
  std::lock_guard lock(mutex_);
  ProgramUse use = use_;
  use.programs = entries_.size();
  return use;
}

void ProgramCache::clear() {
  Entries dropped;
  std::lock_guard lock(mutex_);
  dropped.swap(entries_);
  places_.clear();
  use_.bytes = 0;
}

}  // namespace switchyard
