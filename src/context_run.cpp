// How a context runs its jobs: recording, submission, what is tried again, and the one settlement of each.
#include <algorithm>

#include "context.h"
#include "running.h"

namespace switchyard {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::duration;

double millisecondsSince(Clock::time_point start) { return duration<double, std::milli>(Clock::now() - start).count(); }

// Host memory in place where the device can, else a block of its own that is uploaded.
BufferView bindInput(Device& device, Job::Running& running, const TensorArg& input) {
  uint64_t bytes = input.spec.bytes();
  if (input.device || !bytes) return input.device ? input.device->view.slice(0, bytes) : BufferView{};
  auto* host = const_cast<std::byte*>(input.host);  // kernels only read inputs
  if (auto wrapped = device.wrap({host, bytes})) {
    running.wrapped.push_back(std::move(wrapped));
    return {running.wrapped.back().get(), 0, bytes};
  }
  BufferView view = running.recorder.fresh(bytes);
  running.recorder.upload(view, {input.host, bytes});
  return view;
}

// Results go straight into host memory where the device can. GPU kernels write whole words, so a ragged end needs a
// block.
BufferView bindOutput(Device& device, Job::Running& running, std::byte* host, uint64_t bytes) {
  bool inPlace = device.info.backend == Backend::Cpu || bytes % 4 == 0;
  if (inPlace)
    if (auto wrapped = device.wrap({host, bytes})) {
      running.wrapped.push_back(std::move(wrapped));
      running.outputViews.emplace_back();
      return {running.wrapped.back().get(), 0, bytes};
    }
  running.outputViews.push_back(running.recorder.fresh(bytes));
  return running.outputViews.back();
}

}  // namespace

void Context::record(Job& job, Queue& queue) {
  if (!job.running_) {
    if (job.stop) throw Error(Code::Canceled, "the job was canceled before it ran");
    auto start = Clock::now();
    job.started_ = start;
    if (job.begun) job.begun();
    auto running = std::make_shared<Job::Running>(*device_, queue, *arena_, programs_, job.stop);
    job.running_ = running;
    std::vector<BufferView> inputs;
    auto needsView = [&](size_t i) {
      if (!job.inputs[i].present || job.kind == Job::Kind::Upload) return false;
      return job.kind != Job::Kind::Workload || !job.workload->info.inputs[i].hostOnly;
    };
    for (size_t i = 0; i < job.inputs.size(); ++i) {
      const TensorArg& input = job.inputs[i];
      if (input.device && input.device->device != device_)
        throw Error(Code::InvalidArgument, "a device tensor lies on " + input.device->device->info.id +
                                               ", but the job runs on " + device_->info.id +
                                               ": read it back, or upload it there");
      inputs.push_back(needsView(i) ? bindInput(*device_, *running, input) : BufferView{});
    }
    if (job.kind == Job::Kind::Upload) {
      const TensorArg& input = job.inputs[0];
      BufferView view = arena_->allocate(input.spec.bytes());
      job.uploaded = std::make_shared<DeviceTensor>(device_, arena_, view, input.spec);
      if (view.size) queue.upload(view, {input.host, view.size});
      running->recorded = true;
    } else if (job.kind == Job::Kind::Read) {
      running->outputViews.push_back(inputs[0]);
      running->recorded = true;
    }
    auto valueOf = [&](size_t i) {
      return Value{job.inputs[i].spec, inputs[i], job.inputs[i].host, job.inputs[i].present};
    };
    job.outputs.assign(job.outputSpecs.size(), nullptr);
    if (job.into.empty()) job.into.resize(job.outputSpecs.size());
    bool any = false;
    for (size_t i = 0; i < job.outputSpecs.size(); ++i) {
      uint64_t bytes = job.outputSpecs[i].bytes();
      any |= bytes != 0;
      std::byte* host = job.into[i].data;
      if (!host) {
        job.outputs[i] = HostPool::shared().acquire(bytes);
        host = job.outputs[i]->data;
      }
      if (job.kind == Job::Kind::Read) continue;
      BufferView view;
      if (bytes)
        view = bindOutput(*device_, *running, host, bytes);
      else
        running->outputViews.emplace_back();
      Value output{job.outputSpecs[i], view, nullptr, true};
      if (job.kind == Job::Kind::Graph) {
        if (running->values.empty()) running->values.resize(job.graph->valueCount);
        running->values[job.graph->outputs[i]] = output;
      } else {
        running->call.outputs[i] = output;
      }
    }
    if (job.kind == Job::Kind::Graph) {
      for (size_t i = 0; i < job.inputs.size(); ++i) running->values[i] = valueOf(i);
      running->task = recordGraph(running->recorder, *job.graph, running->values);
    } else if (job.kind == Job::Kind::Workload) {
      for (size_t i = 0; i < job.inputs.size(); ++i) running->call.inputs[i] = valueOf(i);
      running->call.params = job.params;
      running->call.outputCount = job.outputSpecs.size();
      if (any)
        running->task = job.workload->record(running->recorder, running->call);
      else
        running->recorded = true;
    }
    running->uploadMs = millisecondsSince(start);
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

void Context::execute(std::vector<JobPtr> jobs) {
  {
    std::lock_guard lock(mutex_);
    for (const JobPtr& job : jobs)
      if (!job->running_) started_.push_back(job);
  }
  if (jobs.size() == 1) return executeOne(jobs.front());
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
    for (const JobPtr& job : jobs) executeOne(job);
    return;
  }
  submitBatch(std::move(jobs));
}

void Context::executeOne(const JobPtr& job) {
  for (;;) {
    try {
      record(*job, *queue_);
      return submitBatch({job});
    } catch (...) {
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
