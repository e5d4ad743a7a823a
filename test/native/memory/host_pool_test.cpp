// The host pool by itself: what is recycled, what is refused, from many threads.

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <thread>

#include "error.h"
#include "memory/host_pool.h"

namespace switchyard::test {
namespace {

TEST(HostPool, SmallBlocksArePlainMemory) {
  HostPool& pool = HostPool::shared();
  size_t used = pool.usedBytes();
  for (size_t bytes : {size_t{0}, size_t{1}, size_t{63}, size_t{64}, HostPool::kPooledBytes - 1}) {
    auto block = pool.acquire(bytes);
    EXPECT_EQ(block->size, bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block->data) % 64, 0u);
    if (bytes) std::memset(block->data, 1, bytes);
  }
  EXPECT_EQ(pool.usedBytes(), used);
}

TEST(HostPool, LargeBlocksComeBack) {
  HostPool& pool = HostPool::shared();
  pool.trim();
  EXPECT_EQ(pool.unusedBytes(), 0u);
  auto block = pool.acquire(3 << 20);
  std::byte* data = block->data;
  EXPECT_EQ(reinterpret_cast<uintptr_t>(data) % (2 << 20), 0u) << "huge pages need it";
  std::memset(data, 1, 3 << 20);
  block.reset();
  EXPECT_GE(pool.unusedBytes(), 3u << 20);
  auto again = pool.acquire((3 << 20) - 4096);  // a little less shares the block
  EXPECT_EQ(again->data, data);
  EXPECT_EQ(again->size, (3u << 20) - 4096);
  again.reset();
  pool.trim();
  EXPECT_EQ(pool.unusedBytes(), 0u);
}

TEST(HostPool, ASmallRequestTakesNoHugeBlock) {
  HostPool& pool = HostPool::shared();
  pool.trim();
  pool.acquire(64 << 20).reset();
  auto small = pool.acquire(100 << 10);
  EXPECT_LT(small->capacity, 1u << 20);
  small.reset();
  pool.trim();
}

TEST(HostPool, TooMuchIsRefused) {
  try {
    HostPool::shared().acquire(size_t{1} << 52);
    FAIL() << "the system has 4 PB?";
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::OutOfMemory);
  }
}

TEST(HostPool, FromManyThreads) {
  HostPool& pool = HostPool::shared();
  size_t used = pool.usedBytes();
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      std::vector<std::shared_ptr<HostBlock>> held(8);
      for (int i = 0; i < 400; ++i) {
        auto& slot = held[random() % 8];
        slot = pool.acquire(random() % (1 << 20));
        if (slot->size) {
          slot->data[0] = std::byte(t);
          slot->data[slot->size - 1] = std::byte(t);
          EXPECT_TRUE(slot->data[0] == std::byte(t));
        }
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(pool.usedBytes(), used);
  pool.trim();
}

}  // namespace
}  // namespace switchyard::test
