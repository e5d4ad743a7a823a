// How a context runs its jobs: recording, submission, what is tried again, and the one settlement of each.
#include <algorithm>
#include <utility>

#include "context.h"
#include "start.h"

namespace switchyard {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::duration;

// What a job takes, about, to compare it with others of its workload.
double workOf(const Job& job) { return job.cost.flops + job.cost.bytes; }

// The longest that a job may take on a device that is not lost: what its user waits, or what is known of it, at a
// hundredth of what a card does; an hour where nobody knows how often a user's loops go round. A day at most: what was
// said holds for all that the card does meanwhile, and a card that is lost is to be noticed some time.
std::chrono::milliseconds longestOf(const Job& job) {
  constexpr double kFlopsPerMs = 1e7, kBytesPerMs = 1e6;
  constexpr std::chrono::milliseconds kLongest = std::chrono::hours(24);
  const double ms = job.cost.maybeLong ? 3600e3 : job.cost.flops / kFlopsPerMs + job.cost.bytes / kBytesPerMs;
  const std::chrono::milliseconds known(static_cast<int64_t>(std::min(ms, double(kLongest.count()))));
  return std::min(std::max(job.longest, known), kLongest);
}

// A queue sees when the job it records is to stop, and tells how far it is. Null: none.
void heed(Queue& queue, Job* job) {
  queue.setStopFlag(job ? &job->stop : nullptr);
  queue.setProgress(job ? &job->progress : nullptr);
  if (job) queue.setLongest(longestOf(*job));
}

constexpr size_t kMostWaiting = 1000;  // workloads that are known to have to wait
constexpr size_t kMostMet = 1000;
constexpr int kForgetAfter = 32;  // jobs

double millisecondsSince(Clock::time_point start) { return duration<double, std::milli>(Clock::now() - start).count(); }

}  // namespace

// Starts the job, or goes on with its plan, as far as that gets without the device; then what it has written is read
// back.
void Context::record(Job& job, Queue& queue, bool mayWait) {
  if (!job.running_) {
    if (job.stop) throw Error(Code::Canceled, "the job was canceled before it ran");
    auto start = Clock::now();
    job.started_ = start;
    if (job.begun) job.begun();
    job.running_ = std::make_shared<Job::Running>(*device_, queue, *arena_, programs_, job);
    startJob(job, *job.running_, {device_, arena_, queue, self_, mayWait});
    job.running_->uploadMs = millisecondsSince(start);
  }
  Job::Running& running = *job.running_;
  if (!running.recorded) {
    auto suspended = running.recorder.takeSuspended();
    (suspended ? suspended : running.task.handle()).resume();
    if (!running.task.done()) return;
    running.task.rethrow();
    running.recorded = true;
  }
  for (size_t i = 0; i < running.outputViews.size(); ++i) {
    BufferView view = running.outputViews[i];
    if (!view || !view.size) continue;
    std::byte* host = job.into[i].data ? job.into[i].data : job.outputs[i]->data;
    queue.download({host, view.size}, view);
  }
}

// False: its caller's thread would have had to wait for memory that is moved, or to move some, and the job is as if it
// had not been taken.
bool Context::executeOnCpu(const JobPtr& job, Queue& queue, Where where) {
  {
    std::lock_guard lock(mutex_);
    started_.push_back(job);
  }
  heed(queue, job.get());
  std::exception_ptr error;
  for (bool again = true; again;) {
    again = false;
    try {
      record(*job, queue, where != Where::Inline);
      queue.submit([&](std::exception_ptr failed, const QueueTimings&) { error = failed; });
      if (error) std::rethrow_exception(error);
      job->running_->recorder.throwIfStopped();  // a kernel that saw the flag left its output unfinished
    } catch (...) {
      queue.discard();
      error = std::current_exception();
      heed(queue, nullptr);
      if (where == Where::Inline && isForTheLane(error)) {
        forget(*job);
        leave(job, std::exchange(job->elsewhere_, false));
        return false;
      }
      again = recover(job, error, queue);
      if (again) heed(queue, job.get());
    }
  }
  heed(queue, nullptr);
  if (!error && job->running_) {
    job->timings.uploadMs = job->running_->uploadMs;
    job->timings.computeMs = millisecondsSince(job->started_) - job->running_->uploadMs;
  }
  settle(job, error);
  return true;
}

void Context::forget(Job& job) {
  job.running_.reset();
  job.outputs.clear();
  job.uploaded.reset();
}

// False: they would have had to wait, and are the lane's or its own thread's again.
bool Context::execute(std::vector<JobPtr> jobs, Where where) {
  {
    std::lock_guard lock(mutex_);
    if (met_.size() >= kMostMet) met_.clear();
    for (const JobPtr& job : jobs) {
      if (!job->running_ || job->restarts_) started_.push_back(job);
      if (job->workload) met_.insert(job->workload);
    }
  }
  queue_->setMayWait(where != Where::Pool);
  queue_->setMayTakeLong(where != Where::Inline);
  arena_->setMayGrow(where != Where::Inline);
  if (jobs.size() > 1) {
    std::vector<JobPtr> launches;
    try {
      launches = join(jobs);
      for (const JobPtr& job : launches) {
        queue_->beginIndependent();
        record(*job, *queue_, where == Where::Thread);
        if (!job->running_->recorded) throw Error(Code::Internal, "a small job waits for the device");
      }
      submitBatch(std::move(launches));
      return true;
    } catch (const MustWait&) {
      abandoned_ = std::move(launches);
      return handOver(jobs, where);
    } catch (...) {
      // One job failed and took the others' commands with it: each again by itself.
      discard();
      for (const JobPtr& job : jobs) forget(*job);
    }
  }
  for (size_t i = 0; i < jobs.size(); ++i)
    if (!executeOne(jobs[i], where)) return handOver(std::span(jobs).subspan(i), where);
  return true;
}

// What was recorded since the last submission.
void Context::discard() {
  queue_->discard();
  abandoned_.clear();
}

// False: it would have had to wait for the device.
bool Context::executeOne(const JobPtr& job, Where where) {
  if (job->restarts_) {
    job->restarts_ = false;
    discard();
    if (job->error) recover(job, std::exchange(job->error, nullptr), *queue_);
    forget(*job);
  }
  for (;;) {
    try {
      if (where != Where::Inline) heed(*queue_, job.get());
      record(*job, *queue_, where == Where::Thread);
      heed(*queue_, nullptr);
      submitBatch({job});
      return true;
    } catch (const MustWait&) {
      heed(*queue_, nullptr);
      return false;
    } catch (...) {
      heed(*queue_, nullptr);
      std::exception_ptr error = std::current_exception();
      if (where == Where::Pool && recoversLate(*job, error)) {
        job->error = error;
        return false;
      }
      discard();
      if (recover(job, error, *queue_)) continue;
      settle(job, error);
      return true;
    }
  }
}

// They go back to where they were, and the context's own thread goes on with them from the beginning; from a caller's
// thread, the lane does, whoever runs it.
bool Context::handOver(std::span<const JobPtr> jobs, Where from) {
  try {
    thread_.prepare();
  } catch (...) {
    discard();
    for (const JobPtr& job : jobs) {
      forget(*job);
      settle(job, std::current_exception());
    }
    return false;
  }
  const bool waits = from != Where::Inline;
  if (waits && !jobs.front()->error) noteWait(*jobs.front());
  std::lock_guard lock(mutex_);
  for (auto job = jobs.rbegin(); job != jobs.rend(); ++job) {
    if (auto entry = std::find(started_.begin(), started_.end(), *job); entry != started_.end()) started_.erase(entry);
    (*job)->waits_ = waits, (*job)->restarts_ = true;
    ready_.push_front(*job);
  }
  return false;
}

// The next ones like it go to that thread at once.
void Context::noteWait(const Job& job) {
  std::lock_guard lock(mutex_);
  if (waits_.size() >= kMostWaiting) waits_.clear();
  auto [known, isNew] = waits_.emplace(job.workload, Waits{workOf(job), kForgetAfter});
  if (!isNew) known->second = {std::min(known->second.from, workOf(job)), kForgetAfter};
}

// How long a device takes changes, most of all from the first job to the next: after some jobs one is tried again.
bool Context::mayHaveToWait(const Job& job) {
  auto known = waits_.find(job.workload);
  if (known == waits_.end() || workOf(job) < known->second.from) return false;
  if (--known->second.jobs == 0) waits_.erase(known);
  return true;
}

void Context::submitBatch(std::vector<JobPtr> jobs) {
  {
    std::lock_guard lock(mutex_);
    ++submissions_;
  }
  try {
    queue_->submit(
        [this, jobs](std::exception_ptr error, const QueueTimings& timings) { onFinished(jobs, error, timings); });
  } catch (...) {
    discard();
    onFinished(jobs, std::current_exception(), {});
  }
}

void Context::onFinished(const std::vector<JobPtr>& jobs, std::exception_ptr error, const QueueTimings& timings) {
  if (error) {
    try {
      std::rethrow_exception(error);
    } catch (const Error& e) {
      if (e.code == Code::DeviceLost) lose(error);
    } catch (...) {}
  }
  std::vector<JobPtr> finished, suspended;
  for (const JobPtr& job : jobs) {
    job->timings.uploadMs += timings.uploadMs;
    job->timings.computeMs += timings.computeMs;
    job->timings.readbackMs += timings.readbackMs;
    if (!error && !job->running_->recorded) {
      suspended.push_back(job);
      continue;
    }
    // Their memory goes before anybody hears that the device is idle: who waits for that wants memory.
    job->timings.uploadMs += job->running_->uploadMs;
    job->running_.reset();
    finished.push_back(job);
  }
  LaneRunner* runner = nullptr;
  {
    std::lock_guard lock(mutex_);
    if (--submissions_ == 0) idle_.notify_all();
    // Behind those that begin anew: what these have recorded is discarded before anything else is recorded.
    for (const JobPtr& job : suspended)
      ready_.insert(std::ranges::find_if(ready_, [](const JobPtr& next) { return !next->restarts_; }), job);
    runner = runnerToWake();
    if (runner) waking_.fetch_add(1, std::memory_order_relaxed);
  }
  if (runner) {
    runner->prepare();
    runner->wake();
    waking_.fetch_sub(1, std::memory_order_release);
  }
  for (const JobPtr& job : finished) {
    if (job->joined_)
      settleJoined(job, error);
    else
      settle(job, error);
  }
}

// Everything queued is refused: the context can't run it any more.
void Context::lose(std::exception_ptr error) {
  device_->markLost();
  std::deque<JobPtr> refused;
  {
    std::lock_guard lock(mutex_);
    lost_ = true;
    refused.swap(ready_);
  }
  for (const JobPtr& job : refused) settle(job, error);
}

void Context::settle(const JobPtr& job, std::exception_ptr error) {
  job->error = error;
  job->timings.totalMs = millisecondsSince(job->submitted_);
  if (job->started_.time_since_epoch().count())
    job->timings.queuedMs = duration<double, std::milli>(job->started_ - job->submitted_).count();
  if (error) {
    job->outputs.clear();
    job->uploaded.reset();
  }
  job->running_.reset();
  job->gathered_.clear();
  job->begun = nullptr;  // what they hold goes before this context may
  const bool elsewhere = std::exchange(job->elsewhere_, false);
  Job::Done done = std::move(job->done);
  done(*job);
  done = nullptr;
  leave(job, elsewhere);
}

// The job is none of this context's any more.
void Context::leave(const JobPtr& job, bool elsewhere) {
  std::unique_lock lock(mutex_);
  // One entry: what done() has handed in again may have begun already.
  if (auto entry = std::find(started_.begin(), started_.end(), job); entry != started_.end()) started_.erase(entry);
  while (pending_ == 1 && !closed_.empty()) {
    std::vector<std::function<void()>> closed;
    closed.swap(closed_);
    lock.unlock();
    arena_->trim();
    for (auto& call : closed) call();
    lock.lock();
  }
  elsewhere_ -= elsewhere;
  // The last touch of this object once nothing is pending: its destructor may be waiting for the lock.
  if (--pending_ == 0) idle_.notify_all();
}

}  // namespace switchyard
