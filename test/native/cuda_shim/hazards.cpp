// The rule: between two accesses of one byte by two threads, one of which writes, lies a barrier of both, unless both
// are atomic.
#include "hazards.h"

#include <algorithm>

namespace switchyard::cuda_shim {
namespace {

constexpr size_t kMostPages = 1 << 16;  // what is kept for the next launch
constexpr uint32_t kWarpThreads = 32;

// What other blocks do is races.h's matter; their shared memory is another's by now.
bool isOrdered(const Moment& before, const Moment& now) {
  if (before.block != now.block || before.thread == now.thread || before.barriers < now.barriers) return true;
  return before.thread / kWarpThreads == now.thread / kWarpThreads && before.warpBarriers < now.warpBarriers;
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

Hazards::Finding Hazards::touch(const Moment& now, const void* at, size_t bytes, Access access) {
  const bool reads = access == Access::Read || access == Access::VolatileRead;
  const bool isAtomic = access != Access::Read && access != Access::Write;
  Finding finding;
  for (auto address = reinterpret_cast<uintptr_t>(at), end = address + bytes; address < end; ++address) {
    Byte& byte = pageOf(address / kPageBytes).bytes[address % kPageBytes];
    const auto collides = [&](const Mark& mark) {
      return mark.isThere && !(isAtomic && mark.isAtomic) && !isOrdered(mark.moment, now);
    };
    const Mark* other = collides(byte.write)                   ? &byte.write
                        : !reads && collides(byte.read)        ? &byte.read
                        : !reads && collides(byte.earlierRead) ? &byte.earlierRead
                                                               : nullptr;
    if (other && finding.text.empty())
      finding = {"thread " + std::to_string(now.thread) + (reads ? " reads" : " writes") + " what thread " +
                     std::to_string(other->moment.thread) + (other == &byte.write ? " wrote" : " read") +
                     ", without a barrier between them, in block " + std::to_string(now.block),
                 !reads && other == &byte.write};
    const Mark mark{now, true, isAtomic};
    if (!reads) {
      byte.write = mark;
    } else {
      if (byte.read.isThere && byte.read.moment.thread != now.thread) byte.earlierRead = byte.read;
      byte.read = mark;
    }
  }
  return finding;
}

}  // namespace switchyard::cuda_shim
