// Who holds a block: opened twice, held by other members, let go of and swept. One process plays them all.
#include <unistd.h>

#include <thread>

#include "shared_memory_fixture.h"

namespace switchyard::test {
namespace {

TEST_F(SharedMemory, OpenedTwiceInOneProcess) {
  Block one = heap().allocateShared(100);
  auto region = one->region;
  uint32_t descriptor = one->descriptor;
  uint64_t generation = one->generation;
  Block two = heap().open(region, descriptor, generation);
  EXPECT_EQ(two->data(), one->data());
  EXPECT_EQ(two->bytes, 100u);
  EXPECT_FALSE(two->sealed());
  one->seal();
  EXPECT_TRUE(two->sealed());
  one.reset();
  EXPECT_TRUE(region->hasHolders());
  EXPECT_EQ(heap().use().blocks, 1u);
  EXPECT_TRUE(two->sealed());
  two.reset();
  EXPECT_FALSE(region->hasHolders());
  EXPECT_EQ(heap().use().blocks, 0u);
  EXPECT_EQ(codeOf([&] { heap().open(region, descriptor, generation); }), Code::Closed);
  Block next = heap().allocateShared(100);  // the same descriptor, another generation
  EXPECT_EQ(next->descriptor, descriptor);
  EXPECT_NE(next->generation, generation);
  EXPECT_FALSE(next->sealed());
  EXPECT_EQ(codeOf([&] { heap().open(region, descriptor, generation); }), Code::Closed);
  EXPECT_EQ(codeOf([&] { heap().open(region, descriptor + 1, generation); }), Code::Closed);
  for (uint64_t wrong : {uint64_t{0}, next->generation | Descriptor::kClosing, ~uint64_t{0}})
    EXPECT_EQ(codeOf([&] { heap().open(region, descriptor, wrong); }), Code::Closed);
  for (uint32_t wrong : {kNoDescriptor, 1u << 20})
    EXPECT_EQ(codeOf([&] { heap().open(region, wrong, 1); }), Code::Closed);
  EXPECT_EQ(codeOf([&] { heap().open(nullptr, descriptor, generation); }), Code::Closed);
  Block private_ = heap().allocate(10);
  EXPECT_FALSE(private_->sealed());
  private_->seal();
  EXPECT_TRUE(private_->sealed());
}

TEST_F(SharedMemory, ASecondMappingOfOnesOwnRegion) {
  Block one = heap().allocateShared(100);
  auto again = Region::adopt(dup(one->region->fd()));
  EXPECT_EQ(again->id, one->region->id);
  table().add(again);
  EXPECT_EQ(table().find(again->id), one->region) << "the first stays";
  Block two = heap().open(again, one->descriptor, one->generation);
  EXPECT_EQ(two->data(), one->data());
  one.reset();
  EXPECT_TRUE(again->hasHolders());
  two.reset();
  EXPECT_FALSE(again->hasHolders());
}

TEST_F(SharedMemory, AnotherMembersHoldKeepsTheMemory) {
  Block block = heap().allocateShared(1000);
  auto region = block->region;
  uint32_t descriptor = block->descriptor;
  uint64_t generation = block->generation;
  std::byte* data = block->data();
  EXPECT_TRUE(region->addHolder(descriptor, generation, 200));
  block.reset();
  EXPECT_TRUE(region->hasHolders());
  EXPECT_EQ(heap().use().blocks, 1u);
  for (int i = 0; i < 10; ++i) EXPECT_NE(heap().allocate(1000)->data(), data);
  heap().trim();
  EXPECT_EQ(heap().use().regionBytes, region->size()) << "somebody still holds a block";
  block = heap().open(region, descriptor, generation);  // the owner may come back
  EXPECT_EQ(block->data(), data);
  region->clearMember(200);
  heap().trim();
  EXPECT_EQ(heap().use().blocks, 1u);
  block.reset();
  EXPECT_EQ(heap().use().blocks, 0u);
  EXPECT_FALSE(region->addHolder(descriptor, generation, 200));
  EXPECT_FALSE(region->hasHolders());
  EXPECT_EQ(codeOf([&] { region->clearMember(kMaxMembers); }), Code::InvalidArgument);
  EXPECT_EQ(codeOf([&] { region->addHolder(0, 1, kMaxMembers); }), Code::InvalidArgument);
}

TEST_F(SharedMemory, AnOpenerWaitsWhileTheOwnerLooks) {
  Block block = heap().allocateShared(64);
  auto open = [&] { return block->region->addHolder(block->descriptor, block->generation, 9); };
  auto& generation = descriptorOf(block).generation;
  generation = block->generation | Descriptor::kClosing;
  std::thread owner([&] {
    while (!(descriptorOf(block).holders[0] & 1 << 9)) std::this_thread::yield();
    generation = block->generation;
  });
  bool opened = open();
  owner.join();
  EXPECT_TRUE(opened);
  block->region->clearMember(9);
  generation = block->generation | Descriptor::kClosing;  // killed while it looked
  EXPECT_FALSE(open());
  EXPECT_EQ(descriptorOf(block).holders[0], 1u);
  generation = block->generation;
}

TEST_F(SharedMemory, WhatOthersLetGoOfIsSweptByAllocations) {
  std::vector<Block> blocks;
  for (int i = 0; i < 100; ++i) {
    blocks.push_back(heap().allocateShared(1000));
    ASSERT_TRUE(blocks.back()->region->addHolder(blocks.back()->descriptor, blocks.back()->generation, 7));
  }
  auto region = blocks[0]->region;
  blocks.clear();
  EXPECT_EQ(heap().use().blocks, 100u);
  region->clearMember(7);
  for (int i = 0; i < 101; ++i) heap().allocate(64);
  EXPECT_EQ(heap().use().blocks, 0u);
}

TEST_F(SharedMemory, ChangingTheMemberKeepsTheHolds) {
  Block block = heap().allocateShared(10);
  auto region = block->region;
  heap().setMember(70);
  region->clearMember(0);
  EXPECT_TRUE(region->hasHolders());
  region->clearMember(70);
  EXPECT_FALSE(region->hasHolders());
  heap().setMember(0);
  EXPECT_TRUE(region->hasHolders());
  EXPECT_EQ(codeOf([] { heap().setMember(kMaxMembers); }), Code::InvalidArgument);
  block.reset();
  EXPECT_FALSE(region->hasHolders());
}

}  // namespace
}  // namespace switchyard::test
