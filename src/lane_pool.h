// Lanes on the threads of a pool that is not ours: libuv's.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "lane_runner.h"
#include "thread.h"

namespace switchyard {

// An item is one of the pool's threads, lent to lanes until none has anything to do. At most the pool's threads less
// one are (one where there is but one, which goes back to the pool's own queue after each turn): what else the pool is
// for goes on. Lanes that wait for a thread get it in the order in which they began to, for a turn.
class LanePool {
 public:
  struct Options {
    // The pool's threads; asked once, when the first item is about to begin.
    std::function<size_t()> threads;
    // Has runItem() called soon, once, by a thread of the pool. Any thread; must not throw.
    std::function<void()> beginItem;
    Lane::Clock::duration turn = std::chrono::milliseconds(2);
    Lane::Clock::duration idleBeforeRest = kIdleBeforeRest;
  };
  explicit LanePool(Options options);
  ~LanePool();  // when its runners have gone

  // `computes`: a thread is a compute thread from then on until its item ends, and stays awake for a moment after the
  // lane's last job. Others hand work to a device and have to be as quick as who waits for it.
  std::unique_ptr<LaneRunner> makeRunner(Lane& lane, bool computes);
  void runItem() noexcept;

 private:
  class Runner;
  void wake(Runner& runner) noexcept;
  bool enqueue(Runner& runner);  // under mutex_: whether an item is to begin for it
  void stay(Runner& runner, std::unique_lock<std::mutex>& lock, std::optional<ComputeTurn>& computing);
  void leave(Runner& runner, bool more);  // under mutex_
  bool spin(std::unique_lock<std::mutex>& lock);
  void noteWaiting();  // under mutex_
  void remove(Runner& runner);
  void rest(Runner& runner);  // under mutex_: soon
  void restLoop();

  const Options options_;
  std::mutex mutex_;              // all below
  std::condition_variable left_;  // a thread has left a lane, or the one that has lanes rest has ended
  std::condition_variable restWake_;
  std::vector<Runner*> all_;
  std::deque<Runner*> waiting_;
  size_t threads_ = 0, most_ = 0;    // 0: not asked yet
  size_t items_ = 0;                 // begun or about to
  size_t asked_ = 0, spinning_ = 0;  // of these: about to, and those that look for work
  bool resting_ = false, ended_ = false;
  std::atomic<size_t> waitingCount_{0};  // what one that looks for work sees
  std::atomic<bool> othersWait_{false};
};

}  // namespace switchyard
