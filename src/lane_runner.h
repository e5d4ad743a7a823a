// Who runs a context's lane: a thread of its own (thread_runner.h), or a pool's threads (lane_pool.h).
#pragma once
#include <atomic>
#include <chrono>

namespace switchyard {

class LaneRunner;

// Jobs in order, which one thread at a time runs.
class Lane {
 public:
  using Clock = std::chrono::steady_clock;
  // One thread's stay in a lane.
  struct Turn {
    const LaneRunner* runner;                       // whose thread it is
    bool mayWait = true;                            // for the device
    const std::atomic<bool>* othersWait = nullptr;  // for this thread; null: nobody does
    Clock::time_point until{};                      // how long they do so at least
    bool isOver() const { return othersWait && *othersWait && Clock::now() >= until; }
  };
  virtual ~Lane() = default;
  // Runs what there is for this runner to run. True: the turn was over before that. Where another thread is in the lane
  // it returns at once: that one sees to what has come since.
  virtual bool drain(const Turn& turn) = 0;
  // It has had nothing to do for kIdleBeforeRest. Any thread.
  virtual void rest() = 0;
};

constexpr auto kIdleBeforeRest = std::chrono::seconds(5);
// Waking a thread takes 15 to 24 us: a job that follows soon after another finds it awake.
constexpr auto kLaneSpin = std::chrono::microseconds(40);

class LaneRunner {
 public:
  virtual ~LaneRunner() = default;  // waits until no thread of it is in the lane
  // Throws std::system_error where it has no thread to be woken; then it can't be.
  virtual void prepare() = 0;
  // Has the lane drained, soon. Any thread, without the lane's locks.
  virtual void wake() noexcept = 0;
};

}  // namespace switchyard
