// One thread reads messages and starts jobs; small ones run on it. How they run is in executor_run.cpp.
#include "cluster/executor.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <utility>

#include "cluster/assigned_job.h"
#include "system_failure.h"
#include "thread.h"

namespace switchyard::cluster {
namespace {

constexpr int kBeatMs = 500;
constexpr double kPinFromBytes = 256 << 10;
constexpr auto kLostTimeout = std::chrono::milliseconds(2000);

}  // namespace

Executor::Executor(int fd, double* page, std::shared_ptr<void> keepPage, OnGone onGone)
    : channel_(fd),
      page_(page),
      keepPage_(std::move(keepPage)),
      onGone_(std::move(onGone)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_ < 0) throw systemError("no eventfd for the executor", errno);
  try {
    thread_ = std::thread([this] { loop(); });
  } catch (...) {
    ::close(wake_);
    throw;
  }
}

Executor::~Executor() {
  stop(true);
  ::close(wake_);
}

void Executor::add(uint32_t index, std::shared_ptr<Context> context) {
  if (index >= kMaxContexts)
    throw Error(Code::InvalidArgument, "a worker has at most " + std::to_string(kMaxContexts) + " contexts");
  auto served = std::make_shared<ServedContext>();
  served->index = index;
  served->page = page_ + kPageContexts + index * kContextNumbers;
  served->onCpu = context->device()->info.backend == Backend::Cpu;
  served->context = std::move(context);
  std::shared_ptr<ServedContext> before;  // its context may wait as it goes: not under the lock
  std::lock_guard lock(mutex_);
  std::erase_if(known_, [](const auto& known) { return known.expired(); });
  known_.push_back(served);
  before = std::exchange(contexts_[index], std::move(served));
}

void Executor::remove(uint32_t index) {
  std::shared_ptr<ServedContext> gone;
  std::lock_guard lock(mutex_);
  if (index < kMaxContexts) gone = std::move(contexts_[index]);
  if (gone) store(gone->page, kContextResidentBytes, 0);
}

void Executor::halt() {
  stopping_ = true;
  halting_ = true;
  poke();
  std::lock_guard lock(joining_);
  if (thread_.joinable() && thread_.get_id() != std::this_thread::get_id()) thread_.join();
}

bool Executor::stop(bool cancel, std::chrono::milliseconds timeout) {
  halt();
  std::vector<std::shared_ptr<ServedContext>> contexts;
  {
    std::lock_guard lock(mutex_);
    for (const auto& known : known_)
      if (auto served = known.lock()) contexts.push_back(std::move(served));
    contexts_ = {};
    if (cancel)
      for (auto& [number, job] : jobs_) {
        job->job.requestStop();
        if (auto joined = job->launch ? job->launch->joined.lock() : nullptr) joined->job.requestStop();
      }
  }
  // Completions refer to this object: they must have come, those of contexts that were removed or lost, too. A device
  // that was lost and still does not let go of its jobs never will.
  bool stopped = true;
  for (const auto& served : contexts) {
    auto lostTimeout = kLostTimeout;
    while (served->context->pending() &&
           (served->context->lost() ? lostTimeout-- : timeout--) > std::chrono::milliseconds(0))
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (served->context->pending()) stopped = false;
    std::lock_guard lock(mutex_);
    served->dropAll();
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
  const double now = nowMs();
  store(page_, kPageExecutorBeat, now);
  if (now - askedAgainMs_ >= kBeatMs) askAgain(now);
  if (ready <= 0) return false;
  if (polled[1].revents) {
    uint64_t count;
    [[maybe_unused]] auto got = ::read(wake_, &count, sizeof count);
  }
  if (polled[0].revents & POLLOUT) channel_.flush();
  return polled[0].revents & (POLLIN | POLLHUP | POLLERR);
}

// What this process could not take over, for want of descriptors for example, may be had by now.
void Executor::askAgain(double now) {
  askedAgainMs_ = now;
  for (const uint64_t region : RegionTable::shared().refused()) {
    const double message[] = {kNumberedNumbers, kLackType, static_cast<double>(region)};
    channel_.post(message);
  }
}

void Executor::onMessage(std::span<const double> message) {
  if (stopping_) return;
  try {
    const int type = typeOf(message[kType]);
    if (message.size() <= kNumberedNumber && type != kByeType) return;
    switch (type) {
      case kAssignType: assign(message); break;
      case kCancelType: cancel(wholeOf(message[kNumberedNumber])); break;
      case kDropType: forget(wholeOf(message[kNumberedNumber])); break;
      case kByeType: stopping_ = true; break;
      default: break;
    }
  } catch (const Error&) {
    // The coordinator is of the same version and sends nothing that makes no sense. Whatever this was about would never
    // be answered: better that it hears of the end and has it done elsewhere.
    channel_.shutdown();
  }
}

void Executor::assign(std::span<const double> message) {
  Reader reader(message);
  const auto head = reader.take(kAssignNumbers);
  const auto index = static_cast<uint32_t>(countOf(head[kAssignContext], kMaxContexts - 1));
  const double decided = head[kAssignDecided];
  const size_t count = countOf(head[kAssignCount], 4096);
  std::shared_ptr<ServedContext> served;
  {
    std::lock_guard lock(mutex_);
    served = contexts_[index];
  }
  std::vector<JobPtr> jobs;
  jobs.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const auto place = reader.take(kAssignedNumbers);
    const uint64_t number = countOf(place[kAssignedNumber]);
    auto body = reader.take(countOf(place[kAssignedLength]));
    try {
      if (!served) throw Error(Code::DeviceLost, "the context is not there any more");
      auto job = std::make_shared<AssignedJob>();
      job->number = number;
      job->decidedMs = decided;
      decodeBody(body, job->job, job->memory, plans_);
      pin(*served, *job);
      jobs.push_back(std::move(job));
    } catch (...) {
      refuse(number, index, std::current_exception());
    }
  }
  if (jobs.empty()) return;
  {
    std::lock_guard lock(mutex_);
    for (const JobPtr& job : jobs) jobs_.emplace(job->number, job);
    store(served->page, kContextRemotePending,
          load(served->page, kContextRemotePending) + static_cast<double>(jobs.size()));
  }
  start(served, std::move(jobs));
}

// Page-locking costs milliseconds, once for each region: not for the sake of a small job. Contexts on one device share
// it, and a job holds it, so that no transfer is under way when it ends.
void Executor::pin(ServedContext& served, AssignedJob& job) {
  if (served.onCpu || job.job.cost.bytes < kPinFromBytes) return;
  Device* device = served.context->device().get();
  for (const auto& region : job.memory.regions) {
    auto found = served.pinned.find(region->id);
    if (found == served.pinned.end()) {
      // Those that this process has given up itself: nobody says so to its executor.
      std::erase_if(served.pinned, [](const auto& one) { return !RegionTable::shared().find(one.first); });
      std::erase_if(pins_, [](const auto& one) { return one.second.expired(); });
      auto& known = pins_[{device, region->id}];
      auto shared = known.lock();
      if (!shared)
        // the region lives as long as what it is pinned by
        if (auto pin = device->pin({region->data(), region->size()}))
          known = shared = std::shared_ptr<void>(pin.get(), [pin, region](void*) mutable { pin.reset(); });
      found = served.pinned.emplace(region->id, std::move(shared)).first;
    }
    if (found->second) job.pins.push_back(found->second);
  }
}

void Executor::cancel(uint64_t number) {
  std::shared_ptr<Job> job;
  std::vector<std::shared_ptr<ServedContext>> contexts;
  {
    std::lock_guard lock(mutex_);
    auto found = jobs_.find(number);
    if (found == jobs_.end() || found->second->canceled) return;
    AssignedJob& remote = *found->second;
    remote.canceled = true;
    if (remote.launch) {
      // A job that was joined with others goes on with them, as long as one of them is wanted.
      std::shared_ptr<JoinedJobs> joined = remote.launch->joined.lock();
      if (--remote.launch->wanted > 0 || !joined) return;
      job = std::shared_ptr<Job>(joined, &joined->job);
    } else {
      job = std::shared_ptr<Job>(found->second, &remote.job);
    }
    for (const auto& served : contexts_)
      if (served) contexts.push_back(served);
  }
  for (const auto& served : contexts) served->context->cancel(job);
}

void Executor::limitResident(uint32_t index, uint64_t bytes, double idleMs) {
  std::lock_guard lock(mutex_);
  if (index >= kMaxContexts || !contexts_[index]) return;
  ServedContext& served = *contexts_[index];
  const double before = nowMs() - idleMs;
  while (served.residentBytes > bytes && served.resident.back().usedMs <= before)
    served.drop(std::prev(served.resident.end()));
  served.mostResident = bytes == ~uint64_t{0} ? bytes : served.residentBytes;
}

void Executor::forget(uint64_t region) {
  std::vector<std::shared_ptr<void>> gone;  // a driver may take its time: not under the lock
  std::lock_guard lock(mutex_);
  for (const auto& served : contexts_) {
    if (!served) continue;
    if (auto pin = served->pinned.extract(region)) gone.push_back(std::move(pin.mapped()));
    for (auto it = served->resident.begin(); it != served->resident.end();) {
      if (it->key.region == region) gone.push_back(it->tensor);
      it = it->key.region == region ? served->drop(it) : std::next(it);
    }
  }
}

}  // namespace switchyard::cluster
