// The completion thread of a device.
#include <atomic>
#include <cstring>

#include "vulkan/queue_state.h"

namespace switchyard::vulkan {
namespace {

using namespace std::chrono_literals;
constexpr auto kSpin = 50us;  // before sleeping: a wake across cores costs 15 us and more
constexpr auto kSlice = 100ms;
constexpr auto kIdleStep = 1s;   // idle time before the pipeline cache goes to disk, and between looks at images
constexpr auto kImageLife = 5s;  // of an image that nobody uses
// A card's own driver resets it within seconds; this is for a driver that never answers. A software driver computes
// for as long as the work takes, and is never taken for dead.
constexpr auto kWatchdog = 180s;

std::exception_ptr lostError(const Gpu& gpu, const char* how) {
  return std::make_exception_ptr(Error(Code::DeviceLost, "device " + gpu.physical.info.id + " was lost: " + how));
}

std::exception_ptr waitFor(Gpu& gpu, VkFence fence) {
  const auto start = Clock::now();
  VkResult result;
  while ((result = gpu.api.vkGetFenceStatus(gpu.device, fence)) == VK_NOT_READY && Clock::now() - start < kSpin)
    std::this_thread::yield();
  while (result == VK_NOT_READY || result == VK_TIMEOUT) {
    result = gpu.api.vkWaitForFences(gpu.device, 1, &fence, VK_TRUE, std::chrono::nanoseconds(kSlice).count());
    if (result == VK_TIMEOUT && !gpu.software() && Clock::now() - start > kWatchdog) {
      gpu.hung = true;
      gpu.markLost();
      return lostError(gpu, "the driver stopped answering");
    }
  }
  if (result == VK_SUCCESS) return nullptr;
  if (result == VK_ERROR_DEVICE_LOST) {
    gpu.markLost();
    return lostError(gpu, "VK_ERROR_DEVICE_LOST while waiting");
  }
  try {
    fail(result, "vkWaitForFences");
  } catch (...) {
    return std::current_exception();
  }
}

double milliseconds(Clock::duration d) { return std::chrono::duration<double, std::milli>(d).count(); }

}  // namespace

struct Completer::State {
  State(std::shared_ptr<Gpu> gpu, std::shared_ptr<Pipelines> pipelines, std::shared_ptr<Graphics> graphics)
      : gpu(std::move(gpu)), pipelines(std::move(pipelines)), graphics(std::move(graphics)) {}
  void run();
  void finish(std::unique_ptr<Submission> submission);

  const std::shared_ptr<Gpu> gpu;
  const std::shared_ptr<Pipelines> pipelines;
  const std::shared_ptr<Graphics> graphics;
  std::mutex mutex;
  std::condition_variable wake;
  // The next to wait for, and after it those pushed later: a list of their own, so that to be pushed takes no memory.
  std::unique_ptr<Submission> first;
  Submission* last = nullptr;
  std::atomic<uint64_t> pushed{0};  // changed under the mutex, watched without it
  bool stop = false;
};

void Completer::State::run() {
  std::unique_lock lock(mutex);
  bool finishedOne = false;
  for (;;) {
    if (!first && finishedOne && !stop) {
      // A caller that awaits one job after the other sends the next at once: it is spared waking this thread.
      finishedOne = false;
      const uint64_t seen = pushed.load(std::memory_order_relaxed);
      lock.unlock();
      const auto start = Clock::now();
      while (pushed.load(std::memory_order_relaxed) == seen && Clock::now() - start < kSpin) std::this_thread::yield();
      lock.lock();
    }
    if (first) {
      finishedOne = true;
      auto next = std::move(first);
      first = std::move(next->after);
      lock.unlock();
      finish(std::move(next));
      lock.lock();
    } else if (stop) {
      return;
    } else if (!pipelines->unsaved() && graphics->images.empty()) {
      wake.wait(lock);
    } else if (wake.wait_for(lock, kIdleStep) == std::cv_status::timeout && !first && !stop) {
      lock.unlock();
      pipelines->saveIfGrown();
      graphics->images.freeUnusedFor(kImageLife);
      lock.lock();
    }
  }
}

void Completer::State::finish(std::unique_ptr<Submission> s) {
  std::exception_ptr error = s->error;
  if (!error && s->hasCommands) {
    error = gpu->hung ? lostError(*gpu, "the driver stopped answering") : waitFor(*gpu, s->fence.get());
    s->timings.computeMs = milliseconds(Clock::now() - s->submitted);
  }
  if (!error && !s->readbacks.empty()) {
    const auto start = Clock::now();
    for (const auto& r : s->readbacks) std::memcpy(r.dst, r.src, r.bytes);
    s->timings.readbackMs = milliseconds(Clock::now() - start);
  }
  const auto state = std::move(s->state);
  const auto done = std::move(s->done);
  const auto timings = s->timings;
  const uint64_t serial = s->serial;
  if (gpu->hung)
    (void)s.release();  // the driver may still hold its fence and commands
  else
    state->recycle(std::move(s));
  state->finish(serial);
  if (done) done(error, timings);
  state->settle();
}

Completer::Completer(std::shared_ptr<Gpu> gpu, std::shared_ptr<Pipelines> pipelines, std::shared_ptr<Graphics> graphics)
    : state_(std::make_shared<State>(std::move(gpu), std::move(pipelines), std::move(graphics))),
      thread_([state = state_] { state->run(); }),
      id_(thread_.get_id()) {}

Completer::~Completer() {
  {
    std::lock_guard lock(state_->mutex);
    state_->stop = true;
  }
  state_->wake.notify_one();
  if (onThread())
    thread_.detach();  // the last owner let go inside a completion: the thread ends by itself
  else
    thread_.join();
}

void Completer::push(std::unique_ptr<Submission> submission) noexcept {
  {
    std::lock_guard lock(state_->mutex);
    Submission* const pushed = submission.get();
    (state_->first ? state_->last->after : state_->first) = std::move(submission);
    state_->last = pushed;
    state_->pushed.fetch_add(1, std::memory_order_relaxed);
  }
  state_->wake.notify_one();
}

}  // namespace switchyard::vulkan
