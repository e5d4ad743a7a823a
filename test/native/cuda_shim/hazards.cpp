// The rule: between two accesses of one byte by two threads, one of which writes, lies a barrier of both, unless both
// are atomic.
#include "hazards.h"

#include <algorithm>
#include <utility>

namespace switchyard::cuda_shim {
namespace {

constexpr size_t kMostPages = 1 << 15;  // what is kept for the next launch
constexpr uint32_t kWarpThreads = 32;

// A moment in one word: 0 is none. What is cut off of it comes back only after very many blocks or barriers.
constexpr uint64_t kIsThere = uint64_t{1} << 63, kIsAtomic = uint64_t{1} << 62;
uint64_t markOf(const Moment& moment, bool isAtomic) {
  return kIsThere | (isAtomic ? kIsAtomic : 0) | uint64_t{moment.thread & 0x3FFu} << 52 |
         uint64_t{moment.block & 0xFFFFFu} << 32 | uint64_t{moment.barriers & 0xFFFFu} << 16 |
         (moment.warpBarriers & 0xFFFFu);
}
uint32_t threadOf(uint64_t mark) { return mark >> 52 & 0x3FFu; }
uint32_t warpOf(uint64_t mark) { return threadOf(mark) / kWarpThreads; }
// Block and barriers.
bool areOfOneEpoch(uint64_t one, uint64_t other) { return ((one ^ other) >> 16 & 0xFFFFFFFFFu) == 0; }

// What other blocks do is races.h's matter; their shared memory is another's by now.
bool collide(uint64_t before, uint64_t now) {
  if (!before || (before & now & kIsAtomic)) return false;
  const uint64_t differ = before ^ now;
  if (!areOfOneEpoch(before, now) || threadOf(before) == threadOf(now)) return false;
  return warpOf(before) != warpOf(now) || (differ & 0xFFFFu) == 0;
}

}  // namespace

void Hazards::beginLaunch() {
  ++launch_;
  if (pages_.size() > kMostPages) pages_.clear();
  last_ = nullptr;
}

Hazards::Page& Hazards::pageOf(uintptr_t number) {
  if (last_ && number == lastNumber_) return *last_;
  Page& page = pages_[number];
  if (page.launch != launch_) {
    std::fill(std::begin(page.bytes), std::end(page.bytes), Byte{});
    page.launch = launch_;
  }
  last_ = &page, lastNumber_ = number;
  return page;
}

// What is of another epoch gives way: no write of now can collide with it. Two of one warp give way to one of another,
// and those that read before the warp last met to later ones.
void Hazards::add(Readers& readers, uint64_t mark) {
  const auto isOver = [&](uint64_t read) { return !read || !areOfOneEpoch(read, mark); };
  const auto isEarlier = [&](uint64_t read) { return warpOf(read) == warpOf(mark) && ((read ^ mark) & 0xFFFFu) != 0; };
  uint64_t& one = readers.one;
  uint64_t& other = readers.other;
  if (isOver(one)) one = 0;
  if (isOver(other)) other = 0;
  if (!one) std::swap(one, other);
  if (!one || threadOf(one) == threadOf(mark))
    one = mark;
  else if (!other || threadOf(other) == threadOf(mark))
    other = mark;
  else if (warpOf(one) == warpOf(other) && (warpOf(one) != warpOf(mark) || isEarlier(one)))
    one = mark;
  else if (warpOf(one) == warpOf(other) && isEarlier(other))
    other = mark;
}

Hazards::Finding Hazards::touch(const Moment& now, const void* at, size_t bytes, Access access) {
  const bool reads = access == Access::Read || access == Access::VolatileRead;
  const uint64_t mark = markOf(now, access != Access::Read && access != Access::Write);
  Finding finding;
  for (auto address = reinterpret_cast<uintptr_t>(at), end = address + bytes; address < end; ++address) {
    Byte& byte = pageOf(address / kPageBytes).bytes[address % kPageBytes];
    uint64_t other = collide(byte.write, mark) ? byte.write : 0;
    for (const uint64_t read : {byte.plain.one, byte.plain.other, byte.atomic.one, byte.atomic.other})
      if (!other && !reads && collide(read, mark)) other = read;
    if (other && finding.text.empty())
      finding = {"thread " + std::to_string(now.thread) + (reads ? " reads" : " writes") + " what thread " +
                     std::to_string(threadOf(other)) + (other == byte.write ? " wrote" : " read") +
                     ", without a barrier between them, in block " + std::to_string(now.block),
                 !reads && other == byte.write};
    if (!reads)
      byte.write = mark;
    else
      add(mark & kIsAtomic ? byte.atomic : byte.plain, mark);
  }
  return finding;
}

}  // namespace switchyard::cuda_shim
