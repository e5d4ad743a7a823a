// A context: a lane of execution on a device, with its own queue, scratch memory and lane thread.
#pragma once
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "job.h"
#include "program_cache.h"

namespace switchyard {

struct ContextOptions {
  uint64_t memoryLimitBytes = uint64_t{512} << 20;
  uint32_t threads = 0;    // CPU: the most threads of one job; 0: all the process may use
  size_t programs = 1000;  // the most programs it keeps
};

// Thread-safe. Jobs start in the order they were submitted (one may overtake inside runNow); each job is settled
// exactly once.
class Context {
 public:
  static std::shared_ptr<Context> create(std::shared_ptr<Device> device, const ContextOptions& options = {});
  ~Context();  // waits for running work; queued jobs are refused with Closed

  // Takes a prepared job. Throws Closed or DeviceLost instead of taking it.
  void submit(std::shared_ptr<Job> job);
  // For the caller's own thread: runs a CPU job of under 10 us at once, or records and submits a small GPU job when the
  // lane is idle. False, and nothing happened, when the job must go through submit().
  bool runNow(const std::shared_ptr<Job>& job);
  // A job still queued is settled with Canceled at once; a running one stops as early as it can.
  void cancel(const std::shared_ptr<Job>& job);
  // No new jobs; those taken finish; then `closed` is called once (at once if nothing runs). Later calls also get their
  // call.
  void close(std::function<void()> closed);
  // For leaving the process: stops running jobs at the next tile, waits for the device, ends the lane thread.
  // Idempotent. False: something still runs after that long, a kernel that never ends for example.
  bool shutdown(std::chrono::milliseconds timeout);

  // gives unused device memory back, and lets the programs go that it has made: their next jobs make them again
  void trim();
  ArenaUse memoryUse() const { return arena_->use(); }
  // Has the device compile a program ahead of its first job. May take seconds; any thread.
  void prepare(const ModulePtr& module) { programs_.prepare(*device_, module); }
  ProgramUse programUse() const { return programs_.use(); }
  const std::shared_ptr<Device>& device() const { return device_; }
  bool lost() const { return lost_.load(std::memory_order_relaxed); }
  size_t pending() const;  // jobs taken and not settled

 private:
  using JobPtr = std::shared_ptr<Job>;
  Context(std::shared_ptr<Device> device, const ContextOptions& options);
  void checkOpen() const;  // under mutex_
  void startLane();        // under mutex_
  void laneLoop();
  bool waitForWork(std::unique_lock<std::mutex>& lock);
  std::vector<JobPtr> takeBatch();  // under mutex_
  // Under executing_. On the lane's own thread long work may be waited for, piece by piece.
  void execute(std::vector<JobPtr> jobs, bool onLane);
  void executeOne(const JobPtr& job, bool onLane);
  void executeOnCpu(const JobPtr& job, Queue& queue);
  bool recover(const JobPtr& job, std::exception_ptr error);
  void record(Job& job, Queue& queue);
  void submitBatch(std::vector<JobPtr> jobs);
  void onFinished(const std::vector<JobPtr>& jobs, std::exception_ptr error, const QueueTimings& timings);
  void lose(std::exception_ptr error);
  void settle(const JobPtr& job, std::exception_ptr error);

  const std::shared_ptr<Device> device_;
  const std::shared_ptr<Arena> arena_;
  ProgramCache programs_;
  std::unique_ptr<Queue> queue_;        // of the lane; under executing_
  std::unique_ptr<Queue> inlineQueue_;  // CPU: one thread, for runNow; under inlineMutex_

  mutable std::mutex mutex_;      // all below
  std::condition_variable wake_;  // work for the lane
  std::condition_variable idle_;  // pending_ or submissions_ is 0
  std::deque<JobPtr> ready_;      // not started, or resumed after a sync
  std::vector<JobPtr> started_;   // started and not settled
  size_t pending_ = 0;            // taken and not settled
  size_t submissions_ = 0;        // the device works on
  bool closing_ = false, trimmed_ = true;
  std::vector<std::function<void()>> closed_;
  std::thread lane_;

  std::mutex executing_;  // held while commands are recorded; taken before mutex_
  std::mutex inlineMutex_;
  std::atomic<size_t> readyCount_{0};  // what the lane looks at while it spins
  std::atomic<bool> lost_{false};
};

}  // namespace switchyard
