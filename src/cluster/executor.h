// Runs the coordinator's jobs on this process's contexts, on threads of its own: a blocked event loop does not stop it.
#pragma once
#include <array>
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "cluster/channel.h"
#include "cluster/status.h"
#include "context.h"
#include "graph_plans.h"

namespace switchyard::cluster {

struct AssignedJob;
struct SealedPlace;
struct ServedContext;

// add(), remove() and stop() belong to one thread, the owner's.
class Executor {
 public:
  // Called once, on the executor's thread, when the coordinator has gone and nobody had said so; it should return soon
  // after `halting` is set.
  using OnGone = std::function<void(const std::atomic<bool>& halting)>;
  // Takes the socket over and starts. `page` is this member's status page; `keepPage` holds it.
  Executor(int fd, double* page, std::shared_ptr<void> keepPage, OnGone onGone);
  ~Executor();
  void add(uint32_t index, std::shared_ptr<Context> context);  // jobs for this index run there
  void remove(uint32_t index);
  // Of the sealed tensors that stay on its device between jobs the longest unused go, beyond so many bytes, if they
  // were not used for so long; no more than are left then may stay. ~0: half of its memory, as at first.
  void limitResident(uint32_t index, uint64_t bytes, double idleMs);
  // Takes no more messages and starts no more jobs; returns when the thread has ended. For leaving the process.
  // Idempotent.
  void halt();
  // Takes no more messages; returns when the thread and the jobs have ended. Those that run go on, unless `cancel`, but
  // nobody hears of them. False: some have not ended, after that long, and refer to this object still.
  bool stop(bool cancel, std::chrono::milliseconds timeout = std::chrono::milliseconds::max());
  void post(std::span<const double> message);  // to the coordinator

 private:
  using JobPtr = std::shared_ptr<AssignedJob>;
  void loop();
  bool waitForInput();
  void askAgain(double now);
  void onMessage(std::span<const double> message);
  void assign(std::span<const double> message);
  void pin(ServedContext& served, AssignedJob& job);
  void start(const std::shared_ptr<ServedContext>& served, std::vector<JobPtr> jobs);
  void submit(ServedContext& served, const std::shared_ptr<Job>& job);
  bool uploadFirst(const std::shared_ptr<ServedContext>& served, std::vector<JobPtr>& jobs);
  TensorArg nearest(const ServedContext& served, const SealedPlace& key, TensorArg input);
  void begun(ServedContext& served, AssignedJob& job);
  void ended(const std::shared_ptr<ServedContext>& served, const std::vector<uint64_t>& numbers, const Job& ran,
             std::exception_ptr error);
  bool tryAgain(const std::shared_ptr<ServedContext>& served, const std::vector<JobPtr>& jobs,
                std::exception_ptr error);
  void report(const AssignedJob& job, double begunMs, const Job& ran, size_t batch, std::exception_ptr error,
              uint32_t context);
  void refuse(uint64_t number, uint32_t context, std::exception_ptr error);
  void cancel(uint64_t number);
  void forget(uint64_t region);
  void poke();

  Channel channel_;
  double* const page_;
  const std::shared_ptr<void> keepPage_;
  const OnGone onGone_;
  int wake_ = -1;  // an eventfd: something is left to be sent, or stop
  std::mutex mutex_;
  std::array<std::shared_ptr<ServedContext>, kMaxContexts> contexts_;
  std::vector<std::weak_ptr<ServedContext>> known_;                   // removed ones with jobs included
  std::unordered_map<uint64_t, JobPtr> jobs_;                         // taken and not reported
  std::map<std::pair<Device*, uint64_t>, std::weak_ptr<void>> pins_;  // by device and region; executor's thread only
  std::atomic<bool> stopping_{false}, halting_{false};
  GraphPlans plans_;            // executor's thread only
  std::thread::id loopThread_;  // written before the first job
  double askedAgainMs_ = 0;     // executor's thread only
  std::mutex joining_;
  std::thread thread_;
};

}  // namespace switchyard::cluster
