// The lane: who runs its jobs, in order, and which of them are joined into one submission. How they run is in
// context_run.cpp.
#include "context.h"

#include <algorithm>

#include "lane_pool.h"
#include "lost_devices.h"
#include "running.h"

namespace switchyard {
namespace {

using Clock = std::chrono::steady_clock;

// Two submissions on the device keep it busy while the lane prepares the next; more would only hold memory.
constexpr size_t kMaxSubmissions = 2;
constexpr size_t kMaxBatch = 64;
constexpr double kSmallJobBytes = 256 << 10, kSmallJobFlops = 5e6;
// A CPU job of under 10 us, at 20 GB/s and 100 Gflop/s.
constexpr double kInlineMicroseconds = 10, kBytesPerMicrosecond = 2e4, kFlopsPerMicrosecond = 1e5;

// Small jobs are joined or run from the caller's thread, where a long one could not be ended (vulkan/pieces.h).
bool isSmall(const Job& job) {
  return job.cost.bytes < kSmallJobBytes && job.cost.flops < kSmallJobFlops && !job.cost.maybeLong;
}

bool usesDevices(const Job& job) {
  for (const TensorArg& input : job.inputs)
    if (input.device) return true;
  return false;
}

}  // namespace

std::shared_ptr<Context> Context::create(std::shared_ptr<Device> device, const ContextOptions& options) {
  auto context = std::shared_ptr<Context>(new Context(std::move(device), options));
  context->self_ = context;
  return context;
}

Context::Context(std::shared_ptr<Device> device, const ContextOptions& options)
    : device_(std::move(device)),
      arena_(std::make_shared<Arena>(device_, options.memoryLimitBytes)),
      programs_(options.programs),
      pool_(options.pool ? options.pool->makeRunner(*this, device_->info.backend == Backend::Cpu) : nullptr),
      thread_(*this, device_->info.backend == Backend::Cpu) {
  queue_ = device_->createQueue({options.threads});
  if (device_->info.backend == Backend::Cpu) inlineQueue_ = device_->createQueue({1});
}

Context::~Context() {
  std::deque<JobPtr> refused;
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
    std::erase_if(ready_, [&](const JobPtr& job) {
      if (job->running_) return false;
      refused.push_back(job);
      return true;
    });
  }
  for (const JobPtr& job : refused)
    settle(job, std::make_exception_ptr(Error(Code::Closed, "the context was closed before the job ran")));
  {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [&] { return pending_ == 0; });
  }
  while (waking_.load(std::memory_order_acquire)) std::this_thread::yield();
}

void Context::checkOpen() const {
  if (lost()) throw lostError();
  if (closing_) throw Error(Code::Closed, "the context is closed");
}

size_t Context::pending() const {
  std::lock_guard lock(mutex_);
  return pending_;
}

void Context::trim() {
  programs_.clear();
  arena_->trim();
}

Error Context::lostError() const {
  if (auto forGood = lostForGood(device_->info.id)) return *forGood;
  return Error(Code::DeviceLost, "the device " + device_->info.id + " was lost: make a new context");
}

void Context::take(const JobPtr& job, Asked asked) {
  checkOpen();
  if (!pool_ || asked == Asked::Elsewhere) thread_.prepare();
  job->submitted_ = Clock::now();
  job->elsewhere_ = asked == Asked::Elsewhere;
  job->triesForMemory_ = 0;
  ++pending_;
  elsewhere_ += job->elsewhere_;
}

void Context::submit(JobPtr job, Asked asked) {
  if (usesDevices(*job) && hasToGather(*job)) return gather(job, asked);
  LaneRunner* runner = nullptr;
  {
    std::lock_guard lock(mutex_);
    take(job, asked);
    job->waits_ = pool_ && !waits_.empty() && mayHaveToWait(*job);
    ready_.push_back(std::move(job));
    runner = runnerToWake();
  }
  // outside of the lock, into which the woken thread would run
  if (runner) runner->wake();
}

bool Context::runNow(const JobPtr& job, Asked asked) {
  bool onCpu = inlineQueue_ != nullptr;
  double microseconds = job->cost.bytes / kBytesPerMicrosecond + job->cost.flops / kFlopsPerMicrosecond;
  if (job->workload && !job->workload->readyOn(programs_)) return false;
  if (onCpu ? microseconds > kInlineMicroseconds : !isSmall(*job)) return false;
  if (usesDevices(*job) && hasToGather(*job)) return false;
  std::unique_lock executing(onCpu ? inlineMutex_ : executing_, std::try_to_lock);
  if (!executing) return false;
  {
    std::lock_guard lock(mutex_);
    checkOpen();
    // What a graph, upload or read is made of nobody has noted.
    const bool isMet = job->workload && met_.contains(job->workload);
    if (!onCpu && (!ready_.empty() || submissions_ || !isMet)) return false;
    if (pool_ && asked == Asked::Elsewhere) thread_.prepare();  // while it runs, that thread has what comes after it
    job->submitted_ = Clock::now();
    job->elsewhere_ = asked == Asked::Elsewhere;
    job->triesForMemory_ = 0;
    ++pending_;
    elsewhere_ += job->elsewhere_;
  }
  if (onCpu) {
    return executeOnCpu(job, *inlineQueue_, Where::Inline);
  } else if (!execute({job}, Where::Inline)) {  // the lane's, then
    executing.unlock();
    LaneRunner* runner = nullptr;
    {
      std::lock_guard lock(mutex_);
      runner = runnerToWake();
    }
    if (runner) runner->wake();
  }
  return true;
}

void Context::cancel(const JobPtr& job) {
  job->requestStop();
  {
    std::lock_guard lock(mutex_);
    if (!std::erase(gathering_, job)) {
      auto found = std::find(ready_.begin(), ready_.end(), job);
      if (found == ready_.end() || job->running_ || job->restarts_) return;
      ready_.erase(found);
    }
  }
  settle(job, std::make_exception_ptr(Error(Code::Canceled, "the job was canceled before it ran")));
}

void Context::close(std::function<void()> closed) {
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
    if (pending_) {
      closed_.push_back(std::move(closed));
      return;
    }
  }
  arena_->trim();
  closed();
}

bool Context::shutdown(std::chrono::milliseconds timeout) {
  std::vector<JobPtr> queued;
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
    for (const JobPtr& job : started_) job->requestStop();
    for (const JobPtr& job : gathering_) job->requestStop(), queued.push_back(job);
    for (const JobPtr& job : ready_) job->requestStop(), queued.push_back(job);
  }
  for (const JobPtr& job : queued) cancel(job);
  std::unique_lock lock(mutex_);
  return idle_.wait_for(lock, timeout, [&] { return pending_ == 0; });
}

// ---- the lane

bool Context::canBegin() const { return !ready_.empty() && submissions_ < kMaxSubmissions; }

// The context's own thread, while there is something of another process: it goes on whatever the pool is busy with.
LaneRunner* Context::runnerOf() {
  if (!pool_ || elsewhere_ || ready_.front()->waits_) return &thread_;
  return pool_.get();
}

// One that is in the lane sees for itself what has come.
LaneRunner* Context::runnerToWake() {
  if (draining_ || !canBegin()) return nullptr;
  LaneRunner* runner = runnerOf();
  if (woken_ == runner) return nullptr;
  woken_ = runner;
  return runner;
}

std::vector<Context::JobPtr> Context::takeBatch() {
  std::vector<JobPtr> batch;
  double bytes = 0;
  trimmed_ = false;
  do {
    batch.push_back(std::move(ready_.front()));
    ready_.pop_front();
    bytes += batch.back()->cost.bytes;
    if (inlineQueue_ || batch.back()->running_ || batch.back()->waits_ || !isSmall(*batch.back())) break;
  } while (!ready_.empty() && batch.size() < kMaxBatch && !ready_.front()->running_ && !ready_.front()->waits_ &&
           isSmall(*ready_.front()) && bytes + ready_.front()->cost.bytes < 4 * kSmallJobBytes);
  return batch;
}

bool Context::drain(const Turn& turn) {
  const Where where = turn.mayWait ? Where::Thread : Where::Pool;
  std::unique_lock lock(mutex_);
  if (woken_ == turn.runner) woken_ = nullptr;
  if (draining_) return false;
  draining_ = true;
  bool isOver = false;
  while (canBegin() && runnerOf() == turn.runner && !isOver) {
    std::vector<JobPtr> batch = takeBatch();
    lock.unlock();
    {
      std::lock_guard executing(executing_);
      if (inlineQueue_)
        executeOnCpu(batch.front(), *queue_, where);
      else
        execute(std::move(batch), where);
    }
    isOver = turn.isOver();
    lock.lock();
  }
  draining_ = false;
  if (canBegin() && runnerOf() == turn.runner) return true;
  LaneRunner* other = runnerToWake();
  if (!other) return false;
  waking_.fetch_add(1, std::memory_order_relaxed);
  lock.unlock();
  other->wake();
  waking_.fetch_sub(1, std::memory_order_release);
  return false;
}

void Context::rest() {
  {
    std::lock_guard lock(mutex_);
    if (pending_ || trimmed_) return;
    trimmed_ = true;
  }
  arena_->trim();
}

}  // namespace switchyard
