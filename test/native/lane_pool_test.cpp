// Lanes on a pool's threads: how many, in which order, and what else the pool is for.
#include "lane_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "pool_threads.h"
#include "thread_runner.h"

namespace switchyard::test {
namespace {

using namespace std::chrono_literals;

bool eventually(const std::function<bool()>& holds) {
  for (int i = 0; i < 20000 && !holds(); ++i) std::this_thread::sleep_for(1ms);
  return holds();
}

// A lane whose work is a number of steps.
struct Steps final : Lane {
  bool drain(const Turn& turn) override {
    ++inside;
    for (int now = all ? ++*all : 0; all && now > *most;) *most = now;
    ++drained;
    bool more = false;
    while (left > 0) {
      --left, ++done;
      if (step) step();
      if ((more = turn.isOver())) break;
    }
    if (all) --*all;
    --inside;
    return more && left > 0;
  }
  void rest() override {
    if (inside) restedInside = true;
    ++rested;
  }
  void add(int steps) {
    left += steps;
    runner->wake();
  }
  std::atomic<int> left{0}, done{0}, drained{0}, rested{0}, inside{0};
  std::atomic<bool> restedInside{false};
  std::atomic<int>*all = nullptr, *most = nullptr;
  std::function<void()> step;
  std::unique_ptr<LaneRunner> runner;
};

// The lanes of one pool: they go before it.
struct Lanes {
  Lanes(PoolThreads& pool, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      all.push_back(std::make_unique<Steps>());
      all.back()->all = &inside, all.back()->most = &most;
      all.back()->runner = pool.lanes.makeRunner(*all.back(), i % 2 == 0);
    }
  }
  ~Lanes() {
    for (auto& lane : all) lane->left = 0, lane->runner.reset();
  }
  Steps& operator[](size_t i) { return *all[i]; }
  std::atomic<int> inside{0}, most{0};
  std::vector<std::unique_ptr<Steps>> all;
};

class PoolOf : public ::testing::TestWithParam<size_t> {};
INSTANTIATE_TEST_SUITE_P(Threads, PoolOf, ::testing::Values(1, 2, 4));

TEST_P(PoolOf, LeavesAThreadToOthers) {
  PoolThreads pool(GetParam());
  Lanes lanes(pool, 8);
  const int most = GetParam() == 1 ? 1 : int(GetParam()) - 1;
  for (auto& lane : lanes.all) lane->step = [] { std::this_thread::sleep_for(100us); };
  for (auto& lane : lanes.all) lane->add(100);
  EXPECT_TRUE(
      eventually([&] { return std::ranges::all_of(lanes.all, [](const auto& lane) { return lane->done == 100; }); }));
  EXPECT_EQ(lanes.most, most);
}

TEST_P(PoolOf, LanesTakeTurns) {
  PoolThreads pool(GetParam());
  Lanes lanes(pool, 6);
  for (auto& lane : lanes.all) lane->step = [] { std::this_thread::sleep_for(100us); };
  for (auto& lane : lanes.all) lane->add(1 << 30);  // for ever
  EXPECT_TRUE(
      eventually([&] { return std::ranges::all_of(lanes.all, [](const auto& lane) { return lane->drained > 3; }); }));
}

TEST_P(PoolOf, WhatElseThePoolIsForGoesOn) {
  PoolThreads pool(GetParam());
  Lanes lanes(pool, 3);
  for (auto& lane : lanes.all) lane->step = [] { std::this_thread::sleep_for(100us); };
  for (auto& lane : lanes.all) lane->add(1 << 30);
  ASSERT_TRUE(eventually([&] { return lanes.inside > 0; }));
  for (int i = 0; i < 20; ++i) {
    std::atomic<bool> ran{false};
    pool.give([&] { ran = true; });
    ASSERT_TRUE(eventually([&] { return ran.load(); }));
  }
}

TEST_P(PoolOf, NothingIsForgotten) {
  PoolThreads pool(GetParam());
  Lanes lanes(pool, 5);
  std::vector<std::thread> askers;
  for (int t = 0; t < 3; ++t)
    askers.emplace_back([&, t] {
      for (int i = 0; i < 3000; ++i) {
        lanes[size_t(i + t) % 5].add(1);
        if (i % 64 == 0) std::this_thread::sleep_for(50us);  // so that threads leave and come again
      }
    });
  for (std::thread& asker : askers) asker.join();
  EXPECT_TRUE(
      eventually([&] { return std::ranges::all_of(lanes.all, [](const auto& lane) { return lane->done == 1800; }); }));
}

TEST(LanePool, IsAskedForItsThreadsWhenTheFirstLaneHasWork) {
  std::atomic<int> asked{0};
  {
    std::unique_ptr<LanePool> lanes;
    std::thread thread;
    lanes = std::make_unique<LanePool>(LanePool::Options{.threads = [&] { return size_t(++asked); },
                                                         .beginItem =
                                                             [&] {
                                                               if (thread.joinable()) thread.join();
                                                               thread = std::thread([&] { lanes->runItem(); });
                                                             }});
    Steps lane;
    lane.runner = lanes->makeRunner(lane, false);
    EXPECT_EQ(asked, 0);
    for (int i = 1; i <= 3; ++i) {
      lane.add(1);
      EXPECT_TRUE(eventually([&] { return lane.done == i; }));
    }
    lane.runner.reset();
    thread.join();
  }
  EXPECT_EQ(asked, 1);
}

TEST(LanePool, ALaneEndsWhenNoThreadIsInIt) {
  PoolThreads pool(4);
  std::atomic<bool> open{false}, ended{false};
  Lanes lanes(pool, 1);
  lanes[0].step = [&] {
    while (!open) std::this_thread::sleep_for(100us);
  };
  lanes[0].add(1);
  ASSERT_TRUE(eventually([&] { return lanes[0].inside == 1; }));
  std::thread destroyer([&] {
    lanes[0].runner.reset();
    EXPECT_EQ(lanes[0].inside, 0);
    ended = true;
  });
  std::this_thread::sleep_for(20ms);
  EXPECT_FALSE(ended);
  open = true;
  destroyer.join();
}

TEST(LanePool, ALaneRestsOnceWhenItHasHadNothingToDo) {
  PoolThreads pool(4, {.idleBeforeRest = 50ms});
  Lanes lanes(pool, 3);
  for (int round = 1; round <= 2; ++round) {
    for (int i = 0; i < 10; ++i) {
      lanes[0].add(1);
      std::this_thread::sleep_for(10ms);
    }
    EXPECT_EQ(lanes[0].rested, round - 1) << "it rested between its jobs";
    EXPECT_TRUE(eventually([&] { return lanes[0].rested == round; }));
  }
  std::this_thread::sleep_for(150ms);
  EXPECT_EQ(lanes[0].rested, 2);
  EXPECT_EQ(lanes[1].rested, 0) << "one that has had no work has nothing to give back";
  EXPECT_FALSE(lanes[0].restedInside);
  lanes[0].add(5);
  EXPECT_TRUE(eventually([&] { return lanes[0].done == 25; }));
}

TEST(ThreadRunner, NothingIsForgotten) {
  for (bool spins : {false, true}) {
    Steps lane;
    lane.runner = std::make_unique<ThreadRunner>(lane, spins);
    std::vector<std::thread> askers;
    for (int t = 0; t < 3; ++t)
      askers.emplace_back([&] {
        lane.runner->prepare();
        for (int i = 0; i < 3000; ++i) {
          lane.add(1);
          if (i % 64 == 0) std::this_thread::sleep_for(100us);  // so that the thread sleeps
        }
      });
    for (std::thread& asker : askers) asker.join();
    EXPECT_TRUE(eventually([&] { return lane.done == 9000; }));
    lane.runner.reset();
  }
}

}  // namespace
}  // namespace switchyard::test
