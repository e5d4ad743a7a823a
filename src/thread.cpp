#include "thread.h"

#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <system_error>

namespace switchyard {
namespace {

// Linux lets a running thread finish its slice before one that has just been woken, unless that one has the shorter
// slices. With the same 3 ms for all, two computing threads on two cores keep an event loop waiting that long, again
// and again. From Linux 6.12 on a thread may ask for slices of 100 us to 100 ms; before, the field is ignored.
constexpr uint64_t kSliceNs = 20'000'000;
// A third of the weight of the threads that answer: beside two busy compute threads on two cores an event loop gets
// three quarters of a core when it needs it, and the 99th percentile of its delays falls by a third. Cores that nobody
// else wants are used in full.
constexpr int32_t kNicer = 5, kNicest = 19;

// `thread`: 0: the calling one.
bool get(Scheduling& scheduling, int thread = 0) noexcept {
  scheduling = {};
  return syscall(SYS_sched_getattr, thread, &scheduling, static_cast<unsigned>(sizeof scheduling), 0U) == 0;
}

void set(Scheduling scheduling, int thread = 0) noexcept {
  scheduling.size = sizeof scheduling;
  (void)syscall(SYS_sched_setattr, thread, &scheduling, 0U);  // without the right to, as before
}

// A thread with a real-time or idle policy keeps it.
bool makeComputing(const Scheduling& before, int32_t nicer) noexcept {
  if (before.policy != SCHED_OTHER) return false;
  Scheduling computing = before;
  computing.nice = std::min(before.nice + nicer, kNicest);
  computing.policy = SCHED_BATCH;  // never preempts when it wakes up itself
  computing.slice = kSliceNs;
  set(computing);
  return true;
}

// Whether this thread could take a niceness of kNicer more back: root often can't, in a container.
bool mayLowerNiceness(int32_t to) noexcept {
  rlimit limit{};
  if (getrlimit(RLIMIT_NICE, &limit) == 0 && 20 - static_cast<int64_t>(std::min<rlim_t>(limit.rlim_cur, 40)) <= to)
    return true;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3]{};
  return syscall(SYS_capget, &header, sets) == 0 && (sets[0].effective >> CAP_SYS_NICE & 1);
}

std::vector<int> threadsOfThisProcess() {
  std::vector<int> threads;
  std::error_code failed;  // without /proc there are none to be seen
  for (std::filesystem::directory_iterator next("/proc/self/task", failed), end; !failed && next != end;
       next.increment(failed))
    threads.push_back(std::atoi(next->path().filename().c_str()));
  return threads;
}

}  // namespace

void becomeServiceThread(const char* name) noexcept {
  pthread_setname_np(pthread_self(), name);
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

void becomeComputeThread(const char* name) noexcept {
  becomeServiceThread(name);
  Scheduling before;
  if (get(before)) makeComputing(before, kNicer);
}

ComputeThreadsStart::ComputeThreadsStart() noexcept {
  try {
    others_ = threadsOfThisProcess();
    if (!get(before_) || !makeComputing(before_, 0)) before_ = {};
  } catch (const std::bad_alloc&) {  // then they are started as any thread is
  }
}

ComputeThreadsStart::~ComputeThreadsStart() {
  if (!before_.size) return;
  set(before_);
  try {
    for (const int thread : threadsOfThisProcess()) {
      Scheduling started;
      if (std::ranges::find(others_, thread) != others_.end() || !get(started, thread)) continue;
      if (started.policy != SCHED_BATCH || started.nice != before_.nice) continue;  // another thread's
      started.nice = std::min(started.nice + kNicer, kNicest);
      set(started, thread);
    }
  } catch (const std::bad_alloc&) {  // they are no nicer
  }
}

ComputeTurn::ComputeTurn() noexcept {
  if (!get(before_)) return;
  static const bool falls = mayLowerNiceness(before_.nice);
  if (!makeComputing(before_, falls ? kNicer : 0)) before_ = {};
}

ComputeTurn::~ComputeTurn() {
  if (before_.size) set(before_);
}

}  // namespace switchyard
