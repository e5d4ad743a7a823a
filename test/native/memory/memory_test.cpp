// The arena and the host pool by themselves.
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <thread>

#include "fault_device.h"
#include "memory/arena.h"
#include "memory/host_pool.h"

namespace switchyard::test {
namespace {

std::shared_ptr<FaultDevice> cpuDevice() { return std::make_shared<FaultDevice>(openDevice("cpu")); }

TEST(Arena, AlignedApartAndCounted) {
  Arena arena(cpuDevice(), 64 << 20);
  BufferView a = arena.allocate(1), b = arena.allocate(300), c = arena.allocate(0);
  for (BufferView view : {a, b, c}) EXPECT_EQ(view.offset % 256, 0u);
  EXPECT_EQ(a.size, 1u);
  EXPECT_EQ(b.size, 300u);
  EXPECT_TRUE(c);
  EXPECT_EQ(arena.use().usedBytes, 256u + 512u + 256u);
  EXPECT_TRUE(a.buffer != b.buffer || a.offset + 256 <= b.offset || b.offset + 512 <= a.offset);
  for (BufferView view : {b, a, c}) arena.free(view);
  EXPECT_EQ(arena.use().usedBytes, 0u);
  EXPECT_EQ(arena.use().maxUsedBytes, 1024u);
}

TEST(Arena, FreedNeighboursMerge) {
  Arena arena(cpuDevice(), 1 << 20);
  std::vector<BufferView> blocks;
  for (int i = 0; i < 16; ++i) blocks.push_back(arena.allocate(64 << 10));  // all of it
  EXPECT_THROW(arena.allocate(256), Error);
  for (int i = 0; i < 16; i += 2) arena.free(blocks[size_t(i)]);  // holes of 64 KB
  EXPECT_THROW(arena.allocate(65 << 10), Error);
  for (int i = 1; i < 16; i += 2) arena.free(blocks[size_t(i)]);
  BufferView whole = arena.allocate(1 << 20);
  EXPECT_EQ(whole.size, 1u << 20);
  arena.free(whole);
  EXPECT_EQ(arena.use().reservedBytes, 1u << 20);
}

TEST(Arena, TheLimitNamesItsNumbers) {
  Arena arena(cpuDevice(), 4 << 20);
  BufferView held = arena.allocate(3 << 20);
  try {
    arena.allocate(2 << 20);
    FAIL() << "past the limit";
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::OutOfMemory);
    std::string text = error.what();
    for (uint64_t number : {2u << 20, 3u << 20, 4u << 20})
      EXPECT_NE(text.find(std::to_string(number)), std::string::npos) << text;
  }
  EXPECT_THROW(arena.allocate(~uint64_t{0}), Error);
  EXPECT_THROW(arena.allocate(~uint64_t{0} - 200), Error);
  EXPECT_EQ(arena.use().usedBytes, 3u << 20);
  arena.free(held);
  BufferView again = arena.allocate(4 << 20);  // the empty slab makes room
  EXPECT_LE(arena.use().reservedBytes, 4u << 20);
  arena.free(again);
}

TEST(Arena, TrimKeepsWhatIsInUse) {
  Arena arena(cpuDevice(), 64 << 20);
  BufferView kept = arena.allocate(100), large = arena.allocate(8 << 20);
  arena.free(large);
  uint64_t before = arena.use().reservedBytes;
  arena.trim();
  EXPECT_EQ(arena.use().reservedBytes, before - (8 << 20));
  std::memset(kept.host(), 1, 100);
  arena.free(kept);
  arena.trim();
  EXPECT_EQ(arena.use().reservedBytes, 0u);
}

TEST(Arena, AFailingDeviceLeavesItAsItWas) {
  auto device = cpuDevice();
  Arena arena(device, 64 << 20);
  device->failAt(Point::Allocate, Code::OutOfMemory, 0, 1);
  EXPECT_THROW(arena.allocate(1000), Error);
  EXPECT_EQ(arena.use().usedBytes, 0u);
  EXPECT_EQ(arena.use().reservedBytes, 0u);
  arena.free(arena.allocate(1000));
}

TEST(Arena, RandomTrafficOverlapsNowhere) {
  Arena arena(cpuDevice(), 32 << 20);
  std::mt19937 random(4242);
  std::vector<std::pair<BufferView, unsigned char>> held;
  uint64_t bytes = 0;
  for (int step = 0; step < 4000; ++step) {
    if (held.size() < 40 && random() % 2) {
      uint64_t size = random() % 3 ? random() % 5000 : random() % 600000;
      BufferView view;
      try {
        view = arena.allocate(size);
      } catch (const Error& error) {
        EXPECT_EQ(error.code, Code::OutOfMemory);
        continue;
      }
      auto mark = static_cast<unsigned char>(step);
      std::memset(view.host(), mark, size);
      held.push_back({view, mark});
      bytes += std::max<uint64_t>(256, (size + 255) / 256 * 256);
    } else if (!held.empty()) {
      size_t i = random() % held.size();
      auto [view, mark] = held[i];
      for (uint64_t at = 0; at < view.size; ++at) ASSERT_EQ(view.host<unsigned char>()[at], mark) << "step " << step;
      arena.free(view);
      bytes -= std::max<uint64_t>(256, (view.size + 255) / 256 * 256);
      held.erase(held.begin() + long(i));
    }
    ASSERT_EQ(arena.use().usedBytes, bytes);
  }
  for (auto& [view, mark] : held) arena.free(view);
  arena.trim();
  EXPECT_EQ(arena.use().reservedBytes, 0u);
}

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
