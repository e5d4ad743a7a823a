// A thread for one lane.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "lane_runner.h"

namespace switchyard {

class ThreadRunner final : public LaneRunner {
 public:
  // `spins`: stays awake for a moment after its last job.
  ThreadRunner(Lane& lane, bool spins) : lane_(lane), spins_(spins) {}
  ~ThreadRunner() override;
  void prepare() override;  // starts the thread
  void wake() noexcept override;

 private:
  void loop();
  void spin(uint32_t seen) const;
  void sleep(uint32_t seen);

  Lane& lane_;
  const bool spins_;
  std::atomic<uint32_t> wakes_{0};  // changed without the mutex, so that waking a thread that is awake costs little
  std::atomic<bool> asleep_{false}, started_{false}, ended_{false};
  bool rested_ = true;  // its thread's
  std::mutex mutex_;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace switchyard
