// The pieces of this process's regions: what was freed last first, then the best fit, then memory never touched.
// A first touch of a fresh memfd, 16 MB at a time, 2 cores of a Xeon VM, Linux 6.18, shmem_enabled=never, of three
// runs:
//   touch                            12.2-13.6 ms   and SIGBUS where the system has no page
//   MADV_HUGEPAGE + populate          9.9-12.1 ms   no difference to populate: no huge pages for shared memory here
//   fallocate, touch                 10.7-11.6 ms   (3.3 ms of it fallocate)
//   fallocate 2 MB at a time, touch  11.2-13.7 ms
//   MADV_POPULATE_WRITE, touch        9.5-10.9 ms
//   fallocate + populate, touch 8.4-12.1 ms, mostly the fastest; used here: fallocate says when memory is out,
//     populating is optional
// against 0.4-0.8 ms when touched again.
#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "memory/shared_heap_state.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace switchyard {
namespace {

using Clock = std::chrono::steady_clock;
constexpr uint64_t kPopulateStep = 1 << 20;
constexpr uint64_t kAhead = 256 << 10;          // memory is made present in steps of this for small blocks
constexpr size_t kMaxLarge = 16;                // freed large blocks kept as they are
constexpr uint64_t kMaxClassBytes = 8 << 20;    // what a class keeps before its older half may merge
constexpr uint64_t kMaxSpareBytes = 256 << 20;  // regions without a block, beyond one
constexpr auto kMaxSpareAge = std::chrono::seconds(10);

}  // namespace

bool makePresent(const Region& region, uint64_t from, uint64_t to) {
  constexpr uint64_t kStep = 16 << 20;  // a signal starts fallocate over: short calls get done
  for (uint64_t at = from; at < to;) {
    uint64_t bytes = std::min(kStep, to - at);
    if (fallocate(region.fd(), 0, off_t(at), off_t(bytes))) {
      if (errno == EINTR) continue;
      if (errno != EOPNOTSUPP && errno != ENOSYS) return false;
    }
    // Linux 5.14; only faster. No other thread changes the process's mappings while a step is under way.
    for (uint64_t done = 0; done < bytes; done += kPopulateStep)
      madvise(region.data() + at + done, std::min(kPopulateStep, bytes - done), MADV_POPULATE_WRITE);
    at += bytes;
  }
  return true;
}

void SharedHeap::State::takeCached(uint64_t capacity, bool shareable, Piece& piece) {
  auto& list = capacity <= kLarge ? cached[classOf(capacity)] : cachedLarge;
  for (size_t i = list.size(); i-- > 0;) {
    if (list[i].capacity < capacity || list[i].capacity - capacity > capacity / 4) continue;
    if (!serves(*list[i].space, shareable)) break;
    piece = list[i];
    list.erase(list.begin() + ptrdiff_t(i));
    cachedBytes -= piece.capacity;
    return;
  }
}

void SharedHeap::State::takeFree(uint64_t capacity, bool shareable, Piece& piece) {
  uint64_t best = 0;
  for (auto& space : spaces) {
    uint64_t size = space->ranges.bestFit(capacity);
    if (!size || (best && size >= best) || !serves(*space, shareable)) continue;
    best = size;
    piece.space = space.get();
  }
  if (!piece.space) return;
  piece.offset = piece.space->ranges.take(capacity);
  piece.capacity = capacity;
}

void SharedHeap::State::takeFresh(uint64_t capacity, bool shareable, Piece& piece) {
  for (auto& space : spaces) {
    uint64_t start = space->ranges.startBefore(space->frontier);
    if (space->end - start < capacity || !serves(*space, shareable)) continue;
    uint64_t to = start + capacity, present = std::max(space->present, roundedUp(to, kPage));
    uint64_t missing = present - space->present;
    if (missing && missing < kLarge) {
      present = std::min(space->end, space->present + std::max(missing, kAhead));
      if (!makePresent(*space->region, space->present, present)) noPages(capacity);
    } else if (missing) {
      piece.absentFrom = space->present;
      piece.absentTo = present;
    }
    if (start < space->frontier) space->ranges.removeLast();
    space->present = present;
    space->frontier = to;
    piece.space = space.get();
    piece.offset = start;
    piece.capacity = capacity;
    return;
  }
}

void SharedHeap::State::noPages(uint64_t bytes) {
  throw Error(Code::OutOfMemory, "the system has no " + std::to_string(bytes) + " more bytes of shared memory");
}

Piece SharedHeap::State::take(uint64_t capacity, bool shareable) {
  Piece piece;
  takeCached(capacity, shareable, piece);
  if (!piece.space) takeFree(capacity, shareable, piece);
  if (!piece.space && capacity >= kLarge) sweepAll();
  if (!piece.space && cachedBytes >= capacity) flush();
  if (!piece.space) takeFree(capacity, shareable, piece);
  if (!piece.space) takeFresh(capacity, shareable, piece);
  if (piece.space) {
    piece.space->used += piece.capacity;
    used += piece.capacity;
    ++blocks;
    if (shareable) piece.descriptor = reserveDescriptor(*piece.space);
  }
  return piece;
}

void SharedHeap::State::untake(const Piece& piece) {
  Space& space = *piece.space;
  space.used -= piece.capacity;
  used -= piece.capacity;
  --blocks;
  uint64_t end = piece.offset + piece.capacity;
  if (space.frontier == end && space.present == piece.absentTo) space.frontier = space.present = piece.absentFrom;
  if (piece.descriptor != kNoDescriptor) space.freeDescriptors.push_back(piece.descriptor);
  if (piece.absentFrom > piece.offset) space.ranges.add(piece.offset, piece.absentFrom - piece.offset);
}

void SharedHeap::State::giveBack(Space& space, uint64_t offset, uint64_t capacity) {
  space.used -= capacity;
  used -= capacity;
  --blocks;
  auto& list = capacity <= kLarge ? cached[classOf(capacity)] : cachedLarge;
  size_t most = capacity <= kLarge ? std::max<size_t>(kMaxClassBytes / capacity, kMaxLarge) : kMaxLarge;
  if (list.size() >= most) {
    auto half = list.begin() + ptrdiff_t(list.size() / 2);
    std::for_each(list.begin(), half, [&](const Piece& piece) { merge(piece); });
    list.erase(list.begin(), half);
  }
  list.push_back({&space, offset, capacity});
  cachedBytes += capacity;
}

void SharedHeap::State::flush() {
  eachCached([&](std::vector<Piece>& list) {
    for (const Piece& piece : list) merge(piece);
    list.clear();
  });
}

void SharedHeap::State::giveUp(Space& space, Dropped& dropped) {
  eachCached([&](std::vector<Piece>& list) {
    std::erase_if(list, [&](const Piece& piece) {
      if (piece.space != &space) return false;
      cachedBytes -= piece.capacity;
      return true;
    });
  });
  dropped.push_back(space.region);
  regionBytes -= space.region->size();
  std::erase_if(spaces, [&](const auto& other) { return other.get() == &space; });
}

void SharedHeap::State::giveUpAllSpare(Dropped& dropped) {
  for (size_t i = spaces.size(); i-- > 0;)
    if (!spaces[i]->used) giveUp(*spaces[i], dropped);
}

void SharedHeap::State::giveUpSomeSpare(Space& freed, Dropped& dropped) {
  if (freed.used || spaces.size() == 1) return;
  auto now = freed.emptySince = Clock::now();
  for (;;) {
    Space* oldest = nullptr;
    uint64_t spareBytes = 0;
    size_t spares = 0;
    for (auto& space : spaces) {
      if (space->used) continue;
      ++spares;
      spareBytes += space->region->size();
      if (!oldest || space->emptySince < oldest->emptySince) oldest = space.get();
    }
    if (spares < 2 || (spareBytes <= kMaxSpareBytes && now - oldest->emptySince < kMaxSpareAge)) return;
    giveUp(*oldest, dropped);
  }
}

}  // namespace switchyard
