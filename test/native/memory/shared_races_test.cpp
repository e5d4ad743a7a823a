// Races between processes: openers against an owner that lets go and reuses at once, kills at any moment, and chains.
#include <sys/mman.h>

#include <atomic>
#include <chrono>
#include <random>
#include <thread>

#include "shared_processes_fixture.h"

namespace switchyard::test {
namespace {

using namespace std::chrono_literals;

// Openers race against an owner that lets go and reuses at once. What is in a block is its generation, always: an
// opener that ever sees another has opened memory that was not its block's any more.
struct Board {                   // beside the regions, between parent and children
  std::atomic<uint64_t> latest;  // generation << 16 | descriptor
  std::atomic<bool> stop;
  std::atomic<uint64_t> opened, gone, wrong, begun;
};
struct SharedBoard {
  Board* board =
      static_cast<Board*>(mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  ~SharedBoard() { munmap(board, sizeof(Board)); }
  Board* operator->() const { return board; }
};

constexpr size_t kWords = 32;

void writeCanary(const Block& block) {
  auto* words = reinterpret_cast<std::atomic<uint64_t>*>(block->data());
  for (size_t i = 0; i < kWords; ++i) words[i].store(block->generation, std::memory_order_relaxed);
}
bool readCanary(const Block& block) {
  for (size_t i = 0; i < kWords; ++i)
    if (reinterpret_cast<std::atomic<uint64_t>*>(block->data())[i].load(std::memory_order_relaxed) != block->generation)
      return false;
  return true;
}

void openForEver(Line& parent, Board& board) {
  int fd = -1;
  parent.receive(&fd);
  auto region = Region::adopt(fd);
  board.begun++;
  std::mt19937 random(static_cast<unsigned>(getpid()));
  while (!board.stop) {
    uint64_t latest = board.latest;
    try {
      Block block = heap().open(region, uint32_t(latest & 0xffff), latest >> 16);
      board.opened++;
      for (unsigned i = random() % 8; i-- > 0;)
        if (!readCanary(block)) board.wrong++;
    } catch (const Error& error) {
      REQUIRE(error.code == Code::Closed);
      board.gone++;
    }
  }
}

// Lets go of each block just after telling of it; sometimes keeps it a little.
void ownFor(Board& board, std::chrono::milliseconds time, const std::shared_ptr<Region>& region) {
  std::mt19937 random(1);
  auto end = std::chrono::steady_clock::now() + time;
  std::vector<Block> kept;
  while (std::chrono::steady_clock::now() < end) {
    for (int i = 0; i < 100; ++i) {
      Block block = heap().allocateShared(kWords * 8);
      if (block->region != region) continue;
      writeCanary(block);
      board.latest = block->generation << 16 | block->descriptor;
      if (random() % 4 == 0) kept.push_back(block);
      if (kept.size() > 3) kept.erase(kept.begin() + long(random() % kept.size()));
      for (const Block& other : kept)
        if (!readCanary(other)) board.wrong++;
    }
  }
}

TEST_F(SharedMemory, NoOpenEverSucceedsOnReusedMemory) {
  SharedBoard board;
  std::vector<std::unique_ptr<Child>> children;
  for (uint32_t slot : {1, 64, 65, 255})
    children.push_back(std::make_unique<Child>(slot, [&](Line& parent) { openForEver(parent, *board.board); }));
  auto region = heap().allocateShared(1)->region;
  for (auto& child : children) child->line->send(0, region->fd());
  while (board->begun < children.size()) std::this_thread::sleep_for(1ms);
  ownFor(*board.board, 1500ms, region);
  board->stop = true;
  for (auto& child : children) child->expectEnd();
  EXPECT_EQ(board->wrong, 0u);
  EXPECT_GT(board->opened, 1000u);
  EXPECT_GT(board->gone, 1000u);
  RecordProperty("opened", std::to_string(board->opened));
  RecordProperty("gone", std::to_string(board->gone));
  EXPECT_FALSE(region->hasHolders());
}

TEST_F(SharedMemory, KilledAnywhereNothingStaysHeld) {
  for (int round = 0; round < 25; ++round) {
    SharedBoard board;
    Child child(3, [&](Line& parent) { openForEver(parent, *board.board); });
    auto region = heap().allocateShared(1)->region;
    child.line->send(0, region->fd());
    while (!board->begun) std::this_thread::sleep_for(1ms);
    ownFor(*board.board, std::chrono::milliseconds(10 + round % 3), region);
    child.kill();
    region->clearMember(3);
    EXPECT_FALSE(region->hasHolders());
    heap().trim();
    ASSERT_EQ(heap().use().blocks, 0u);
    ASSERT_EQ(heap().use().regionBytes, 0u);
    ASSERT_EQ(board->wrong, 0u);
  }
}

// A chain: each holder passes the block on before it lets go, so that every open must succeed, whatever the owner looks
// at meanwhile.
TEST_F(SharedMemory, WhatIsPassedOnIsNeverGone) {
  SharedBoard board;
  std::vector<std::unique_ptr<Child>> children;
  constexpr int kTurns = 3000;
  for (uint32_t i : {0, 1})
    children.push_back(std::make_unique<Child>(i * 190 + 1, [&, i](Line& parent) {
      Offer offer = receiveBlock(parent);
      for (uint64_t turn = i; turn < kTurns; turn += 2) {
        while (board->latest < turn) std::this_thread::yield();
        Block block = heap().open(offer.region, offer.descriptor, offer.generation);
        board->latest = turn + 1;
        while (board->latest < turn + 2 && turn + 1 < kTurns) std::this_thread::yield();  // the other one holds it, too
      }
    }));
  board->latest = 0;
  Block block = heap().allocateShared(64);
  for (auto& child : children) child->line->sendBlock(block);
  while (board->latest < 2) std::this_thread::yield();
  block.reset();
  while (board->latest < kTurns) {
    heap().trim();
    if (heap().use().blocks != 1 && board->latest < kTurns) ADD_FAILURE() << "freed at turn " << board->latest;
    if (HasFailure()) break;
  }
  for (auto& child : children) child->expectEnd();
}

}  // namespace
}  // namespace switchyard::test
