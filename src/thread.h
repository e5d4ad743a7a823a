// How threads that compute share the processors with the threads that answer: the event loop's and libuv's.
#pragma once
#include <cstdint>
#include <vector>

namespace switchyard {

// Names the calling thread (at most 15 characters), and keeps the application's signals from it.
void becomeServiceThread(const char* name) noexcept;
// The same, and every other thread of the application that wakes up goes before it.
void becomeComputeThread(const char* name) noexcept;

// How the kernel schedules a thread: struct sched_attr, which glibc doesn't declare before 2.41.
struct Scheduling {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t slice, deadline, period;
};

// While one lives, threads that are started from the thread it lives on are scheduled as compute threads: a software
// driver's. Their niceness rises when it goes: this thread's own could not be taken back.
class ComputeThreadsStart {
 public:
  ComputeThreadsStart() noexcept;
  ~ComputeThreadsStart();
  ComputeThreadsStart(const ComputeThreadsStart&) = delete;
  ComputeThreadsStart& operator=(const ComputeThreadsStart&) = delete;

 private:
  Scheduling before_{};
  std::vector<int> others_;  // threads that there were
};

// While one lives, the thread it lives on is a compute thread, and after that what it was: for a thread of somebody
// else's pool. Its niceness rises only where the system lets it fall again.
class ComputeTurn {
 public:
  ComputeTurn() noexcept;
  ~ComputeTurn();
  ComputeTurn(const ComputeTurn&) = delete;
  ComputeTurn& operator=(const ComputeTurn&) = delete;

 private:
  Scheduling before_{};
};

}  // namespace switchyard
