// Helper threads: made on demand, they take chunks of open tasks, spin for a moment, then sleep.
#include "cpu/team.h"

#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "thread.h"

namespace switchyard::cpu {
namespace {

// A sleeping helper takes 15-24 us to wake, so it stays awake about twice that for the next command of the same job.
constexpr std::chrono::microseconds kSpin{40};

// Spins until `ready()` or the time is up.
template <class Ready>
bool spinUntil(Ready&& ready) {
  if (ready()) return true;
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    if (ready()) return true;
    std::this_thread::yield();
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

// One parallel loop. Lives on its caller's stack; helpers find it in the team's list and are out before the caller
// leaves.
struct Task {
  ChunkFunction function;
  void* context;
  uint64_t count, grain;
  uint32_t lanes;
  const std::atomic<bool>* stop;
  std::atomic<uint64_t> next{0};
  std::atomic<uint32_t> active{0};  // helpers inside; changed under the team's mutex, read without it
  uint32_t joined = 1;              // lanes given out; under the mutex
  std::exception_ptr error{};       // the first; under the mutex
  Task* nextOpen = nullptr;

  bool hasWork() const noexcept { return next.load(std::memory_order_relaxed) < count; }

  void work(uint32_t lane) {
    for (;;) {
      if (stop && stop->load(std::memory_order_relaxed)) return;
      const uint64_t begin = next.fetch_add(grain, std::memory_order_relaxed);
      if (begin >= count) return;
      function(context, begin, std::min(count, begin + grain), lane);
    }
  }
};

class Team {
 public:
  // Never destroyed: helpers may outlive the static destructors of a process that exits without shutdown().
  static Team& instance() {
    static Team* const team = new Team;
    return *team;
  }

  void run(Task& task) {
    open(task);
    std::exception_ptr error;
    try {
      task.work(0);
    } catch (...) {
      error = std::current_exception();
    }
    close(task);
    if (!error) error = task.error;
    if (error) std::rethrow_exception(error);
  }

  void shutdown() noexcept {
    std::vector<std::thread> helpers;
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      epoch_.fetch_add(1, std::memory_order_release);
      helpers.swap(helpers_);
    }
    wake_.notify_all();
    for (std::thread& helper : helpers) helper.join();
  }

  uint32_t helperCount() noexcept {
    std::lock_guard lock(mutex_);
    return static_cast<uint32_t>(helpers_.size());
  }

 private:
  void open(Task& task) {
    bool wake;
    {
      std::lock_guard lock(mutex_);
      startHelpers(task.lanes - 1);
      task.nextOpen = open_;
      open_ = &task;
      epoch_.fetch_add(1, std::memory_order_release);
      wake = sleeping_ > 0;
    }
    if (!wake) return;
    if (task.lanes == 2)
      wake_.notify_one();
    else
      wake_.notify_all();
  }

  void close(Task& task) {
    {
      std::lock_guard lock(mutex_);
      Task** at = &open_;
      while (*at != &task) at = &(*at)->nextOpen;
      *at = task.nextOpen;
    }
    if (spinUntil([&] { return task.active.load(std::memory_order_acquire) == 0; })) return;
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return task.active.load(std::memory_order_acquire) == 0; });
  }

  void startHelpers(uint32_t wanted) {
    const uint32_t most = usableCpus() - 1;
    while (!stopping_ && helpers_.size() < std::min(wanted, most)) {
      try {
        helpers_.emplace_back([this] { helper(); });
      } catch (const std::system_error&) {
        return;  // the process is out of threads: the callers do the work alone
      }
    }
  }

  Task* findWork() noexcept {
    for (Task* task = open_; task; task = task->nextOpen)
      if (task->joined < task->lanes && task->hasWork()) return task;
    return nullptr;
  }

  void helper() {
    becomeComputeThread("switchyard-cpu");
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      if (Task* task = findWork()) {
        join(*task, lock);
        continue;
      }
      const uint64_t seen = epoch_.load(std::memory_order_relaxed);
      const auto changed = [&] { return epoch_.load(std::memory_order_acquire) != seen; };
      lock.unlock();
      const bool news = spinUntil(changed);
      lock.lock();
      if (news) continue;
      ++sleeping_;
      wake_.wait(lock, changed);
      --sleeping_;
    }
  }

  void join(Task& task, std::unique_lock<std::mutex>& lock) {
    const uint32_t lane = task.joined++;
    task.active.fetch_add(1, std::memory_order_relaxed);
    lock.unlock();
    std::exception_ptr error;
    try {
      task.work(lane);
    } catch (...) {
      error = std::current_exception();
      task.next.store(task.count, std::memory_order_relaxed);
    }
    lock.lock();
    if (error && !task.error) task.error = std::move(error);
    // The caller may leave, and the task be gone, once this reads 0.
    if (task.active.fetch_sub(1, std::memory_order_release) == 1) done_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::vector<std::thread> helpers_;
  Task* open_ = nullptr;
  std::atomic<uint64_t> epoch_{0};  // grows with every opened task; written under the mutex
  uint32_t sleeping_ = 0;
  bool stopping_ = false;
};

}  // namespace

void runChunks(const Budget& budget, uint64_t count, uint64_t grain, ChunkFunction function, void* context) {
  if (count == 0) return;
  grain = std::max<uint64_t>(1, grain);
  const uint64_t chunks = (count - 1) / grain + 1;
  Task task{.function = function,
            .context = context,
            .count = count,
            .grain = grain,
            .lanes = static_cast<uint32_t>(std::min<uint64_t>({budget.threads, usableCpus(), chunks})),
            .stop = budget.stop};
  if (task.lanes <= 1)
    task.work(0);
  else
    Team::instance().run(task);
}

void shutdown() noexcept { Team::instance().shutdown(); }
uint32_t helperCount() noexcept { return Team::instance().helperCount(); }

}  // namespace switchyard::cpu
