// The heap over shared regions: its blocks, its limits, and its threads. One process.
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <random>
#include <set>
#include <thread>

#include "shared_memory_fixture.h"

namespace {
std::atomic<bool> noPages{false};  // the system is out of memory
}
extern "C" int fallocate(int fd, int mode, off_t offset, off_t bytes) {  // instead of libc's
  if (!noPages) return int(syscall(SYS_fallocate, fd, mode, offset, bytes));
  errno = ENOSPC;
  return -1;
}

namespace switchyard::test {
namespace {

// Fresh memory is left alone by whoever has no time for its first touch.
TEST_F(SharedMemory, MemoryThatWasTouchedAlone) {
  constexpr size_t kBytes = 5 << 20;
  heap().trim();
  const uint64_t used = heap().use().usedBytes, blocks = heap().use().blocks;
  EXPECT_FALSE(heap().allocateTouched(kBytes));
  noPages = true;
  EXPECT_FALSE(heap().allocateTouched(kBytes));  // no page is asked for
  noPages = false;
  EXPECT_EQ(heap().use().usedBytes, used);
  EXPECT_EQ(heap().use().blocks, blocks);
  Block first = heap().allocate(kBytes);
  EXPECT_FALSE(heap().allocateTouched(kBytes));
  const std::byte* data = first->data();
  first.reset();
  Block again = heap().allocateTouched(kBytes);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->data(), data);
  std::memset(again->data(), 1, again->bytes);
}

// Memory that is made present ahead is there for the next job, too.
TEST_F(SharedMemory, WhatIsMadePresentAheadStays) {
  heap().trim();
  std::atomic<int> created{0}, told{0};
  const auto before = heap().onCreated;
  heap().onCreated = [&](const std::shared_ptr<Region>& region) {
    ++created;
    if (before) before(region);
  };
  heap().onWanted = [&] {
    ++told;
    while (heap().touchAhead()) {}
    return true;
  };
  heap().expectJobs();
  EXPECT_TRUE(heap().allocateTouched(5 << 20));
  for (int i = 0; i < 30; ++i) heap().allocate(10 << 20);
  EXPECT_LE(created, 4);
  EXPECT_LE(told, 6);
  heap().onCreated = before;
  heap().onWanted = nullptr;
  heap().trim();
}

TEST_F(SharedMemory, BlocksAreAlignedApartAndCounted) {
  std::vector<Block> blocks;
  uint64_t used = heap().use().usedBytes;
  for (size_t bytes : {0, 1, 63, 64, 65, 1024, 1025, 4097, 100000, 1 << 20, (1 << 20) + 1}) {
    blocks.push_back(heap().allocate(bytes));
    blocks.push_back(heap().allocateShared(bytes));
  }
  std::set<std::byte*> starts;
  for (const Block& block : blocks) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block->data()) % 64, 0u);
    EXPECT_TRUE(starts.insert(block->data()).second);
    EXPECT_EQ(block->region->at(block->offset, block->bytes), block->data());
    auto place = table().locate(block->data());
    EXPECT_EQ(place.region, block->region);
    EXPECT_EQ(place.offset, block->offset);
    std::memset(block->data(), 1, block->bytes);
  }
  EXPECT_EQ(blocks[0]->descriptor, kNoDescriptor);
  EXPECT_EQ(blocks[0]->generation, 0u);
  EXPECT_NE(blocks[1]->descriptor, kNoDescriptor);
  EXPECT_NE(blocks[1]->generation, 0u);
  EXPECT_GT(heap().use().usedBytes, used + 2 * ((1 << 20) + 100000));
  EXPECT_EQ(heap().use().blocks, blocks.size());
  blocks.clear();
  EXPECT_EQ(heap().use().usedBytes, used);
}

TEST_F(SharedMemory, WhatWasFreedLastIsTakenFirst) {
  for (size_t bytes : {64, 5000, 1 << 20, 3 << 20}) {
    Block a = heap().allocate(bytes), b = heap().allocate(bytes), c = heap().allocate(bytes);
    std::byte *first = b->data(), *second = a->data();
    a.reset();
    b.reset();
    EXPECT_EQ((a = heap().allocate(bytes))->data(), first) << bytes;
    EXPECT_EQ((b = heap().allocateShared(bytes))->data(), second) << bytes;
  }
}

TEST_F(SharedMemory, NeighboursMergeAndNothingIsTouchedAnew) {
  std::vector<Block> blocks;
  for (int i = 0; i < 12; ++i) blocks.push_back(heap().allocate(1 << 20));
  auto region = blocks[0]->region;
  std::byte* end = blocks.back()->data() + (1 << 20);
  blocks.clear();
  Block whole = heap().allocate(12 << 20);
  EXPECT_EQ(whole->region, region);
  EXPECT_LE(whole->data() + (12 << 20), end);
  EXPECT_EQ(heap().use().regionBytes, region->size());
}

TEST_F(SharedMemory, EverySizeClassHoldsItsSizes) {
  std::mt19937 random(77);
  for (int i = 0; i < 3000; ++i) {
    size_t bytes = i < 1500 ? size_t(i) : random() % (3 << 20);
    Block one = heap().allocate(bytes), two = heap().allocate(bytes);
    auto low = std::min(one->data(), two->data()), high = std::max(one->data(), two->data());
    ASSERT_TRUE(one->region != two->region || low + bytes <= high) << bytes;
  }
}

TEST_F(SharedMemory, LargeBlocksGetTheirOwnRegionAndSparesAreBounded) {
  size_t created = 0, dropped = 0;
  heap().onCreated = [&](auto& region) { created += table().find(region->id) == region; };
  heap().onDropped = [&](auto& region) { dropped += !table().find(region->id); };
  { Block block = heap().allocate(70 << 20); }
  EXPECT_EQ(created, 1u);
  EXPECT_EQ(dropped, 0u) << "the only spare one stays";
  EXPECT_GT(heap().use().regionBytes, 70u << 20);
  {
    std::vector<Block> blocks;
    for (int i = 0; i < 5; ++i) blocks.push_back(heap().allocate(70 << 20));
    EXPECT_EQ(created, 5u);
  }
  EXPECT_GE(dropped, 2u);
  EXPECT_LE(heap().use().regionBytes, 256u << 20);
  heap().trim();
  EXPECT_EQ(dropped, created);
  EXPECT_EQ(heap().use().regionBytes, 0u);
  heap().onCreated = heap().onDropped = nullptr;
}

TEST_F(SharedMemory, AFailingCallbackLeavesNothing) {
  heap().onCreated = [](auto&) { throw Error(Code::Closed, "no"); };
  EXPECT_EQ(codeOf([] { heap().allocate(1); }), Code::Closed);
  heap().onCreated = nullptr;
  EXPECT_EQ(heap().use().regionBytes, 0u);
}

TEST_F(SharedMemory, TheLimitNamesItsNumbers) {
  uint64_t limit = uint64_t(sysconf(_SC_PHYS_PAGES)) * uint64_t(sysconf(_SC_PAGESIZE)) / 4 * 3;
  Block held = heap().allocate(100);
  for (uint64_t bytes : {limit + 1, ~uint64_t{0}, ~uint64_t{0} - 100, uint64_t{1} << 50}) {
    std::string text;
    EXPECT_EQ(codeOf([&] { heap().allocate(bytes); }, &text), Code::OutOfMemory);
    EXPECT_NE(text.find(std::to_string(bytes)), std::string::npos) << text;
    EXPECT_NE(text.find(std::to_string(limit)), std::string::npos) << text;
  }
  EXPECT_EQ(codeOf([] { Region::create(~size_t{0}); }), Code::OutOfMemory);
  EXPECT_EQ(heap().use().blocks, 1u);
}

TEST_F(SharedMemory, WithoutPagesNothingChanges) {
  Block held = heap().allocate(100);
  auto before = heap().use();
  noPages = true;
  for (size_t bytes : {300 << 10, 900 << 10, 5 << 20}) {
    EXPECT_EQ(codeOf([&] { heap().allocate(bytes); }), Code::OutOfMemory);
    EXPECT_EQ(codeOf([&] { heap().allocateShared(bytes); }), Code::OutOfMemory);
  }
  noPages = false;
  EXPECT_EQ(heap().use().blocks, before.blocks);
  EXPECT_EQ(heap().use().usedBytes, before.usedBytes);
  Block next = heap().allocateShared(15 << 20);  // most of the region: nothing of it was lost
  EXPECT_EQ(next->region, held->region);
  EXPECT_EQ(next->descriptor, 0u);
  std::memset(next->data(), 1, next->bytes);
}

TEST_F(SharedMemory, DescriptorsRunOutGracefully) {
  std::vector<Block> blocks;
  std::set<std::pair<Region*, uint32_t>> seen;
  for (int i = 0; i < 3000; ++i) {  // the first region has 1024
    blocks.push_back(heap().allocateShared(8));
    ASSERT_TRUE(seen.insert({blocks.back()->region.get(), blocks.back()->descriptor}).second);
  }
  EXPECT_GT(heap().use().regionBytes, 64u << 20);
}

struct Marked {
  Block block;
  unsigned char mark;
  bool whole() const {
    for (size_t i = 0; i < block->bytes; i += i < 64 || i + 64 > block->bytes ? 1 : 61)
      if (block->data()[i] != std::byte(mark)) return false;
    return true;
  }
};

void randomTraffic(unsigned seed, int steps) {
  std::mt19937 random(seed);
  std::vector<Marked> held;
  for (int step = 0; step < steps; ++step) {
    if (held.size() < 60 && random() % 2) {
      size_t kind = random() % 20, bytes = random() % (kind == 0 ? 4 << 20 : kind < 6 ? 200000 : 3000);
      Block block = random() % 2 ? heap().allocate(bytes) : heap().allocateShared(bytes);
      auto mark = static_cast<unsigned char>(random());
      std::memset(block->data(), mark, bytes);
      held.push_back({std::move(block), mark});
    } else if (!held.empty()) {
      size_t i = random() % held.size();
      ASSERT_TRUE(held[i].whole()) << "seed " << seed << " step " << step;
      held.erase(held.begin() + long(i));
    }
    if (random() % 2000 == 0) heap().trim();
  }
}

TEST_F(SharedMemory, RandomTrafficOverlapsNowhere) { randomTraffic(4242, 20000); }

TEST_F(SharedMemory, ThreadsOverlapNowhere) {
  std::vector<std::thread> threads;
  for (unsigned seed = 1; seed <= 4; ++seed) threads.emplace_back(randomTraffic, seed, 4000);
  for (auto& thread : threads) thread.join();
}

TEST_F(SharedMemory, BlocksMayEndOnOtherThreads) {
  for (int round = 0; round < 200; ++round) {
    Block block = heap().allocateShared(1000);
    std::thread([moved = std::move(block)]() mutable { moved.reset(); }).join();
  }
  EXPECT_EQ(heap().use().blocks, 0u);
}

}  // namespace
}  // namespace switchyard::test
