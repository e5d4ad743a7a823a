// What several processes (forked here) do to one block: holders that outlive owners, killed members, hostile tables.
#include <cstring>

#include "shared_processes_fixture.h"

namespace switchyard::test {
namespace {

TEST_F(SharedMemory, AHolderKeepsTheMemoryAfterTheOwnerLetGo) {
  Child child(1, [](Line& parent) {
    Offer offer = receiveBlock(parent);
    Block block = heap().open(offer.region, offer.descriptor, offer.generation);
    REQUIRE(block->bytes == 5000 && block->data()[4999] == std::byte(42) && block->sealed());
    block->data()[0] = std::byte(43);
    parent.send(1);
    parent.receive();
    REQUIRE(block->data()[4999] == std::byte(42));
    Block twice = heap().open(offer.region, offer.descriptor, offer.generation);
    block.reset();
    parent.send(2);
    parent.receive();
    twice.reset();
    parent.send(3);
    parent.receive();
    REQUIRE(codeOf([&] { heap().open(offer.region, offer.descriptor, offer.generation); }) == Code::Closed);
  });
  Block block = heap().allocateShared(5000);
  auto region = block->region;
  std::byte* data = block->data();
  std::memset(data, 42, 5000);
  block->seal();
  child.line->sendBlock(block);
  child.line->receive();
  EXPECT_EQ(data[0], std::byte(43));
  block.reset();
  for (int i = 0; i < 50; ++i) EXPECT_NE(heap().allocate(5000)->data(), data);
  child.line->send(0);
  child.line->receive();
  heap().trim();
  EXPECT_EQ(heap().use().blocks, 1u) << "the child opened it twice";
  child.line->send(0);
  child.line->receive();
  bool again = false;
  for (int i = 0; i < 3 && !again; ++i) again = heap().allocate(5000)->data() == data;
  EXPECT_TRUE(again) << "the last holder let go";
  EXPECT_EQ(heap().use().blocks, 0u);
  child.line->send(0);
  child.expectEnd();
}

TEST_F(SharedMemory, AKilledHolderIsClearedByTheCoordinator) {
  Child child(130, [](Line& parent) {
    Offer offer = receiveBlock(parent);
    Block block = heap().open(offer.region, offer.descriptor, offer.generation);
    parent.send(1);
    parent.receive();
  });
  Block block = heap().allocateShared(5000);
  auto region = block->region;
  child.line->sendBlock(block);
  child.line->receive();
  block.reset();
  child.kill();
  heap().trim();
  EXPECT_EQ(heap().use().blocks, 1u);
  region->clearMember(129);
  EXPECT_TRUE(region->hasHolders());
  region->clearMember(130);
  EXPECT_FALSE(region->hasHolders());
  heap().trim();
  EXPECT_EQ(heap().use().blocks, 0u);
}

TEST_F(SharedMemory, AKilledOwnersRegionLives) {
  Child child(5, [](Line& parent) {
    Block block = heap().allocateShared(100);
    std::memset(block->data(), 9, 100);
    parent.sendBlock(block);
    parent.receive();
  });
  Offer offer = receiveBlock(*child.line);
  Block block = heap().open(offer.region, offer.descriptor, offer.generation);
  child.kill();
  offer.region->clearMember(5);
  EXPECT_TRUE(offer.region->hasHolders());
  EXPECT_EQ(block->data()[99], std::byte(9));
  Block again = heap().open(offer.region, offer.descriptor, offer.generation);
  block.reset();
  again.reset();
  EXPECT_FALSE(offer.region->hasHolders());
  EXPECT_EQ(heap().use().blocks, 0u);
}

TEST_F(SharedMemory, AHostileTableIsBoundsChecked) {
  Child child(1, [](Line& parent) {
    Block block = heap().allocateShared(100);
    Descriptor& descriptor = descriptorOf(block);
    uint64_t offset = block->offset, size = block->region->size();
    parent.sendBlock(block);
    for (auto [at, bytes] : std::vector<std::pair<uint64_t, uint64_t>>{{0, 100},
                                                                       {64, 100},
                                                                       {size, 1},
                                                                       {offset, size},
                                                                       {offset, ~uint64_t{0}},
                                                                       {~uint64_t{63}, 128},
                                                                       {offset + 1, 8},
                                                                       {offset, 100}}) {
      descriptor.offset = at;
      descriptor.bytes = bytes;
      parent.send(1);
      parent.receive();
    }
    reinterpret_cast<RegionHeader*>(block->region->data())->usedDescriptors = ~0u;
    parent.send(1);
    parent.receive();
    for (auto& word : descriptor.holders) word = 0;  // a peer lies: nobody holds it
    Block other = heap().allocateShared(100);
    REQUIRE(other->data() != block->data());
    descriptor.generation = 77;
    block.reset();
    REQUIRE(heap().use().blocks == 1);
  });
  Offer offer = receiveBlock(*child.line);
  for (int i = 0; i < 7; ++i) {
    child.line->receive();
    EXPECT_EQ(codeOf([&] { heap().open(offer.region, offer.descriptor, offer.generation); }), Code::InvalidArgument)
        << i;
    child.line->send(0);
  }
  child.line->receive();
  heap().open(offer.region, offer.descriptor, offer.generation);
  child.line->send(0);
  child.line->receive();
  EXPECT_TRUE(offer.region->hasHolders());
  offer.region->clearMember(9);
  child.line->send(0);
  child.expectEnd();
}

}  // namespace
}  // namespace switchyard::test
