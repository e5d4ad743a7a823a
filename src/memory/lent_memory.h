// Memory of this process that jobs of this very process name by a number: what never leaves the process is not copied.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "memory/host_pool.h"

namespace switchyard {

// One input, or one output's place, for as long as a job that names it is not over.
class LentMemory {
 public:
  // `hold` keeps `data` where it is; without data it is the place of an output, which the job makes itself.
  LentMemory(std::byte* data, uint64_t bytes, std::shared_ptr<const void> hold, uint64_t number)
      : data(data), bytes(bytes), number(number), hold_(std::move(hold)) {}
  ~LentMemory();
  LentMemory(const LentMemory&) = delete;
  LentMemory& operator=(const LentMemory&) = delete;

  std::byte* const data;
  const uint64_t bytes;
  const uint64_t number;  // random, 1 .. 2^53-1

  // What the job has made; any thread.
  void give(std::shared_ptr<HostBlock> made);
  std::shared_ptr<HostBlock> made() const;

 private:
  const std::shared_ptr<const void> hold_;
  mutable std::mutex mutex_;
  std::shared_ptr<HostBlock> made_;
};

// Every piece that is lent in this process. Thread-safe.
class LentTable {
 public:
  static LentTable& shared();  // never destroyed
  std::shared_ptr<LentMemory> lend(std::byte* data, uint64_t bytes, std::shared_ptr<const void> hold);
  std::shared_ptr<LentMemory> find(uint64_t number) const;  // null: it is not lent (any more)

 private:
  friend class LentMemory;
  void forget(uint64_t number) noexcept;
  mutable std::mutex mutex_;
  std::unordered_map<uint64_t, std::weak_ptr<LentMemory>> lent_;
};

}  // namespace switchyard
