// The lane: takes jobs in order and joins small ones into one submission. How they run is in context_run.cpp.
#include "context.h"

#include <algorithm>

#include "running.h"
#include "thread.h"

namespace switchyard {
namespace {

using Clock = std::chrono::steady_clock;

// Two submissions on the device keep it busy while the lane prepares the next; more would only hold memory.
constexpr size_t kMaxSubmissions = 2;
constexpr size_t kMaxBatch = 64;
constexpr double kSmallJobBytes = 256 << 10, kSmallJobFlops = 5e6;
// A CPU job of under 10 us, at 20 GB/s and 100 Gflop/s.
constexpr double kInlineMicroseconds = 10, kBytesPerMicrosecond = 2e4, kFlopsPerMicrosecond = 1e5;
constexpr auto kIdleBeforeTrim = std::chrono::seconds(5);
// Waking the lane takes 15 to 24 us: a job that follows soon after another finds it awake.
constexpr auto kSpin = std::chrono::microseconds(40);

// Small jobs are joined or run from the caller's thread, where a long one could not be ended (vulkan/pieces.h).
bool isSmall(const Job& job) {
  return job.cost.bytes < kSmallJobBytes && job.cost.flops < kSmallJobFlops && !job.cost.maybeLong;
}

}  // namespace

std::shared_ptr<Context> Context::create(std::shared_ptr<Device> device, const ContextOptions& options) {
  return std::shared_ptr<Context>(new Context(std::move(device), options));
}

Context::Context(std::shared_ptr<Device> device, const ContextOptions& options)
    : device_(std::move(device)),
      arena_(std::make_shared<Arena>(device_, options.memoryLimitBytes)),
      programs_(options.programs) {
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
    readyCount_ = ready_.size();
  }
  for (const JobPtr& job : refused)
    settle(job, std::make_exception_ptr(Error(Code::Closed, "the context was closed before the job ran")));
  {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [&] { return pending_ == 0; });
    wake_.notify_all();
  }
  if (lane_.joinable()) lane_.join();
}

void Context::checkOpen() const {
  if (lost()) throw Error(Code::DeviceLost, "the device " + device_->info.id + " was lost: make a new context");
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

void Context::startLane() {
  if (lane_.joinable()) return;
  lane_ = std::thread([this] {
    becomeComputeThread("switchyard-lane");
    laneLoop();
  });
}

void Context::submit(JobPtr job) {
  std::lock_guard lock(mutex_);
  checkOpen();
  startLane();
  job->submitted_ = Clock::now();
  ++pending_;
  ready_.push_back(std::move(job));
  readyCount_ = ready_.size();
  wake_.notify_one();
}

bool Context::runNow(const JobPtr& job) {
  bool onCpu = inlineQueue_ != nullptr;
  double microseconds = job->cost.bytes / kBytesPerMicrosecond + job->cost.flops / kFlopsPerMicrosecond;
  if (job->workload && !job->workload->readyOn(programs_)) return false;
  if (onCpu ? microseconds > kInlineMicroseconds : !isSmall(*job)) return false;
  std::unique_lock executing(onCpu ? inlineMutex_ : executing_, std::try_to_lock);
  if (!executing) return false;
  {
    std::lock_guard lock(mutex_);
    checkOpen();
    if (!onCpu && (!ready_.empty() || submissions_)) return false;
    job->submitted_ = Clock::now();
    ++pending_;
  }
  if (onCpu)
    executeOnCpu(job, *inlineQueue_);
  else
    execute({job}, false);
  return true;
}

void Context::cancel(const JobPtr& job) {
  job->requestStop();
  {
    std::lock_guard lock(mutex_);
    auto found = std::find(ready_.begin(), ready_.end(), job);
    if (found == ready_.end() || job->running_) return;
    ready_.erase(found);
    readyCount_ = ready_.size();
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
    wake_.notify_all();
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
    for (const JobPtr& job : ready_) job->requestStop(), queued.push_back(job);
  }
  for (const JobPtr& job : queued) cancel(job);
  std::unique_lock lock(mutex_);
  const bool ended = idle_.wait_for(lock, timeout, [&] { return pending_ == 0; });
  wake_.notify_all();
  return ended;
}

// ---- the lane thread

bool Context::waitForWork(std::unique_lock<std::mutex>& lock) {
  auto canWork = [&] { return !ready_.empty() && submissions_ < kMaxSubmissions; };
  auto ended = [&] { return closing_ && pending_ == 0; };
  if (!canWork() && !ended() && inlineQueue_) {
    lock.unlock();
    auto until = Clock::now() + kSpin;
    while (readyCount_.load(std::memory_order_acquire) == 0 && Clock::now() < until) std::this_thread::yield();
    lock.lock();
  }
  while (!canWork() && !ended()) {
    if (trimmed_) {
      wake_.wait(lock);
    } else if (wake_.wait_for(lock, kIdleBeforeTrim) == std::cv_status::timeout && !pending_) {
      trimmed_ = true;
      lock.unlock();
      arena_->trim();
      lock.lock();
    }
  }
  return !ready_.empty();
}

std::vector<Context::JobPtr> Context::takeBatch() {
  std::vector<JobPtr> batch;
  double bytes = 0;
  trimmed_ = false;
  do {
    batch.push_back(std::move(ready_.front()));
    ready_.pop_front();
    bytes += batch.back()->cost.bytes;
    if (inlineQueue_ || batch.back()->running_ || !isSmall(*batch.back())) break;
  } while (!ready_.empty() && batch.size() < kMaxBatch && !ready_.front()->running_ && isSmall(*ready_.front()) &&
           bytes + ready_.front()->cost.bytes < 4 * kSmallJobBytes);
  readyCount_ = ready_.size();
  return batch;
}

void Context::laneLoop() {
  std::unique_lock lock(mutex_);
  while (waitForWork(lock)) {
    std::vector<JobPtr> batch = takeBatch();
    lock.unlock();
    {
      std::lock_guard executing(executing_);
      if (inlineQueue_)
        executeOnCpu(batch.front(), *queue_);
      else
        execute(std::move(batch), true);
    }
    lock.lock();
  }
}

}  // namespace switchyard
