// Jobs whose inputs lie on devices that neither theirs nor the host reaches: each input's own context reads it into
// memory of the host, once for all jobs that need it there, and a job comes into its lane when it has all.
#include <algorithm>
#include <utility>

#include "context.h"
#include "start.h"

namespace switchyard {

// A tensor's elements in the host's memory, for as long as a job needs them there.
struct DeviceTensor::HostCopy {
  std::shared_ptr<HostBlock> block;  // once it was read
  std::exception_ptr error;          // why it could not be; both null: it is being read
  std::vector<std::function<void(const HostCopy&)>> waiting;
};

namespace {

using Copy = DeviceTensor::HostCopy;

// Why a tensor could not be read, to those who need it on other devices: theirs are well.
std::exception_ptr notRead(const DeviceTensor& tensor, const std::exception_ptr& error) {
  try {
    const Error why = asError(error);
    const std::string& device = tensor.device->info.id;
    if (why.code == Code::DeviceLost) return std::make_exception_ptr(SourceLost(device));
    return std::make_exception_ptr(Error(why.code, "a tensor on " + device + " could not be read: " + why.what()));
  } catch (...) {  // no memory for words
    return error;
  }
}

std::shared_ptr<Job> makeRead(const std::shared_ptr<DeviceTensor>& tensor, const std::shared_ptr<Copy>& copy) {
  auto read = std::make_shared<Job>();
  read->kind = Job::Kind::Read;
  read->inputs.push_back({tensor->spec, nullptr, tensor, true});
  read->prepare();
  read->done = [tensor, copy](Job& ran) {
    decltype(copy->waiting) waiting;
    {
      std::lock_guard lock(tensor->copyMutex);
      copy->error = ran.error ? notRead(*tensor, ran.error) : nullptr;
      if (!ran.error) copy->block = std::move(ran.outputs.front());
      waiting.swap(copy->waiting);
    }
    for (const auto& call : waiting) call(*copy);
  };
  return read;
}

// Calls `then` with it, at once or when it was read.
std::shared_ptr<Copy> hostCopyOf(const std::shared_ptr<DeviceTensor>& tensor, Asked asked,
                                 std::function<void(const Copy&)> then) {
  std::shared_ptr<Copy> copy;
  std::shared_ptr<Job> read;
  {
    std::lock_guard lock(tensor->copyMutex);
    copy = tensor->hostCopy.lock();
    if (!copy || copy->error) {
      copy = std::make_shared<Copy>();
      read = makeRead(tensor, copy);
    }
    if (!copy->block) copy->waiting.push_back(std::exchange(then, nullptr));
    if (read) tensor->hostCopy = copy;
  }
  if (then) then(*copy);
  if (!read) return copy;
  try {
    const auto home = tensor->home.lock();
    if (!home) throw Error(Code::Closed, "the context of a tensor on " + tensor->device->info.id + " is closed");
    home->submit(read, asked);
  } catch (...) {
    read->error = std::current_exception();
    const Job::Done done = std::exchange(read->done, nullptr);
    done(*read);
  }
  return copy;
}

}  // namespace

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
  std::vector<size_t> reads;
  for (size_t i = 0; i < job->inputs.size(); ++i)
    if (job->inputs[i].device && wayTo(*device_, *job->inputs[i].device) == Way::Read) reads.push_back(i);
  std::vector<std::shared_ptr<DeviceTensor>> tensors;  // the job's go one by one as they are read
  for (size_t i : reads) tensors.push_back(job->inputs[i].device);
  std::vector<std::shared_ptr<Copy>> copies;
  copies.reserve(reads.size());
  {
    std::lock_guard lock(mutex_);
    take(job, asked);
    job->reads_ = reads.size() + 1;  // this one
    gathering_.push_back(job);
  }
  for (size_t at = 0; at < reads.size(); ++at) {
    try {
      // A job that is canceled does not wait for what is read, and this context may be gone by then.
      copies.push_back(hostCopyOf(tensors[at], asked, [self = self_, job, input = reads[at]](const Copy& read) {
        if (const auto context = self.lock())
          context->gathered(job, &job->inputs[input], read.block ? read.block->data : nullptr, read.error);
      }));
    } catch (...) {  // no memory for it
      gathered(job, nullptr, nullptr, std::current_exception());
    }
  }
  {
    std::lock_guard lock(mutex_);
    if (isGathering(job)) job->gathered_ = std::move(copies);
  }
  gathered(job, nullptr, nullptr, nullptr);
}

bool Context::isGathering(const JobPtr& job) const {
  return std::find(gathering_.begin(), gathering_.end(), job) != gathering_.end();
}

// One of its inputs is in the host's memory, or could not be read; null: all were asked for.
void Context::gathered(const JobPtr& job, TensorArg* input, const std::byte* host, const std::exception_ptr& failed) {
  std::exception_ptr error;
  LaneRunner* runner = nullptr;
  {
    std::lock_guard lock(mutex_);
    if (!isGathering(job)) return;  // canceled
    if (failed && !job->error) job->error = failed;
    if (input && !failed) {
      input->host = host;
      input->device.reset();
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
