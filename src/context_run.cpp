// How a context runs its jobs: recording, submission, what is tried again, and the one settlement of each.
#include <algorithm>

#include "context.h"
#include "start.h"

namespace switchyard {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::duration;

double millisecondsSince(Clock::time_point start) { return duration<double, std::milli>(Clock::now() - start).count(); }

}  // namespace

// Starts the job, or goes on with its plan, as far as that gets without the device; then what it has written is read
// back.
void Context::record(Job& job, Queue& queue) {
  if (!job.running_) {
    if (job.stop) throw Error(Code::Canceled, "the job was canceled before it ran");
    auto start = Clock::now();
    job.started_ = start;
    if (job.begun) job.begun();
    job.running_ = std::make_shared<Job::Running>(*device_, queue, *arena_, programs_, job.stop);
    startJob(job, *job.running_, {device_, arena_, queue});
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

void Context::executeOnCpu(const JobPtr& job, Queue& queue) {
  {
    std::lock_guard lock(mutex_);
    started_.push_back(job);
  }
  queue.setStopFlag(&job->stop);
  std::exception_ptr error;
  for (bool again = true; again;) {
    again = false;
    try {
      record(*job, queue);
      queue.submit([&](std::exception_ptr failed, const QueueTimings&) { error = failed; });
      if (error) std::rethrow_exception(error);
      job->running_->recorder.throwIfStopped();  // a kernel that saw the flag left its output unfinished
    } catch (...) {
      queue.discard();
      error = std::current_exception();
      again = recover(job, error);
    }
  }
  queue.setStopFlag(nullptr);
  if (!error && job->running_) {
    job->timings.uploadMs = job->running_->uploadMs;
    job->timings.computeMs = millisecondsSince(job->started_) - job->running_->uploadMs;
  }
  settle(job, error);
}

// True when the job should be tried again: it ran out of memory, and is alone now with all unused memory given back.
bool Context::recover(const JobPtr& job, std::exception_ptr error) {
  job->running_.reset();
  job->outputs.clear();
  job->uploaded.reset();
  try {
    std::rethrow_exception(error);
  } catch (const Error& e) {
    if (e.code == Code::DeviceLost) lose(error);
    if (e.code != Code::OutOfMemory || job->retriedForMemory_ || job->stop) return false;
  } catch (...) {
    return false;
  }
  job->retriedForMemory_ = true;
  {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [&] { return submissions_ == 0; });
  }
  arena_->trim();
  HostPool::shared().trim();
  return true;
}

void Context::execute(std::vector<JobPtr> jobs, bool onLane) {
  {
    std::lock_guard lock(mutex_);
    for (const JobPtr& job : jobs)
      if (!job->running_) started_.push_back(job);
  }
  if (jobs.size() == 1) return executeOne(jobs.front(), onLane);
  try {
    for (const JobPtr& job : jobs) {
      queue_->beginIndependent();
      record(*job, *queue_);
      if (!job->running_->recorded) throw Error(Code::Internal, "a small job waits for the device");
    }
  } catch (...) {
    // One job failed and took the others' commands with it: each again by itself.
    queue_->discard();
    for (const JobPtr& job : jobs) {
      job->running_.reset();
      job->outputs.clear();
      job->uploaded.reset();
    }
    for (const JobPtr& job : jobs) executeOne(job, onLane);
    return;
  }
  submitBatch(std::move(jobs));
}

void Context::executeOne(const JobPtr& job, bool onLane) {
  for (;;) {
    try {
      if (onLane) queue_->setStopFlag(&job->stop);
      record(*job, *queue_);
      queue_->setStopFlag(nullptr);
      return submitBatch({job});
    } catch (...) {
      queue_->setStopFlag(nullptr);
      queue_->discard();
      std::exception_ptr error = std::current_exception();
      if (!recover(job, error)) return settle(job, error);
    }
  }
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
    queue_->discard();
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
  std::vector<JobPtr> finished;
  {
    std::lock_guard lock(mutex_);
    if (--submissions_ == 0) idle_.notify_all();
    for (const JobPtr& job : jobs) {
      job->timings.uploadMs += timings.uploadMs;
      job->timings.computeMs += timings.computeMs;
      job->timings.readbackMs += timings.readbackMs;
      if (error || job->running_->recorded)
        finished.push_back(job);
      else
        ready_.push_front(job);
    }
    readyCount_ = ready_.size();
    if (!ready_.empty()) {
      startLane();
      wake_.notify_one();
    }
  }
  for (const JobPtr& job : finished) {
    job->timings.uploadMs += job->running_->uploadMs;
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
    readyCount_ = 0;
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
  job->begun = nullptr;  // what they hold goes before this context may
  Job::Done done = std::move(job->done);
  done(*job);
  done = nullptr;
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
  // The last touch of this object once nothing is pending: its destructor may be waiting for the lock.
  // The lane is woken only to end: waking it for each job that ran inside runNow() would cost more than the job.
  if (--pending_ == 0) {
    if (closing_) wake_.notify_all();
    idle_.notify_all();
  }
}

}  // namespace switchyard
