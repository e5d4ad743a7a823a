// The process-wide helper threads that every CPU queue shares, and the parallel loop that runs on them.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <type_traits>

#include "progress.h"

namespace switchyard::cpu {

// CPUs this process may use: scheduler affinity and the cgroup's CPU quota, whichever is less; at least 1. Read once.
uint32_t usableCpus() noexcept;

// What one command of a queue may spend, the flag that tells it to give up, and where it tells how far it is.
struct Budget {
  uint32_t threads = 1;  // the calling thread included; at least 1
  const std::atomic<bool>* stop = nullptr;
  Progress* progress = nullptr;
  void step(double done, double total) const {
    if (progress) progress->step(done, total);
  }
  bool stopped() const noexcept { return stop && stop->load(std::memory_order_relaxed); }
};

using ChunkFunction = void (*)(void* context, uint64_t begin, uint64_t end, uint32_t lane);

// Runs `function` over [0, count) in chunks of `grain`, on the calling thread (lane 0) and at most budget.threads - 1
// helpers. Returns when no thread is inside any more; the first exception is thrown here. Once the stop flag is up no
// further chunk starts.
void runChunks(const Budget& budget, uint64_t count, uint64_t grain, ChunkFunction function, void* context);

// fn(begin, end, lane): lanes are below budget.threads and name a per-thread partial result. Not to be nested.
template <class F>
void parallelFor(const Budget& budget, uint64_t count, uint64_t grain, F&& fn) {
  using Fn = std::remove_reference_t<F>;
  runChunks(
      budget, count, grain,
      [](void* context, uint64_t begin, uint64_t end, uint32_t lane) {
        (*static_cast<Fn*>(context))(begin, end, lane);
      },
      const_cast<void*>(static_cast<const void*>(std::addressof(fn))));
}

// A grain for parallelFor from an estimate of one item's cost. Work too short to pay for waking a helper stays one
// chunk; more is cut into a few chunks a thread, so that a thread that loses its core for a while doesn't hold up the
// rest, and none so long that the stop flag is not seen for milliseconds. Grains are a multiple of `multiple`.
inline uint64_t grainFor(const Budget& budget, uint64_t count, double itemNs, uint64_t multiple = 1) noexcept {
  constexpr double kWorthAHelperNs = 40e3, kShortestNs = 15e3, kLongestNs = 1e6;
  const double total = static_cast<double>(count) * itemNs;
  if (total <= kWorthAHelperNs) return count;
  const double chunkNs = std::clamp(total / (4.0 * budget.threads), kShortestNs, kLongestNs);
  const uint64_t items = std::max<uint64_t>(1, static_cast<uint64_t>(chunkNs / itemNs));
  return (items + multiple - 1) / multiple * multiple;
}

// Ends and joins the helpers; commands that run afterwards stay on their calling thread. Idempotent, safe from any
// thread that is not itself inside a chunk.
void shutdown() noexcept;

// Helpers alive now, for tests.
uint32_t helperCount() noexcept;

}  // namespace switchyard::cpu
