// How assigned jobs run: alone or joined, after what they need on the device, tried again without what is kept there,
// and reported.
#include <algorithm>
#include <cstring>
#include <utility>

#include "cluster/assigned_job.h"
#include "cluster/error_json.h"
#include "cluster/executor.h"
#include "start.h"

namespace switchyard::cluster {
namespace {

constexpr uint64_t kResidentFromBytes = 64 << 10;  // smaller inputs are as fast to send again

}  // namespace

std::shared_ptr<DeviceTensor> ServedContext::find(const SealedPlace& key) {
  const auto found = places.find(key);
  if (found == places.end()) return nullptr;
  resident.splice(resident.begin(), resident, found->second);
  resident.front().usedMs = nowMs();
  return resident.front().tensor;
}

void ServedContext::keep(const SealedPlace& key, std::shared_ptr<DeviceTensor> tensor) {
  if (find(key)) return;
  residentBytes += tensor->spec.bytes();
  store(page, kContextResidentBytes, static_cast<double>(residentBytes));
  resident.push_front({key, std::move(tensor), nowMs()});
  places[key] = resident.begin();
  const uint64_t most = std::min(mostResident, context->memoryUse().limitBytes / 2);
  while (residentBytes > most && resident.size() > 1) drop(std::prev(resident.end()));
}

std::list<ServedContext::Resident>::iterator ServedContext::drop(std::list<Resident>::iterator it) {
  residentBytes -= it->tensor->spec.bytes();
  store(page, kContextResidentBytes, static_cast<double>(residentBytes));
  places.erase(it->key);
  return resident.erase(it);
}

void ServedContext::dropAll() {
  resident.clear();
  places.clear();
  residentBytes = 0;
  store(page, kContextResidentBytes, 0);
}

void Executor::start(const std::shared_ptr<ServedContext>& served, std::vector<JobPtr> jobs) {
  if (!served->onCpu && uploadFirst(served, jobs)) return;
  std::unique_ptr<JoinedJobs> joined;
  if (jobs.size() > 1) {
    std::vector<std::shared_ptr<Job>> parts;
    for (const JobPtr& job : jobs) parts.emplace_back(job, &job->job);
    try {
      joined = JoinedJobs::make(parts);
    } catch (const Error&) {
      // No memory to put them together, or too large as one: each by itself.
    }
  }
  if (!joined) {
    for (const JobPtr& job : jobs) {
      job->job.begun = [this, served, raw = job.get()] { begun(*served, *raw); };
      job->job.done = [this, served, raw = job.get()](Job& ran) { ended(served, {raw->number}, ran, ran.error); };
      submit(*served, std::shared_ptr<Job>(job, &job->job));
    }
    return;
  }
  std::vector<uint64_t> numbers;
  std::shared_ptr<JoinedJobs> holder = std::move(joined);  // alive for as long as the context has its job
  auto launch = std::make_shared<JoinedLaunch>();
  launch->joined = holder;
  {
    std::lock_guard lock(mutex_);
    for (const JobPtr& job : jobs) {
      numbers.push_back(job->number);
      job->launch = launch;
      launch->wanted += !job->canceled;
    }
  }
  Job& job = holder->job;
  job.begun = [this, served, first = jobs.front()] { begun(*served, *first); };
  job.done = [this, served, numbers = std::move(numbers), raw = holder.get()](Job& ran) {
    try {
      if (!ran.error) raw->finish();
    } catch (...) {
      ran.error = std::current_exception();
    }
    ended(served, numbers, ran, ran.error);
  };
  submit(*served, std::shared_ptr<Job>(holder, &job));
}

void Executor::submit(ServedContext& served, const std::shared_ptr<Job>& job) {
  try {
    if (!served.context->runNow(job, Asked::Elsewhere)) served.context->submit(job, Asked::Elsewhere);
  } catch (...) {
    job->error = std::current_exception();
    job->done(*job);
  }
}

// The input as the device gets it: from another context of this process that has it there, where its device reaches
// that one's, instead of over the bus once more.
TensorArg Executor::nearest(const ServedContext& served, const SealedPlace& key, TensorArg input) {
  const Device& device = *served.context->device();
  std::lock_guard lock(mutex_);
  for (const auto& other : contexts_) {
    if (!other || other.get() == &served || other->context->lost()) continue;
    auto tensor = other->find(key);
    if (!tensor || tensor->device->lost()) continue;
    const Way way = wayTo(device, *tensor);
    if (way != Way::Here && way != Way::Direct) continue;
    input.device = std::move(tensor);
    break;
  }
  return input;
}

// Sealed inputs stay on a device with memory of its own: those that are not there yet go first, and the jobs follow
// when they are.
bool Executor::uploadFirst(const std::shared_ptr<ServedContext>& served, std::vector<JobPtr>& jobs) {
  for (const JobPtr& job : jobs) {
    // Of the many weights of a graph even the small ones are not sent again and again.
    const uint64_t from = job->job.kind == Job::Kind::Graph ? 1 : kResidentFromBytes;
    for (size_t i = 0; i < job->memory.sealed.size(); ++i) {
      TensorArg& input = job->job.inputs[i];
      if (!job->memory.sealed[i].generation || !input.host || input.spec.bytes() < from || input.device) continue;
      {
        std::lock_guard lock(mutex_);
        if (auto tensor = served->find(job->memory.sealed[i])) {
          input.device = std::move(tensor);
          continue;
        }
      }
      if (i < job->uploaded) continue;  // it was brought there once and had to go again: this time from where it is
      job->uploaded = i + 1;
      auto upload = std::make_shared<Job>();
      upload->kind = Job::Kind::Upload;
      upload->inputs.push_back(nearest(*served, job->memory.sealed[i], input));
      upload->prepare();
      upload->done = [this, served, key = job->memory.sealed[i], jobs](Job& ran) mutable {
        if (!ran.error) {
          std::lock_guard lock(mutex_);
          served->keep(key, std::move(ran.uploaded));
        }
        start(served, std::move(jobs));
      };
      submit(*served, upload);
      return true;
    }
    job->uploaded = 0;
  }
  return false;
}

void Executor::begun(ServedContext& served, AssignedJob& job) {
  const double now = nowMs();
  job.begunMs = now;
  std::lock_guard lock(mutex_);
  store(served.page, kContextProgress, now);
  for (size_t i = 0; i < kMaxStarted; ++i) {
    const double there = load(served.page, kContextStarted + i);
    if (there == static_cast<double>(job.number)) return;
    if (there != 0) continue;
    store(served.page, kContextStarted + i, static_cast<double>(job.number));
    if (!job.launch) job.job.progress.tellAt(served.page + kContextSteps + 2 * i);
    return;
  }
}

void Executor::ended(const std::shared_ptr<ServedContext>& served, const std::vector<uint64_t>& numbers, const Job& ran,
                     std::exception_ptr error) {
  std::vector<JobPtr> jobs;
  {
    std::lock_guard lock(mutex_);
    for (uint64_t number : numbers)
      if (auto found = jobs_.find(number); found != jobs_.end()) jobs.push_back(found->second);
  }
  if (error && tryAgain(served, jobs, error)) return;
  {
    std::lock_guard lock(mutex_);
    for (uint64_t number : numbers) jobs_.erase(number);
    double* page = served->page;
    for (size_t i = 0; i < kMaxStarted; ++i) {
      if (numbers.empty() || load(page, kContextStarted + i) != static_cast<double>(numbers.front())) continue;
      store(page, kContextStarted + i, 0);
      store(page, kContextSteps + 2 * i, 0);
      store(page, kContextSteps + 2 * i + 1, 0);
    }
    store(page, kContextRemotePending, load(page, kContextRemotePending) - static_cast<double>(jobs.size()));
    store(page, kContextRemoteRun, load(page, kContextRemoteRun) + static_cast<double>(jobs.size()));
    store(page, kContextProgress, nowMs());
    if (served->context->lost()) store(page, kContextLost, 1);
  }
  if (!error)
    for (const JobPtr& job : jobs) job->memory.giveOutputs(job->job);
  const AssignedJob* first = jobs.empty() ? nullptr : jobs.front().get();
  for (const JobPtr& job : jobs) report(*job, first->begunMs, ran, numbers.size(), error, served->index);
  if (std::this_thread::get_id() != loopThread_ && !channel_.flush()) poke();
}

// What is kept on the device for later jobs must not cost a job its memory, nor must what it was joined with; and what
// is wrong with one job, as its plan finds where it sees the numbers, is its own.
bool Executor::tryAgain(const std::shared_ptr<ServedContext>& served, const std::vector<JobPtr>& jobs,
                        std::exception_ptr error) {
  const Code code = asError(error).code;
  const bool isOfOne = code == Code::InvalidArgument && jobs.size() > 1;
  if (code != Code::OutOfMemory && !isOfOne) return false;
  {
    std::lock_guard lock(mutex_);
    if ((served->resident.empty() && jobs.size() < 2) || stopping_) return false;
    for (const JobPtr& job : jobs)
      if (job->secondTry) return false;
    if (!isOfOne) served->dropAll();
    for (const JobPtr& job : jobs) {
      job->secondTry = true;
      job->launch = nullptr;
      if (job->canceled) job->job.requestStop();
    }
  }
  for (const JobPtr& job : jobs) {
    job->job.error = nullptr;
    for (TensorArg& input : job->job.inputs) input.device.reset();
    job->memory.sealed = {};
  }
  for (const JobPtr& job : jobs) start(served, {job});
  return true;
}

void Executor::report(const AssignedJob& job, double begunMs, const Job& ran, size_t batch, std::exception_ptr error,
                      uint32_t context) {
  std::string text;
  int code = 0;
  if (error) {
    const Error ours = asError(error);
    code = 1 + static_cast<int>(ours.code);
    text = errorJson(ours);
  }
  std::vector<double> message(kDoneText + (text.size() + 7) / 8);
  message[kLength] = static_cast<double>(message.size());
  message[kType] = kDoneType;
  message[kDoneNumber] = static_cast<double>(job.number);
  message[kDoneCode] = code;
  message[kDoneBatch] = static_cast<double>(batch);
  message[kDoneSwitch] = begunMs ? begunMs - job.decidedMs : 0;
  message[kDoneUpload] = ran.timings.uploadMs;
  message[kDoneCompute] = ran.timings.computeMs;
  message[kDoneReadback] = ran.timings.readbackMs;
  message[kDoneContext] = context;
  message[kDoneTextBytes] = static_cast<double>(text.size());
  if (!text.empty()) std::memcpy(&message[kDoneText], text.data(), text.size());
  channel_.post(message);
}

void Executor::refuse(uint64_t number, uint32_t context, std::exception_ptr error) {
  AssignedJob job;
  job.number = number;
  report(job, 0, job.job, 1, error, context);
}

}  // namespace switchyard::cluster
