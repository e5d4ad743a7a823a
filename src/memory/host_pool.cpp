// The pool keeps unused blocks by capacity, oldest first, up to a bound, and gives back what nobody asked for in a
// while.
#include "memory/host_pool.h"

#include <sys/mman.h>

#include <chrono>
#include <cstdlib>
#include <list>
#include <map>
#include <mutex>
#include <new>

#include "error.h"
#include "memory/unmap.h"

namespace switchyard {
namespace {

using Clock = std::chrono::steady_clock;
constexpr size_t kHugePage = 2 << 20;
constexpr size_t kMaxUnusedBytes = size_t{512} << 20;
constexpr auto kMaxIdle = std::chrono::seconds(10);

// Eight steps a power of two: at most an eighth is wasted, and sizes that differ a little share blocks.
size_t capacityFor(size_t bytes) {
  size_t top = size_t{1} << (63 - __builtin_clzll(bytes | 1));
  size_t step = top / 8;
  if (step < 4096) step = 4096;
  return (bytes + step - 1) / step * step;
}

std::byte* mapFresh(size_t capacity) {
  size_t extra = capacity >= kHugePage ? kHugePage : 0;
  void* mapped = mmap(nullptr, capacity + extra, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED)
    throw Error(Code::OutOfMemory, "the system has no " + std::to_string(capacity) + " bytes for an output");
  auto* base = static_cast<std::byte*>(mapped);
  if (!extra) return base;
  auto* aligned = reinterpret_cast<std::byte*>((reinterpret_cast<uintptr_t>(base) + kHugePage - 1) & ~(kHugePage - 1));
  if (aligned > base) munmap(base, aligned - base);
  size_t tail = (base + capacity + extra) - (aligned + capacity);
  if (tail) munmap(aligned + capacity, tail);
  madvise(aligned, capacity, MADV_HUGEPAGE);  // a hint: without it the block is only slower
  return aligned;
}

}  // namespace

struct HostPool::State {
  struct Unused {
    std::byte* data;
    size_t capacity;
    Clock::time_point since;
  };
  std::mutex mutex;
  std::list<Unused> unused;  // oldest first
  std::multimap<size_t, std::list<Unused>::iterator> bySize;
  size_t unusedBytes = 0, usedBytes = 0;

  void drop(std::list<Unused>::iterator it) {
    auto range = bySize.equal_range(it->capacity);
    for (auto i = range.first; i != range.second; ++i)
      if (i->second == it) {
        bySize.erase(i);
        break;
      }
    unusedBytes -= it->capacity;
    unmapInSteps(it->data, it->capacity);
    unused.erase(it);
  }
};

HostPool& HostPool::shared() {
  static HostPool* pool = new HostPool;  // leaked on purpose: see the header
  return *pool;
}

HostPool::State& HostPool::state() const {
  static State* state = new State;
  return *state;
}

std::shared_ptr<HostBlock> HostPool::acquire(size_t bytes) {
  if (bytes < kPooledBytes) {
    size_t capacity = (bytes + 63) / 64 * 64;
    if (!capacity) capacity = 64;
    auto* data = static_cast<std::byte*>(std::aligned_alloc(64, capacity));
    if (!data) throw Error(Code::OutOfMemory, "the system has no " + std::to_string(bytes) + " bytes for an output");
    return std::make_shared<HostBlock>(data, bytes, 0);
  }
  size_t capacity = capacityFor(bytes);
  State& s = state();
  {
    std::lock_guard lock(s.mutex);
    auto found = s.bySize.lower_bound(capacity);
    if (found != s.bySize.end() && found->first <= capacity + capacity / 4) {
      State::Unused block = *found->second;
      s.unused.erase(found->second);
      s.bySize.erase(found);
      s.unusedBytes -= block.capacity;
      s.usedBytes += block.capacity;
      return std::make_shared<HostBlock>(block.data, bytes, block.capacity);
    }
  }
  std::byte* data = mapFresh(capacity);
  {
    std::lock_guard lock(s.mutex);
    s.usedBytes += capacity;
  }
  return std::make_shared<HostBlock>(data, bytes, capacity);
}

void HostPool::release(std::byte* data, size_t capacity) noexcept {
  State& s = state();
  std::lock_guard lock(s.mutex);
  auto now = Clock::now();
  s.usedBytes -= capacity;
  s.unused.push_back({data, capacity, now});
  s.bySize.emplace(capacity, std::prev(s.unused.end()));
  s.unusedBytes += capacity;
  while (!s.unused.empty() && (s.unusedBytes > kMaxUnusedBytes || now - s.unused.front().since > kMaxIdle))
    s.drop(s.unused.begin());
}

void HostPool::trim() {
  State& s = state();
  std::lock_guard lock(s.mutex);
  while (!s.unused.empty()) s.drop(s.unused.begin());
}

size_t HostPool::unusedBytes() const {
  State& s = state();
  std::lock_guard lock(s.mutex);
  return s.unusedBytes;
}

size_t HostPool::usedBytes() const {
  State& s = state();
  std::lock_guard lock(s.mutex);
  return s.usedBytes;
}

HostBlock::~HostBlock() {
  if (capacity)
    HostPool::shared().release(data, capacity);
  else
    std::free(data);
}

}  // namespace switchyard
