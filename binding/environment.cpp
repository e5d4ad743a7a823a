// State is for each environment; the only process-wide thing is the list of them, for leaving the process.
#include "environment.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <set>

#include "background.h"
#include "cluster/executor.h"
#include "program/compile/compile_process.h"

namespace switchyard::node {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kExitTimeout = std::chrono::seconds(5);  // for what runs to stop

// Leaked on purpose: exit() may run while other threads still come by.
struct Registry {
  std::mutex mutex;
  std::vector<std::weak_ptr<Environment>> environments;
  std::set<std::string> guarded;
  std::atomic<int> exitCode{0};
};
Registry& registry() {
  static Registry* registry = new Registry;
  return *registry;
}

bool onMainThread() { return getpid() == gettid(); }
// The time-out is the process's, however many look.
Clock::time_point exitDeadline() {
  static const Clock::time_point deadline = Clock::now() + kExitTimeout;
  return deadline;
}

struct InstanceData {
  std::shared_ptr<Environment> environment;
};

}  // namespace

std::shared_ptr<Environment> Environment::create(Napi::Env env) {
  auto environment = std::make_shared<Environment>(static_cast<napi_env>(env));
  environment->self_ = environment;
  {
    Registry& all = registry();
    std::lock_guard lock(all.mutex);
    std::erase_if(all.environments, [](const auto& known) { return known.expired(); });
    all.environments.push_back(environment);
  }
  env.SetInstanceData<InstanceData>(new InstanceData{environment});
  return environment;
}

Environment& Environment::of(Napi::Env env) { return *env.GetInstanceData<InstanceData>()->environment; }

uint64_t Environment::start(Napi::Function onDone) {
  Napi::Env env(env_);
  const bool first = !scratch_;
  if (first) {
    auto array = Napi::Float64Array::New(env, kCallNumbers);
    scratch_ = array.Data();
    scratchArray_ = Napi::Persistent(array.As<Napi::Object>());
  }
  const uint64_t firstId = operations.start(*this, scratch_ + kResultId, onDone);
  if (first) env.AddCleanupHook([this] { end(); });  // after the list's own hook: the latest runs first
  return firstId;
}

void Environment::add(const std::shared_ptr<Context>& context) {
  std::lock_guard lock(mutex_);
  std::erase_if(contexts_, [](const auto& known) { return known.expired(); });
  contexts_.push_back(context);
}

// On the background thread, where the end of a lost one may wait for its driver.
void Environment::keep(const std::shared_ptr<Device>& device) {
  std::vector<std::shared_ptr<Device>> gone;
  std::lock_guard lock(mutex_);
  std::erase_if(devices_, [&](const auto& kept) {
    const bool lost = kept->lost();
    if (lost) gone.push_back(kept);
    return lost;
  });
  if (!ended_) devices_.insert(device);
}

void Environment::addExecutor(const std::shared_ptr<cluster::Executor>& executor) {
  std::lock_guard lock(mutex_);
  executors_.push_back(executor);
}

bool Environment::shutdownContexts(Clock::time_point until) {
  std::vector<std::shared_ptr<Context>> open;
  std::vector<std::shared_ptr<cluster::Executor>> executors;
  {
    std::lock_guard lock(mutex_);
    for (const auto& known : executors_)
      if (auto executor = known.lock()) executors.push_back(std::move(executor));
  }
  for (const auto& executor : executors) executor->halt();
  {
    std::lock_guard lock(mutex_);
    for (const auto& known : contexts_)
      if (auto context = known.lock()) open.push_back(std::move(context));
  }
  bool stopped = true;
  for (const auto& context : open) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    stopped = context->shutdown(std::max(left, std::chrono::milliseconds(0))) && stopped;
  }
  return stopped;
}

// The heap, and with it the memory of inputs, goes after this: nothing may run any more.
void Environment::end() {
  operations.end();
  if (onMainThread()) {
    if (!shutdownContexts(exitDeadline())) _exit(registry().exitCode);
  } else {
    // the process goes on, the thread's memory can't go before
    while (!shutdownContexts(Clock::now() + kExitTimeout))
      ;
  }
  operations.drop();
  std::set<std::shared_ptr<Device>> kept;
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
    kept.swap(devices_);
  }
  // Closing one may wait for its driver's threads; the last context may still be on its way there.
  Background::shared().post([kept = std::move(kept)]() mutable { kept.clear(); });
  contextClass.Reset();
  deviceTensorClass.Reset();
  programClass.Reset();
  tokenizerClass.Reset();
  scratchArray_.Reset();
  inbox.Reset();
}

void shutdownAtExit(Environment& environment, int exitCode, bool isLeaving) {
  if (onMainThread()) registry().exitCode = exitCode;
  const bool stopped = environment.shutdownContexts(onMainThread() ? exitDeadline() : Clock::now() + kExitTimeout);
  if (onMainThread()) endCompiling();
  // What goes on may sit on a thread of libuv's pool, which Node joins next.
  if (!stopped && isLeaving && onMainThread()) _exit(exitCode);
  if (!stopped) return;                              // they may wait for the same
  if (onMainThread()) Background::memory().drain();  // where a thread ends the process goes on, and so may copies
  Background::shared().drain();
}

void shutdownEverything(int exitCode) {
  std::vector<std::shared_ptr<Environment>> environments;
  {
    Registry& all = registry();
    std::lock_guard lock(all.mutex);
    for (const auto& known : all.environments)
      if (auto environment = known.lock()) environments.push_back(std::move(environment));
  }
  bool stopped = true;
  for (const auto& environment : environments) stopped = environment->shutdownContexts(exitDeadline()) && stopped;
  if (!stopped) _exit(exitCode);
  endCompiling();
  Background::memory().drain();
  Background::shared().drain();
}

void guardExit(const std::string& deviceId) {
  Registry& all = registry();
  std::lock_guard lock(all.mutex);
  // exit() calls the latest first; once a device is enough.
  if (all.guarded.insert(deviceId).second) on_exit([](int exitCode, void*) { shutdownEverything(exitCode); }, nullptr);
}

}  // namespace switchyard::node
