// Blocks of an arena that are moved together: what then finds room, what stays where it is, and that bytes stay right.
#include "memory/moves.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <future>
#include <random>
#include <thread>

namespace switchyard::test {
namespace {

constexpr uint64_t kKilo = 1 << 10, kMega = 1 << 20;

struct Block {
  std::shared_ptr<Movable> movable;
  unsigned char mark = 0;
};

unsigned char* bytesOf(const Hold& hold) { return hold.view().host<unsigned char>(); }

class ArenaMoves : public ::testing::Test {
 protected:
  explicit ArenaMoves() : arena(openDevice("cpu"), 8 * kMega) {}

  Block add(Arena& to, uint64_t bytes) {
    Hold hold = to.allocateMovable(bytes);
    Block block{hold.block(), ++lastMark_};
    std::memset(bytesOf(hold), block.mark, bytes);
    return block;
  }
  static bool isWhole(const Block& block) {
    const Hold hold(block.movable, false);
    const unsigned char* const at = bytesOf(hold);
    for (uint64_t i = 0; i < block.movable->size; ++i)
      if (at[i] != block.mark) return false;
    return true;
  }
  // As a device would, in order. False: nothing was to be moved.
  bool defragment(Arena& of, uint64_t taken = 0) const {
    std::unique_ptr<Moves> moves = of.planMoves(refused, taken);
    if (!moves) return false;
    for (const auto& [to, from] : moves->copies()) {
      EXPECT_EQ(to.size, from.size);
      EXPECT_EQ(to.size % 4, 0u);
      const bool overlap =
          to.buffer == from.buffer && to.offset < from.offset + from.size && from.offset < to.offset + to.size;
      EXPECT_FALSE(overlap);
      std::memcpy(to.host(), from.host(), to.size);
    }
    of.endMoves(std::move(moves), true);
    return true;
  }
  bool isRefused(Arena& of, uint64_t bytes) {
    try {
      of.free(of.allocate(bytes));
      return false;
    } catch (const NoRoom& error) {
      EXPECT_EQ(error.code, Code::OutOfMemory);
      refused = error.bytes;
      return true;
    }
  }
  void expectAllWhole(const std::vector<Block>& blocks) {
    for (const Block& block : blocks) EXPECT_TRUE(isWhole(block));
  }

  Arena arena;
  uint64_t refused = 0;  // the last block for which there was no room

 private:
  unsigned char lastMark_ = 0;
};

TEST_F(ArenaMoves, HolesBecomeOne) {
  Arena small(openDevice("cpu"), kMega);
  std::vector<Block> blocks;
  for (int i = 0; i < 16; ++i) blocks.push_back(add(small, 64 * kKilo));
  for (size_t i = 0; i < 8; ++i) {
    small.free(blocks[i].movable);
    blocks.erase(blocks.begin() + static_cast<long>(i));
  }
  EXPECT_EQ(small.use().usedBytes, 512 * kKilo);
  EXPECT_EQ(small.use().largestFreeBytes, 64 * kKilo);
  ASSERT_TRUE(isRefused(small, 512 * kKilo));
  ASSERT_TRUE(defragment(small));
  EXPECT_EQ(small.use().largestFreeBytes, 512 * kKilo);
  EXPECT_FALSE(isRefused(small, 512 * kKilo));
  expectAllWhole(blocks);
  EXPECT_EQ(small.use().usedBytes, 512 * kKilo);
  for (const Block& block : blocks) small.free(block.movable);
  small.trim();
  EXPECT_EQ(small.use().reservedBytes, 0u);
}

// No hole takes a whole block: they move down over themselves.
TEST_F(ArenaMoves, LargeBlocksMoveBySmallSteps) {
  Arena small(openDevice("cpu"), kMega);
  std::vector<Block> blocks;
  std::vector<BufferView> between;
  for (int i = 0; i < 16; ++i) {
    blocks.push_back(add(small, 48 * kKilo));
    between.push_back(small.allocate(16 * kKilo));
  }
  for (BufferView view : between) small.free(view);
  ASSERT_TRUE(isRefused(small, 100 * kKilo));
  ASSERT_TRUE(defragment(small));
  EXPECT_FALSE(isRefused(small, 100 * kKilo));
  expectAllWhole(blocks);
  // As much as there is at all, in one piece.
  ASSERT_TRUE(isRefused(small, 256 * kKilo));
  ASSERT_TRUE(defragment(small));
  EXPECT_FALSE(isRefused(small, 256 * kKilo));
  expectAllWhole(blocks);
}

TEST_F(ArenaMoves, SlabsAreEmptiedForALargerOne) {
  std::vector<Block> blocks;
  for (int i = 0; i < 32; ++i) blocks.push_back(add(arena, 256 * kKilo));
  ASSERT_EQ(arena.use().reservedBytes, 8 * kMega);
  std::vector<Block> kept;
  for (size_t i = 0; i < blocks.size(); ++i) {
    if (i % 8 == 3)
      kept.push_back(blocks[i]);
    else
      arena.free(blocks[i].movable);
  }
  ASSERT_TRUE(isRefused(arena, 6 * kMega));
  ASSERT_TRUE(defragment(arena));
  EXPECT_FALSE(isRefused(arena, 6 * kMega));
  expectAllWhole(kept);
  EXPECT_LE(arena.use().reservedBytes, 8 * kMega);
}

TEST_F(ArenaMoves, WhatIsHeldOrFixedStays) {
  Arena small(openDevice("cpu"), kMega);
  std::vector<Block> blocks;
  for (int i = 0; i < 16; ++i) blocks.push_back(add(small, 64 * kKilo));
  std::vector<Hold> holds;
  for (size_t i = 1; i < 16; i += 2) holds.emplace_back(blocks[i].movable, false);
  const unsigned char* const before = bytesOf(holds[0]);
  for (size_t i = 0; i < 16; i += 2) small.free(blocks[i].movable);
  ASSERT_TRUE(isRefused(small, 128 * kKilo));
  EXPECT_FALSE(small.mayHelpToMove(refused) && defragment(small)) << "all that lies in the way is held";
  EXPECT_EQ(bytesOf(holds[0]), before);
  holds.pop_back();  // the last one of all: one beside a hole may move now
  ASSERT_TRUE(isRefused(small, 128 * kKilo));
  EXPECT_TRUE(defragment(small));
  EXPECT_FALSE(isRefused(small, 128 * kKilo));
  EXPECT_EQ(bytesOf(holds[0]), before);
  ASSERT_TRUE(isRefused(small, 600 * kKilo));
  EXPECT_FALSE(defragment(small)) << "so much is not free";
  for (size_t i = 1; i < 16; i += 2) EXPECT_TRUE(isWhole(blocks[i]));
}

TEST_F(ArenaMoves, NothingIsPlannedUnlessSomethingWasRefused) {
  const Block block = add(arena, kMega);
  EXPECT_EQ(arena.planMoves(0), nullptr);
  ASSERT_TRUE(isRefused(arena, 100 * kMega));
  EXPECT_EQ(arena.planMoves(refused), nullptr);
  arena.free(block.movable);
}

// While copies are under way: who asks waits or is told to, what is freed is freed in the end, and what failed to be
// copied is where it was.
TEST_F(ArenaMoves, OthersMeanwhile) {
  Arena small(openDevice("cpu"), kMega);
  std::vector<Block> blocks;
  for (int i = 0; i < 16; ++i) blocks.push_back(add(small, 64 * kKilo));
  for (size_t i = 0; i < 16; i += 2) small.free(blocks[i].movable);
  for (const bool done : {false, true}) {
    ASSERT_TRUE(isRefused(small, 128 * kKilo));
    std::unique_ptr<Moves> moves = small.planMoves(refused);
    ASSERT_TRUE(moves);
    ASSERT_GT(moves->blocks(), 0u);
    std::vector<size_t> moving;
    for (size_t i = 1; i < 16; i += 2) {
      try {
        Hold(blocks[i].movable, false);
      } catch (const MustWait&) {
        moving.push_back(i);
      }
    }
    ASSERT_EQ(moving.size(), moves->blocks());
    auto waits = std::async(std::launch::async, [&] { return bytesOf(Hold(blocks[moving[0]].movable, true)); });
    if (done)
      for (const auto& [to, from] : moves->copies()) std::memcpy(to.host(), from.host(), to.size);
    const uint64_t used = small.use().usedBytes;
    small.endMoves(std::move(moves), done);
    EXPECT_EQ(waits.get(), bytesOf(Hold(blocks[moving[0]].movable, false)));
    EXPECT_EQ(small.use().usedBytes, used);
    for (size_t i = 1; i < 16; i += 2) EXPECT_TRUE(isWhole(blocks[i]));
    EXPECT_EQ(isRefused(small, 128 * kKilo), !done);
  }
  ASSERT_TRUE(isRefused(small, 512 * kKilo));
  std::unique_ptr<Moves> moves = small.planMoves(refused);
  ASSERT_TRUE(moves);
  for (const auto& [to, from] : moves->copies()) std::memcpy(to.host(), from.host(), to.size);
  for (size_t i = 1; i < 16; i += 2) small.free(blocks[i].movable);
  small.endMoves(std::move(moves), true);
  EXPECT_EQ(small.use().usedBytes, 0u);
  small.trim();
  EXPECT_EQ(small.use().reservedBytes, 0u);
}

// A job that gives back what it has had before it is tried again gets all of it in one run.
TEST_F(ArenaMoves, WhatTheJobHadIsRoomToo) {
  Arena small(openDevice("cpu"), kMega);
  std::vector<Block> blocks;
  for (int i = 0; i < 16; ++i) blocks.push_back(add(small, 64 * kKilo));
  for (size_t i = 0; i < 12; ++i)
    if (i % 2 == 0) small.free(blocks[i].movable);
  const BufferView first = small.allocate(64 * kKilo);
  ASSERT_TRUE(isRefused(small, 192 * kKilo));
  small.free(first);
  ASSERT_TRUE(defragment(small, first.size));
  EXPECT_GE(small.use().largestFreeBytes, 256 * kKilo);
}

// What has not helped is not done again for such a block, until more is free, or it has found room.
TEST_F(ArenaMoves, NothingIsMovedTwiceForNothing) {
  constexpr uint64_t kEach = 64 * kKilo, kWanted = 256 * kKilo;
  Arena small(openDevice("cpu"), kMega);
  std::vector<Block> blocks;
  const auto fragment = [&] {  // full, and every other one away
    while (!isRefused(small, kEach)) blocks.push_back(add(small, kEach));
    std::sort(blocks.begin(), blocks.end(), [](const Block& a, const Block& b) {
      return bytesOf(Hold(a.movable, false)) < bytesOf(Hold(b.movable, false));
    });
    std::vector<Block> kept;
    for (size_t i = 0; i < blocks.size(); ++i) i % 2 ? small.free(blocks[i].movable) : kept.push_back(blocks[i]);
    blocks = kept;
    ASSERT_TRUE(isRefused(small, kWanted));
  };
  fragment();
  ASSERT_TRUE(defragment(small));
  fragment();  // somebody else was quicker
  EXPECT_FALSE(defragment(small));
  small.free(blocks[3].movable);
  blocks.erase(blocks.begin() + 3);
  ASSERT_TRUE(isRefused(small, kWanted));
  ASSERT_TRUE(defragment(small));
  EXPECT_FALSE(isRefused(small, kWanted));
  fragment();
  EXPECT_TRUE(defragment(small));
  EXPECT_FALSE(isRefused(small, kWanted));
  expectAllWhole(blocks);
}

// Two that were refused in turn, of lanes of their own: each has its own size.
TEST_F(ArenaMoves, EachPlansForItsOwnBlock) {
  Arena small(openDevice("cpu"), kMega);
  std::vector<Block> blocks;
  for (int i = 0; i < 16; ++i) blocks.push_back(add(small, 64 * kKilo));
  for (size_t i = 0; i < 16; i += 2) small.free(blocks[i].movable);
  ASSERT_TRUE(isRefused(small, 256 * kKilo));
  const uint64_t mine = refused;
  EXPECT_FALSE(isRefused(small, 64 * kKilo));  // another's, which found room
  ASSERT_TRUE(isRefused(small, 900 * kKilo));
  std::unique_ptr<Moves> moves = small.planMoves(mine);
  ASSERT_TRUE(moves);
  for (const auto& [to, from] : moves->copies()) std::memcpy(to.host(), from.host(), to.size);
  small.endMoves(std::move(moves), true);
  EXPECT_FALSE(isRefused(small, 256 * kKilo));
}

TEST_F(ArenaMoves, ManySmallBlocks) {
  Arena small(openDevice("cpu"), 8 * kMega);
  std::vector<Block> blocks;
  for (int i = 0; i < 32'000; ++i) blocks.push_back(add(small, 256));
  std::vector<Block> kept;
  for (size_t i = 0; i < blocks.size(); ++i) {
    if (i % 2)
      kept.push_back(blocks[i]);
    else
      small.free(blocks[i].movable);
  }
  const uint64_t room = small.use().largestFreeBytes;
  ASSERT_LT(room, 300 * kKilo);
  ASSERT_TRUE(isRefused(small, 400 * kKilo));
  ASSERT_TRUE(defragment(small));
  EXPECT_FALSE(isRefused(small, 400 * kKilo));
  expectAllWhole(kept);
}

// Random traffic of blocks that may be moved, of fixed and of held ones: all stay whole, what is planned always helps,
// and the largest free piece is just what is given.
TEST_F(ArenaMoves, RandomTrafficStaysWhole) {
  struct Fixed {
    BufferView view;
    unsigned char mark;
  };
  std::mt19937 random(20260);
  int refusals = 0, helped = 0;
  for (int round = 0; round < 8; ++round) {
    Arena small(openDevice("cpu"), (1 + round % 4) * kMega);
    const bool hasFixed = round % 2 == 1;
    std::vector<Block> blocks;
    std::vector<Fixed> fixed;
    std::vector<Hold> holds;
    for (int step = 0; step < 1500; ++step) {
      const uint64_t size = random() % 4 ? random() % (40 * kKilo) : random() % (300 * kKilo);
      if (random() % 5 < 3) {
        const bool isFixed = hasFixed && random() % 8 == 0;
        const auto put = [&] {
          if (!isFixed) return blocks.push_back(add(small, size));
          const BufferView view = small.allocate(size);
          fixed.push_back({view, static_cast<unsigned char>(step)});
          std::memset(view.host(), fixed.back().mark, size);
        };
        try {
          put();
        } catch (const NoRoom& error) {
          refused = error.bytes;
          ++refusals;
          if (!defragment(small)) continue;
          ++helped;
          ASSERT_NO_THROW(put()) << "round " << round << ", step " << step << ", " << size << " bytes";
        }
      } else if (!blocks.empty()) {
        const size_t i = random() % blocks.size();
        ASSERT_TRUE(isWhole(blocks[i])) << "round " << round << ", step " << step;
        small.free(blocks[i].movable);
        blocks.erase(blocks.begin() + static_cast<long>(i));
      }
      if (hasFixed && !blocks.empty() && random() % 16 == 0)
        holds.emplace_back(blocks[random() % blocks.size()].movable, false);
      if (holds.size() > 4) holds.erase(holds.begin());
      const ArenaUse use = small.use();
      ASSERT_LE(use.reservedBytes, use.limitBytes);
      if (step % 50 == 0 && use.largestFreeBytes) {
        ASSERT_FALSE(isRefused(small, use.largestFreeBytes));
        ASSERT_TRUE(isRefused(small, small.use().largestFreeBytes + 256));
      }
    }
    for (const Block& block : blocks) ASSERT_TRUE(isWhole(block));
    for (const auto& [view, mark] : fixed)
      for (uint64_t i = 0; i < view.size; ++i) ASSERT_EQ(view.host<unsigned char>()[i], mark);
    holds.clear();
    for (const Block& block : blocks) small.free(block.movable);
    for (const Fixed& each : fixed) small.free(each.view);
    small.trim();
    ASSERT_EQ(small.use().reservedBytes, 0u);
    ASSERT_EQ(small.use().usedBytes, 0u);
  }
  EXPECT_GT(helped, 100) << "of " << refusals << " refusals";
}

}  // namespace
}  // namespace switchyard::test
