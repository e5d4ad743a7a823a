// The arena by itself: alignment, merging, its limit, and what a failing device leaves.
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <thread>

#include "fault_device.h"
#include "memory/arena.h"

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

}  // namespace
}  // namespace switchyard::test
