// A context: a lane of execution on a device, with its own queue and scratch memory.
#pragma once
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <span>

#include "job.h"
#include "program_cache.h"
#include "thread_runner.h"

namespace switchyard {

class LanePool;

struct ContextOptions {
  uint64_t memoryLimitBytes = uint64_t{512} << 20;
  uint32_t threads = 0;    // CPU: the most threads of one job; 0: all the process may use
  size_t programs = 1000;  // the most programs it keeps
  // Whose threads run its jobs, and which outlives it; null: one of its own does. What is asked elsewhere, and what
  // would have a thread of the pool wait for the device, is run by a thread of its own in either case.
  LanePool* pool = nullptr;
};

// Who has asked for a job: this process, or another one, whose jobs go on whatever this process's pool is busy with.
enum class Asked : uint8_t { Here, Elsewhere };

// Thread-safe. Jobs start in the order they were submitted (one may overtake inside runNow); each job is settled
// exactly once.
class Context final : private Lane {
 public:
  static std::shared_ptr<Context> create(std::shared_ptr<Device> device, const ContextOptions& options = {});
  ~Context() override;  // waits for running work; queued jobs are refused with Closed

  // Takes a prepared job. Throws Closed or DeviceLost instead of taking it. One with tensors of other devices that this
  // one does not reach comes into the lane when those were read.
  void submit(std::shared_ptr<Job> job, Asked asked = Asked::Here);
  // For the caller's own thread: runs a CPU job of under 10 us at once, or records and submits a small GPU job when the
  // lane is idle. False, and nothing happened, when the job must go through submit().
  bool runNow(const std::shared_ptr<Job>& job, Asked asked = Asked::Here);
  // A job still queued is settled with Canceled at once; a running one stops as early as it can.
  void cancel(const std::shared_ptr<Job>& job);
  // No new jobs; those taken finish; then `closed` is called once (at once if nothing runs). Later calls also get their
  // call.
  void close(std::function<void()> closed);
  // For leaving the process: stops running jobs at the next tile, waits for the device. Idempotent.
  // False: something still runs after that long, a kernel that never ends for example.
  bool shutdown(std::chrono::milliseconds timeout);

  // gives unused device memory back, and lets the programs go that it has made: their next jobs make them again
  void trim();
  void trimMemory() { arena_->trim(); }  // programs stay
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
  // On whose thread a job is begun: its asker's, a pool's, or the context's own, on which long work may be waited for,
  // piece by piece.
  enum class Where : uint8_t { Inline, Pool, Thread };
  bool drain(const Turn& turn) override;
  void rest() override;
  void checkOpen() const;  // under mutex_
  bool hasToGather(const Job& job) const;
  void gather(const JobPtr& job, Asked asked);
  bool isGathering(const JobPtr& job) const;  // under mutex_
  void gathered(const JobPtr& job, TensorArg* input, const std::byte* host, const std::exception_ptr& failed);
  Error lostError() const;
  void take(const JobPtr& job, Asked asked);  // under mutex_
  bool canBegin() const;                      // under mutex_
  LaneRunner* runnerOf();                     // under mutex_: of the next job
  LaneRunner* runnerToWake();                 // under mutex_; null: none has to be
  std::vector<JobPtr> takeBatch();            // under mutex_
  // Under executing_.
  bool execute(std::vector<JobPtr> jobs, Where where);
  bool executeOne(const JobPtr& job, Where where);
  bool executeOnCpu(const JobPtr& job, Queue& queue, Where where);
  bool isForTheLane(const std::exception_ptr& error) const;
  static void forget(Job& job);  // what it has recorded so far
  static std::vector<JobPtr> join(std::span<const JobPtr> jobs);
  void settleJoined(const JobPtr& job, std::exception_ptr error);
  void discard();
  bool handOver(std::span<const JobPtr> jobs, Where from);
  void noteWait(const Job& job);
  bool mayHaveToWait(const Job& job);  // under mutex_
  bool recover(const JobPtr& job, std::exception_ptr error, Queue& queue);
  bool defragment(Queue& queue, uint64_t refused, uint64_t taken);
  bool recoversLate(const Job& job, const std::exception_ptr& error);
  void record(Job& job, Queue& queue, bool mayWait = true);
  void submitBatch(std::vector<JobPtr> jobs);
  void onFinished(const std::vector<JobPtr>& jobs, std::exception_ptr error, const QueueTimings& timings);
  void lose(std::exception_ptr error);
  void settle(const JobPtr& job, std::exception_ptr error);
  void leave(const JobPtr& job, bool elsewhere);

  std::weak_ptr<Context> self_;
  const std::shared_ptr<Device> device_;
  const std::shared_ptr<Arena> arena_;
  ProgramCache programs_;
  std::vector<JobPtr> abandoned_;       // joined jobs that the queue has recorded in part; under executing_
  std::unique_ptr<Queue> queue_;        // of the lane; under executing_
  std::unique_ptr<Queue> inlineQueue_;  // CPU: one thread, for runNow; under inlineMutex_

  mutable std::mutex mutex_;       // all below
  std::condition_variable idle_;   // pending_ or submissions_ is 0
  std::deque<JobPtr> ready_;       // not started, or resumed after a sync
  std::vector<JobPtr> started_;    // started and not settled
  std::vector<JobPtr> gathering_;  // their inputs are read on other devices first
  size_t pending_ = 0;             // taken and not settled
  size_t elsewhere_ = 0;           // of these: asked elsewhere
  size_t submissions_ = 0;         // the device works on
  bool closing_ = false, trimmed_ = true;
  std::vector<std::function<void()>> closed_;
  bool draining_ = false;              // a runner's thread is in the lane
  const LaneRunner* woken_ = nullptr;  // and not in the lane yet
  struct Waits {
    double from;  // the least work of a job that had to wait for the device
    int jobs;     // that are taken for such ones
  };
  std::map<const Workload*, Waits> waits_;
  std::set<const Workload*> met_;  // that the lane has begun: what is made the first time, is made there

  std::mutex executing_;  // held while commands are recorded; taken before mutex_
  std::mutex inlineMutex_;
  std::atomic<size_t> waking_{0};  // threads that are about to wake a runner
  std::atomic<bool> lost_{false};
  // Last: their threads end first.
  const std::unique_ptr<LaneRunner> pool_;  // null: its own thread runs everything
  ThreadRunner thread_;
};

}  // namespace switchyard
