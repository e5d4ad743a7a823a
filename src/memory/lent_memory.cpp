// The numbers are random: a member that joins later can't name what it was not told.
#include "memory/lent_memory.h"

#include <sys/random.h>

#include <utility>

namespace switchyard {
namespace {

uint64_t randomNumber() {
  uint64_t number = 0;
  while (!(number &= (uint64_t{1} << 53) - 1))
    if (getrandom(&number, sizeof number, 0) != sizeof number) number = 0;
  return number;
}

}  // namespace

LentMemory::~LentMemory() { LentTable::shared().forget(number); }

void LentMemory::give(std::shared_ptr<HostBlock> made) {
  std::lock_guard lock(mutex_);
  made_ = std::move(made);
}

std::shared_ptr<HostBlock> LentMemory::made() const {
  std::lock_guard lock(mutex_);
  return made_;
}

LentTable& LentTable::shared() {
  static LentTable* table = new LentTable;  // leaked on purpose: what was lent may go after every static
  return *table;
}

std::shared_ptr<LentMemory> LentTable::lend(std::byte* data, uint64_t bytes, std::shared_ptr<const void> hold) {
  auto lent = std::make_shared<LentMemory>(data, bytes, std::move(hold), randomNumber());
  std::lock_guard lock(mutex_);
  lent_.emplace(lent->number, lent);
  return lent;
}

std::shared_ptr<LentMemory> LentTable::find(uint64_t number) const {
  std::lock_guard lock(mutex_);
  auto found = lent_.find(number);
  return found == lent_.end() ? nullptr : found->second.lock();
}

void LentTable::forget(uint64_t number) noexcept {
  std::lock_guard lock(mutex_);
  lent_.erase(number);
}

}  // namespace switchyard
