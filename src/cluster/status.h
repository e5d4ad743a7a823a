// Places in a member's status page: lib/metrics/status-page.js explains them. Here are those that the executor's
// threads write.
#pragma once
#include <atomic>
#include <cstddef>

namespace switchyard::cluster {

constexpr size_t kPageNumbers = 4096, kMaxContexts = 16;
constexpr size_t kExecutorBeat = 2;
constexpr size_t kContexts = 64, kContextNumbers = 40;
constexpr size_t kRemotePending = 16, kRemoteRun = 17, kProgress = 18, kLost = 19, kStarted = 20, kStartedCount = 12;

// Another process reads while these are written.
inline void store(double* page, size_t at, double value) {
  std::atomic_ref(page[at]).store(value, std::memory_order_relaxed);
}
inline double load(const double* page, size_t at) {
  return std::atomic_ref(const_cast<double&>(page[at])).load(std::memory_order_relaxed);
}

}  // namespace switchyard::cluster
