// How threads that a driver starts are scheduled.
#include "thread.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>

namespace switchyard::test {
namespace {

// A thread that lives as long as this, and its number.
class Living {
 public:
  Living()
      : thread_([this] {
          number_ = gettid();
          number_.notify_all();
          ends_.wait(false);
        }) {
    number_.wait(0);
  }
  ~Living() {
    ends_ = true;
    ends_.notify_all();
    thread_.join();
  }
  int niceness() const { return getpriority(PRIO_PROCESS, static_cast<id_t>(number_.load())); }
  int policy() const { return sched_getscheduler(number_.load()); }

 private:
  std::atomic<pid_t> number_{0};
  std::atomic<bool> ends_{false};
  std::thread thread_;
};

TEST(ComputeThreads, OnlyThoseThatAreStartedMeanwhileAreNicer) {
  if (sched_getscheduler(0) != SCHED_OTHER) GTEST_SKIP() << "another policy stays as it is";
  const int own = getpriority(PRIO_PROCESS, static_cast<id_t>(gettid()));
  Living before;
  std::unique_ptr<Living> started, elsewhere;
  std::atomic<bool> begun{false};
  std::thread other([&] {
    begun.wait(false);
    elsewhere = std::make_unique<Living>();
  });
  {
    const ComputeThreadsStart computing;
    started = std::make_unique<Living>();
    begun = true;
    begun.notify_all();
    other.join();
  }
  Living after;
  EXPECT_EQ(started->policy(), SCHED_BATCH);
  EXPECT_EQ(started->niceness(), std::min(own + 5, 19));
  for (const Living* thread : {&before, elsewhere.get(), &after}) {
    EXPECT_EQ(thread->policy(), SCHED_OTHER);
    EXPECT_EQ(thread->niceness(), own);
  }
  EXPECT_EQ(sched_getscheduler(0), SCHED_OTHER);
  EXPECT_EQ(getpriority(PRIO_PROCESS, static_cast<id_t>(gettid())), own);
}

}  // namespace
}  // namespace switchyard::test
