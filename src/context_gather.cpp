// Jobs whose inputs lie on devices that neither theirs nor the host reaches: each input's own context reads it into
// memory of the host, and the job comes into its lane when all were read.
#include <algorithm>
#include <utility>

#include "context.h"
#include "start.h"

namespace switchyard {

bool Context::hasToGather(const Job& job) const {
  bool reads = false;
  for (const TensorArg& input : job.inputs) {
    if (!input.device || input.device->device == device_) continue;
    if (input.device->device->lost()) throw SourceLost(input.device->device->info.id);
    reads = reads || wayTo(*device_, *input.device) == Way::Read;
  }
  return reads;
}

void Context::gather(const JobPtr& job, Asked asked) {
  std::vector<std::pair<std::shared_ptr<Context>, JobPtr>> reads;
  for (size_t i = 0; i < job->inputs.size(); ++i) {
    const TensorArg& input = job->inputs[i];
    if (!input.device || wayTo(*device_, *input.device) != Way::Read) continue;
    auto home = input.device->home.lock();
    if (!home) throw Error(Code::Closed, "the context of a tensor on " + input.device->device->info.id + " is closed");
    auto read = std::make_shared<Job>();
    read->kind = Job::Kind::Read;
    read->inputs.push_back(input);
    read->prepare();
    read->done = [this, job, i](Job& ran) { gathered(job, i, ran); };  // pending_ keeps this context
    reads.emplace_back(std::move(home), std::move(read));
  }
  {
    std::lock_guard lock(mutex_);
    take(job, asked);
    job->reads_ = reads.size();
    gathering_.push_back(job);
  }
  for (auto& [home, read] : reads) {
    try {
      home->submit(read, asked);
    } catch (...) {
      read->error = std::current_exception();
      const Job::Done done = std::exchange(read->done, nullptr);
      done(*read);
    }
  }
}

// One of its inputs was read, or could not be.
void Context::gathered(const JobPtr& job, size_t input, const Job& read) {
  std::exception_ptr error;
  LaneRunner* runner = nullptr;
  {
    std::lock_guard lock(mutex_);
    if (read.error) {
      if (!job->error) job->error = read.error;
    } else {
      job->gathered_.push_back(read.outputs.front());
      job->inputs[input].host = read.outputs.front()->data;
      job->inputs[input].device.reset();
    }
    if (--job->reads_) return;
    std::erase(gathering_, job);
    error = std::exchange(job->error, nullptr);
    if (!error && lost()) error = std::make_exception_ptr(lostError());
    if (!error) {
      ready_.push_back(job);
      runner = runnerToWake();
      if (runner) waking_.fetch_add(1, std::memory_order_relaxed);
    }
  }
  if (error) return settle(job, error);
  if (!runner) return;
  runner->wake();
  waking_.fetch_sub(1, std::memory_order_release);
}

}  // namespace switchyard
