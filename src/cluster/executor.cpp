// One thread reads and starts jobs; small ones run on it. What the contexts finish is reported from the thread it was
// finished on.
#include "cluster/executor.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <list>
#include <utility>

#include "cluster/body.h"
#include "cluster/join.h"
#include "thread.h"

namespace switchyard::cluster {
namespace {

constexpr int kBeatMs = 500;
constexpr uint64_t kResidentFromBytes = 64 << 10;  // smaller inputs are as fast to send again
constexpr double kPinFromBytes = 256 << 10;
constexpr auto kLostPatience = std::chrono::milliseconds(2000);

double nowMs() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

struct Executor::Launch {
  std::weak_ptr<JoinedJobs> joined;
  size_t wanted = 0;  // jobs of it that nobody has canceled; under the executor's mutex
};

struct Executor::RemoteJob {
  uint64_t number = 0;
  double decidedMs = 0, begunMs = 0;
  bool uploaded = false, secondTry = false, canceled = false;
  std::shared_ptr<Launch> launch;  // null: it was not joined with others
  Job job;
  BodyMemory memory;
  std::vector<std::shared_ptr<void>> pins;  // page-locked for as long as it runs
};

struct Executor::Lane {
  uint32_t index = 0;
  double* page = nullptr;  // of this context
  std::shared_ptr<Context> context;
  bool onCpu = false;
  struct Resident {
    SealedPlace key;
    std::shared_ptr<DeviceTensor> tensor;
  };
  std::list<Resident> resident;  // the latest used first; under the executor's mutex
  // by region, null: it could not be; executor's thread only
  std::unordered_map<uint64_t, std::shared_ptr<void>> pinned;
  uint64_t residentBytes = 0;

  std::shared_ptr<DeviceTensor> find(const SealedPlace& key) {
    for (auto it = resident.begin(); it != resident.end(); ++it)
      if (it->key == key) {
        resident.splice(resident.begin(), resident, it);
        return resident.front().tensor;
      }
    return nullptr;
  }
  void keep(const SealedPlace& key, std::shared_ptr<DeviceTensor> tensor) {
    if (find(key)) return;
    residentBytes += tensor->view.size;
    resident.push_front({key, std::move(tensor)});
    const uint64_t most = context->memoryUse().limitBytes / 2;
    while (residentBytes > most && resident.size() > 1) drop(std::prev(resident.end()));
  }
  std::list<Resident>::iterator drop(std::list<Resident>::iterator it) {
    residentBytes -= it->tensor->view.size;
    return resident.erase(it);
  }
};

Executor::Executor(int fd, double* page, std::shared_ptr<void> keepPage, OnGone onGone)
    : channel_(fd),
      page_(page),
      keepPage_(std::move(keepPage)),
      onGone_(std::move(onGone)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_ < 0) throw Error(Code::Internal, "no eventfd for the executor");
  thread_ = std::thread([this] { loop(); });
}

Executor::~Executor() {
  stop(true);
  ::close(wake_);
}

void Executor::add(uint32_t index, std::shared_ptr<Context> context) {
  if (index >= kMaxContexts) throw Error(Code::InvalidArgument, "a worker has at most 16 contexts");
  auto lane = std::make_shared<Lane>();
  lane->index = index;
  lane->page = page_ + kContexts + index * kContextNumbers;
  lane->onCpu = context->device()->info.backend == Backend::Cpu;
  lane->context = std::move(context);
  std::shared_ptr<Lane> before;  // its context may wait as it goes: not under the lock
  std::lock_guard lock(mutex_);
  std::erase_if(known_, [](const auto& known) { return known.expired(); });
  known_.push_back(lane);
  before = std::exchange(lanes_[index], std::move(lane));
}

void Executor::remove(uint32_t index) {
  std::shared_ptr<Lane> gone;
  std::lock_guard lock(mutex_);
  if (index < kMaxContexts) gone = std::move(lanes_[index]);
}

void Executor::halt() {
  stopping_ = true;
  halting_ = true;
  poke();
  std::lock_guard lock(joining_);
  if (thread_.joinable() && thread_.get_id() != std::this_thread::get_id()) thread_.join();
}

bool Executor::stop(bool cancel, std::chrono::milliseconds patience) {
  halt();
  std::vector<std::shared_ptr<Lane>> lanes;
  {
    std::lock_guard lock(mutex_);
    for (const auto& known : known_)
      if (auto lane = known.lock()) lanes.push_back(std::move(lane));
    lanes_ = {};
    if (cancel)
      for (auto& [number, job] : jobs_) {
        job->job.requestStop();
        if (auto joined = job->launch ? job->launch->joined.lock() : nullptr) joined->job.requestStop();
      }
  }
  // Completions refer to this object: they must have come, those of contexts that were removed or lost, too. A device
  // that was lost and still does not let go of its jobs never will.
  bool stopped = true;
  for (const auto& lane : lanes) {
    auto lostPatience = kLostPatience;
    while (lane->context->pending() &&
           (lane->context->lost() ? lostPatience-- : patience--) > std::chrono::milliseconds(0))
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (lane->context->pending()) stopped = false;
    std::lock_guard lock(mutex_);
    lane->resident.clear();
  }
  channel_.flush();
  channel_.shutdown();  // the coordinator hears that this is the end
  return stopped;
}

void Executor::post(std::span<const double> message) {
  channel_.post(message);
  if (!channel_.flush()) poke();
}

void Executor::poke() {
  const uint64_t one = 1;
  [[maybe_unused]] auto written = ::write(wake_, &one, sizeof one);
}

// ---- the executor's thread

void Executor::loop() {
  loopThread_ = std::this_thread::get_id();
  becomeServiceThread("switchyard-exec");  // it answers: what it computes itself takes microseconds
  const auto onEach = [this](std::span<const double> message) { onMessage(message); };
  bool open = true;
  while (open && !stopping_) {
    if (!waitForInput()) continue;
    open = channel_.read(onEach);
    channel_.flush();
  }
  if (!stopping_.exchange(true)) onGone_(halting_);
}

// True when there is something to read.
bool Executor::waitForInput() {
  pollfd polled[2] = {{channel_.fd(), POLLIN, 0}, {wake_, POLLIN, 0}};
  if (channel_.unsentBytes()) polled[0].events |= POLLOUT;
  const int ready = ::poll(polled, 2, kBeatMs);
  store(page_, kExecutorBeat, nowMs());
  if (ready <= 0) return false;
  if (polled[1].revents) {
    uint64_t count;
    [[maybe_unused]] auto got = ::read(wake_, &count, sizeof count);
  }
  if (polled[0].revents & POLLOUT) channel_.flush();
  return polled[0].revents & (POLLIN | POLLHUP | POLLERR);
}

void Executor::onMessage(std::span<const double> message) {
  if (stopping_) return;
  try {
    const Type type = typeOf(message[kType]);
    if (message.size() <= kFirst && type != Type::Bye) return;
    switch (type) {
      case Type::Assign: assign(message); break;
      case Type::Cancel: cancel(wholeOf(message[kFirst])); break;
      case Type::Drop: forget(wholeOf(message[kFirst])); break;
      case Type::Bye: stopping_ = true; break;
      default: break;
    }
  } catch (const Error&) {
    // The coordinator is of the same version and sends nothing that makes no sense. Whatever this was about would never
    // be answered: better that it hears of the end and has it done elsewhere.
    channel_.shutdown();
  }
}

void Executor::assign(std::span<const double> message) {
  Reader reader(message.subspan(kFirst));
  const auto index = static_cast<uint32_t>(reader.count(kMaxContexts - 1));
  const double decided = reader.number();
  const size_t count = reader.count(4096);
  std::shared_ptr<Lane> lane;
  {
    std::lock_guard lock(mutex_);
    lane = lanes_[index];
  }
  std::vector<JobPtr> jobs;
  jobs.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const uint64_t number = reader.count();
    auto body = reader.take(reader.count());
    try {
      if (!lane) throw Error(Code::DeviceLost, "the context is not there any more");
      auto job = std::make_shared<RemoteJob>();
      job->number = number;
      job->decidedMs = decided;
      decodeBody(body, job->job, job->memory);
      pin(*lane, *job);
      jobs.push_back(std::move(job));
    } catch (...) {
      refuse(number, index, std::current_exception());
    }
  }
  if (jobs.empty()) return;
  {
    std::lock_guard lock(mutex_);
    for (const JobPtr& job : jobs) jobs_.emplace(job->number, job);
    store(lane->page, kRemotePending, load(lane->page, kRemotePending) + static_cast<double>(jobs.size()));
  }
  start(lane, std::move(jobs));
}

// Page-locking costs milliseconds, once for each region: not for the sake of a small job. Contexts on one device share
// it, and a job holds it, so that no transfer is under way when it ends.
void Executor::pin(Lane& lane, RemoteJob& job) {
  if (lane.onCpu || job.job.cost.bytes < kPinFromBytes) return;
  Device* device = lane.context->device().get();
  for (const auto& region : job.memory.regions) {
    auto found = lane.pinned.find(region->id);
    if (found == lane.pinned.end()) {
      // Those that this process has given up itself: nobody says so to its executor.
      std::erase_if(lane.pinned, [](const auto& one) { return !RegionTable::shared().find(one.first); });
      std::erase_if(pins_, [](const auto& one) { return one.second.expired(); });
      auto& known = pins_[{device, region->id}];
      auto shared = known.lock();
      if (!shared)
        // the region lives as long as what it is pinned by
        if (auto pin = device->pin({region->data(), region->size()}))
          known = shared = std::shared_ptr<void>(pin.get(), [pin, region](void*) mutable { pin.reset(); });
      found = lane.pinned.emplace(region->id, std::move(shared)).first;
    }
    if (found->second) job.pins.push_back(found->second);
  }
}

void Executor::start(const std::shared_ptr<Lane>& lane, std::vector<JobPtr> jobs) {
  if (!lane->onCpu && uploadFirst(lane, jobs)) return;
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
      job->job.begun = [this, lane, raw = job.get()] { begun(*lane, *raw); };
      job->job.done = [this, lane, raw = job.get()](Job& ran) { ended(lane, {raw->number}, ran, ran.error); };
      submit(*lane, std::shared_ptr<Job>(job, &job->job));
    }
    return;
  }
  std::vector<uint64_t> numbers;
  std::shared_ptr<JoinedJobs> holder = std::move(joined);  // alive for as long as the context has its job
  auto launch = std::make_shared<Launch>();
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
  job.begun = [this, lane, first = jobs.front()] { begun(*lane, *first); };
  job.done = [this, lane, numbers = std::move(numbers), raw = holder.get()](Job& ran) {
    if (!ran.error) raw->finish();
    ended(lane, numbers, ran, ran.error);
  };
  submit(*lane, std::shared_ptr<Job>(holder, &job));
}

void Executor::submit(Lane& lane, const std::shared_ptr<Job>& job) {
  try {
    if (!lane.context->runNow(job)) lane.context->submit(job);
  } catch (...) {
    job->error = std::current_exception();
    job->done(*job);
  }
}

// Sealed inputs stay on a device with memory of its own: those that are not there yet go first, and the jobs follow
// when they are.
bool Executor::uploadFirst(const std::shared_ptr<Lane>& lane, std::vector<JobPtr>& jobs) {
  for (const JobPtr& job : jobs) {
    for (size_t i = 0; i < job->job.inputs.size() && i < kMaxTensors; ++i) {
      TensorArg& input = job->job.inputs[i];
      if (!job->memory.sealed[i].generation || !input.host || input.spec.bytes() < kResidentFromBytes) continue;
      {
        std::lock_guard lock(mutex_);
        if (auto tensor = lane->find(job->memory.sealed[i])) {
          input.device = std::move(tensor);
          continue;
        }
      }
      if (job->uploaded) continue;  // it was brought there once and had to go again: this time from where it is
      job->uploaded = true;
      auto upload = std::make_shared<Job>();
      upload->kind = Job::Kind::Upload;
      upload->inputs.push_back(input);
      upload->prepare();
      upload->done = [this, lane, key = job->memory.sealed[i], jobs](Job& ran) mutable {
        if (!ran.error) {
          std::lock_guard lock(mutex_);
          lane->keep(key, std::move(ran.uploaded));
        }
        start(lane, std::move(jobs));
      };
      submit(*lane, upload);
      return true;
    }
    job->uploaded = false;
  }
  return false;
}

void Executor::begun(Lane& lane, RemoteJob& job) {
  const double now = nowMs();
  job.begunMs = now;
  std::lock_guard lock(mutex_);
  store(lane.page, kProgress, now);
  for (size_t i = kStarted; i < kStarted + kStartedCount; ++i) {
    const double there = load(lane.page, i);
    if (there == static_cast<double>(job.number)) return;
    if (there == 0) return store(lane.page, i, static_cast<double>(job.number));
  }
}

void Executor::ended(const std::shared_ptr<Lane>& lane, const std::vector<uint64_t>& numbers, const Job& ran,
                     std::exception_ptr error) {
  std::vector<JobPtr> jobs;
  {
    std::lock_guard lock(mutex_);
    for (uint64_t number : numbers)
      if (auto found = jobs_.find(number); found != jobs_.end()) jobs.push_back(found->second);
  }
  if (error && tryAgain(lane, jobs, error)) return;
  {
    std::lock_guard lock(mutex_);
    for (uint64_t number : numbers) jobs_.erase(number);
    double* page = lane->page;
    for (size_t i = kStarted; i < kStarted + kStartedCount; ++i)
      if (!numbers.empty() && load(page, i) == static_cast<double>(numbers.front())) store(page, i, 0);
    store(page, kRemotePending, load(page, kRemotePending) - static_cast<double>(jobs.size()));
    store(page, kRemoteRun, load(page, kRemoteRun) + static_cast<double>(jobs.size()));
    store(page, kProgress, nowMs());
    if (lane->context->lost()) store(page, kLost, 1);
  }
  const RemoteJob* first = jobs.empty() ? nullptr : jobs.front().get();
  for (const JobPtr& job : jobs) report(*job, first->begunMs, ran, numbers.size(), error, lane->index);
  if (std::this_thread::get_id() != loopThread_ && !channel_.flush()) poke();
}

// What is kept on the device for later jobs must not cost a job its memory, nor must what it was joined with.
bool Executor::tryAgain(const std::shared_ptr<Lane>& lane, const std::vector<JobPtr>& jobs, std::exception_ptr error) {
  try {
    std::rethrow_exception(error);
  } catch (const Error& e) {
    if (e.code != Code::OutOfMemory) return false;
  } catch (...) {
    return false;
  }
  {
    std::lock_guard lock(mutex_);
    if ((lane->resident.empty() && jobs.size() < 2) || stopping_) return false;
    for (const JobPtr& job : jobs)
      if (job->secondTry) return false;
    lane->resident.clear();
    lane->residentBytes = 0;
    for (const JobPtr& job : jobs) {
      job->secondTry = true;
      job->launch = nullptr;
      if (job->canceled) job->job.requestStop();
    }
  }
  for (const JobPtr& job : jobs) {
    job->job.error = nullptr;
    for (size_t i = 0; i < job->job.inputs.size() && i < kMaxTensors; ++i) job->job.inputs[i].device.reset();
    job->memory.sealed = {};
  }
  for (const JobPtr& job : jobs) start(lane, {job});
  return true;
}

namespace {

int codeOf(std::exception_ptr error, std::string& text) {
  try {
    std::rethrow_exception(error);
  } catch (const Error& e) {
    text = e.what();
    return static_cast<int>(e.code);
  } catch (const std::bad_alloc&) {
    text = "the system has no memory left";
    return static_cast<int>(Code::OutOfMemory);
  } catch (const std::exception& e) {
    text = e.what();
  } catch (...) {
    text = "an unknown failure inside the addon";
  }
  return static_cast<int>(Code::Internal);
}

}  // namespace

void Executor::report(const RemoteJob& job, double begunMs, const Job& ran, size_t batch, std::exception_ptr error,
                      uint32_t context) {
  std::string text;
  const int code = error ? 1 + codeOf(error, text) : 0;
  std::vector<double> message(kDoneText + (text.size() + 7) / 8);
  message[kLength] = static_cast<double>(message.size());
  message[kType] = static_cast<double>(Type::Done);
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
  RemoteJob job;
  job.number = number;
  report(job, 0, job.job, 1, error, context);
}

void Executor::cancel(uint64_t number) {
  std::shared_ptr<Job> job;
  std::vector<std::shared_ptr<Lane>> lanes;
  {
    std::lock_guard lock(mutex_);
    auto found = jobs_.find(number);
    if (found == jobs_.end() || found->second->canceled) return;
    RemoteJob& remote = *found->second;
    remote.canceled = true;
    if (remote.launch) {
      // A job that was joined with others goes on with them, as long as one of them is wanted.
      std::shared_ptr<JoinedJobs> joined = remote.launch->joined.lock();
      if (--remote.launch->wanted > 0 || !joined) return;
      job = std::shared_ptr<Job>(joined, &joined->job);
    } else {
      job = std::shared_ptr<Job>(found->second, &remote.job);
    }
    for (const auto& lane : lanes_)
      if (lane) lanes.push_back(lane);
  }
  for (const auto& lane : lanes) lane->context->cancel(job);
}

void Executor::forget(uint64_t region) {
  std::vector<std::shared_ptr<void>> gone;  // a driver may take its time: not under the lock
  std::lock_guard lock(mutex_);
  for (const auto& lane : lanes_) {
    if (!lane) continue;
    if (auto pin = lane->pinned.extract(region)) gone.push_back(std::move(pin.mapped()));
    for (auto it = lane->resident.begin(); it != lane->resident.end();) {
      if (it->key.region == region) gone.push_back(it->tensor);
      it = it->key.region == region ? lane->drop(it) : std::next(it);
    }
  }
}

}  // namespace switchyard::cluster
