// Long work in pieces: what takes more than some milliseconds is submitted as several submissions, each sized by what
// the last ones took, so that a canceled job ends soon, and no card's watchdog takes a long launch for a dead one.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "device.h"

namespace switchyard::vulkan {

// By the clock, and of the processor's time that this process has had: on a software driver, what a piece takes is not
// more than that, however late a busy machine tells of its end.
struct Instant {
  std::chrono::steady_clock::time_point wall{};
  double processorNs = 0;
  static Instant now();
  double spent(bool software) const;  // nanoseconds since then
};

// How long a pipeline takes, as a multiple of what was guessed; shared by all who launch it.
struct Pace {
  std::atomic<double> factor{1};
  std::atomic<bool> measured{false};
  void set(double measuredFactor);  // within what is possible
  double nanoseconds(double guess) const { return guess * factor.load(std::memory_order_relaxed); }
};

struct Work {
  std::shared_ptr<Pace> pace;
  double guess = 0;  // nanoseconds
};

// What a piece holds, and when the device got it.
struct Submitted {
  std::vector<Work> parts;
  Instant at;
};

// The pieces of one submission of the caller's. The queue's thread begins them, the completion thread ends them.
class Pieces {
 public:
  explicit Pieces(bool software) : software_(software) {}
  void begin();
  void withdraw() noexcept;  // one that was begun and not submitted
  void end(std::exception_ptr error, const QueueTimings& timings, const Submitted& piece) noexcept;
  // Until at most `most` are under way. Throws what one has failed with.
  void wait(size_t most);
  void waitAll() noexcept;
  // At the end of the last piece, which is the caller's own: the first error of all, and their timings added up.
  std::exception_ptr finish(std::exception_ptr error, QueueTimings& timings, const Submitted& last);

 private:
  // What each part takes is learned from the time in which no earlier piece ran: the milliseconds that it returns.
  double learn(bool failed, const Submitted& piece) const;
  const bool software_;
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t underWay_ = 0;
  std::exception_ptr error_;
  QueueTimings sum_;
  Instant lastEnd_;
};

}  // namespace switchyard::vulkan
