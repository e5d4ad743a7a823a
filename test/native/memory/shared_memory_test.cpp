// Shared memory: regions, the heap over them, and what several processes (forked here) do to one block.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <functional>
#include <random>
#include <set>
#include <span>
#include <thread>

#include "error.h"
#include "memory/shared_memory.h"

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

using namespace std::chrono_literals;
using Block = std::shared_ptr<SharedBlock>;

SharedHeap& heap() { return SharedHeap::shared(); }
RegionTable& table() { return RegionTable::shared(); }

size_t openFiles() {
  auto files = std::filesystem::directory_iterator("/proc/self/fd");
  return size_t(std::distance(begin(files), end(files)));
}

Code codeOf(const std::function<void()>& call, std::string* text = nullptr) {
  try {
    call();
  } catch (const Error& error) {
    if (text) *text = error.what();
    return error.code;
  }
  ADD_FAILURE() << "nothing was thrown";
  return Code::Internal;
}

// As a peer could write it, past the owner.
Descriptor& descriptorOf(const Block& block) {
  return reinterpret_cast<Descriptor*>(block->region->data() + 4096)[block->descriptor];
}

// A pair of sockets' end: numbers, and files beside them.
class Line {
 public:
  explicit Line(int fd) : fd_(fd) {}
  ~Line() { close(fd_); }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;
  void send(uint64_t number, int file = -1) {
    iovec part{&number, sizeof number};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (file >= 0) {
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      *header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
      std::memcpy(CMSG_DATA(header), &file, sizeof file);
    }
    if (sendmsg(fd_, &message, MSG_NOSIGNAL) != sizeof number) lost();
  }
  uint64_t receive(int* file = nullptr) {
    uint64_t number = 0;
    iovec part{&number, sizeof number};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    if (recvmsg(fd_, &message, MSG_CMSG_CLOEXEC) != sizeof number) lost();
    if (file) std::memcpy(file, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof *file);
    return number;
  }
  void sendBlock(const Block& block) {
    send(block->descriptor, block->region->fd());
    send(block->generation);
  }

 private:
  [[noreturn]] void lost() {
    if (getpid() != parent_) _exit(90);
    throw std::runtime_error("the other process is gone");
  }
  const int fd_;
  static inline const pid_t parent_ = getpid();
};

void require(bool fine, int line) {
  if (fine) return;
  std::fprintf(stderr, "shared_memory_test.cpp:%d: failed in the child\n", line);
  _exit(91);
}
#define REQUIRE(condition) require(condition, __LINE__)

// A forked process that is member `slot`. It must begin before this process has a region: it would take it for its own.
class Child {
 public:
  Child(uint32_t slot, const std::function<void(Line&)>& run) {
    EXPECT_EQ(heap().use().regionBytes, 0u);
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) throw std::runtime_error("no socketpair");
    pid_ = fork();
    if (!pid_) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      close(ends[0]);
      Line parent(ends[1]);
      heap().onCreated = heap().onDropped = nullptr;
      heap().setMember(slot);
      try {
        run(parent);
      } catch (const std::exception& error) {
        std::fprintf(stderr, "the child threw: %s\n", error.what());
        _exit(92);
      }
      _exit(0);
    }
    close(ends[1]);
    line = std::make_unique<Line>(ends[0]);
  }
  ~Child() {
    if (pid_ > 0) kill();
  }
  void kill() {
    ::kill(pid_, SIGKILL);
    waitpid(std::exchange(pid_, 0), nullptr, 0);
  }
  void expectEnd() {
    int status = 0;
    waitpid(std::exchange(pid_, 0), &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
  }
  std::unique_ptr<Line> line;

 private:
  pid_t pid_ = 0;
};

struct Offer {
  std::shared_ptr<Region> region;
  uint32_t descriptor;
  uint64_t generation;
};
Offer receiveBlock(Line& line) {
  int fd = -1;
  auto descriptor = uint32_t(line.receive(&fd));
  return {Region::adopt(fd), descriptor, line.receive()};
}

class SharedMemory : public ::testing::Test {
 protected:
  void SetUp() override {
    heap().trim();
    heap().setMember(0);
    before_ = heap().use();
    files_ = openFiles();
    regions_ = table().all().size();
  }
  void TearDown() override {
    heap().trim();
    EXPECT_EQ(heap().use().blocks, before_.blocks);
    EXPECT_EQ(heap().use().usedBytes, before_.usedBytes);
    EXPECT_EQ(heap().use().regionBytes, before_.regionBytes);
    EXPECT_EQ(openFiles(), files_);
    EXPECT_EQ(table().all().size(), regions_);
  }

 private:
  SharedHeap::Use before_{};
  size_t files_ = 0, regions_ = 0;
};

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

TEST_F(SharedMemory, AtKeepsToTheBlocks) {
  auto region = Region::create(1 << 20);
  uint64_t first = region->firstBlock(), size = region->size();
  EXPECT_GE(size - first, 1u << 20);
  EXPECT_GE(region->id, 1u);
  EXPECT_LE(region->id, Region::kMaxId);
  EXPECT_EQ(region->at(first, size - first), region->data() + first);
  EXPECT_EQ(region->at(size, 0), region->data() + size);
  std::string text;
  for (auto [offset, bytes] : std::vector<std::pair<uint64_t, uint64_t>>{{0, 1},
                                                                         {first - 1, 1},
                                                                         {first - 1, 0},
                                                                         {size, 1},
                                                                         {size + 1, 0},
                                                                         {first, size - first + 1},
                                                                         {first, ~uint64_t{0}},
                                                                         {first, ~uint64_t{0} - first + 1},
                                                                         {~uint64_t{0}, 1},
                                                                         {~uint64_t{0}, ~uint64_t{0}},
                                                                         {uint64_t{1} << 63, uint64_t{1} << 63}})
    EXPECT_EQ(codeOf([&, offset = offset, bytes = bytes] { region->at(offset, bytes); }, &text), Code::InvalidArgument)
        << offset << " " << bytes;
  EXPECT_NE(ftruncate(region->fd(), 4096), 0);
  EXPECT_NE(ftruncate(region->fd(), off_t(size * 2)), 0);
  EXPECT_NE(fcntl(region->fd(), F_ADD_SEALS, F_SEAL_WRITE), 0);
}

TEST_F(SharedMemory, AdoptRefusesAnythingElse) {
  auto region = Region::create(1 << 16);
  auto refused = [](int fd) {
    std::string text;
    EXPECT_EQ(codeOf([&] { Region::adopt(fd); }, &text), Code::InvalidArgument);
    EXPECT_EQ(text.find('/'), std::string::npos) << text;
    EXPECT_EQ(fcntl(fd, F_GETFD), -1) << "the descriptor is still open: " << text;
  };
  auto memfd = [](uint64_t bytes, int seals, std::span<const std::byte> contents = {}) {
    int fd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    EXPECT_EQ(ftruncate(fd, off_t(bytes)), 0);
    EXPECT_EQ(pwrite(fd, contents.data(), contents.size(), 0), ssize_t(contents.size()));
    EXPECT_EQ(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
  };
  constexpr int kAll = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  std::span<const std::byte> contents(region->data(), region->firstBlock());
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  refused(ends[0]);
  refused(ends[1]);
  refused(-1);
  refused(open("/dev/null", O_RDWR));
  refused(memfd(0, kAll));
  refused(memfd(100, kAll));
  refused(memfd(1 << 20, kAll));
  std::vector<std::byte> garbage(5000, std::byte(0xa5));
  refused(memfd(1 << 20, kAll, garbage));
  refused(memfd(region->size(), F_SEAL_SHRINK | F_SEAL_GROW, contents));
  refused(memfd(region->size(), F_SEAL_SHRINK | F_SEAL_SEAL, contents));
  refused(memfd(region->size() + 4096, kAll, contents));
  refused(memfd(region->size(), kAll | F_SEAL_WRITE, contents));
  refused(open(("/proc/self/fd/" + std::to_string(region->fd())).c_str(), O_RDONLY | O_CLOEXEC));
  auto changed = [&](auto change) {
    std::vector<std::byte> copy(contents.begin(), contents.end());
    change(*reinterpret_cast<RegionHeader*>(copy.data()));
    refused(memfd(region->size(), kAll, copy));
  };
  changed([](RegionHeader& h) { ++h.magic; });
  changed([](RegionHeader& h) { ++h.version; });
  changed([](RegionHeader& h) { h.id = 0; });
  changed([](RegionHeader& h) { h.id = uint64_t{1} << 53; });
  changed([](RegionHeader& h) { h.descriptors = 0; });
  changed([](RegionHeader& h) { h.descriptors = ~0u; });
  changed([](RegionHeader& h) { h.descriptors = 16384; });  // a table of 1 MB: longer than all of it
  auto fine = Region::adopt(memfd(region->size(), kAll, contents));
  EXPECT_EQ(fine->id, region->id);
  EXPECT_EQ(fcntl(fine->fd(), F_GETFD), FD_CLOEXEC);
}

TEST_F(SharedMemory, TheTableFindsAddresses) {
  std::vector<std::shared_ptr<Region>> regions;
  for (int i = 0; i < 9; ++i) {
    regions.push_back(Region::create(size_t(i + 1) << 16));
    table().add(regions.back());
  }
  auto expect = [&](const std::byte* address, const std::shared_ptr<Region>& region) {
    auto place = table().locate(address);
    EXPECT_EQ(place.region, region);
    EXPECT_EQ(place.offset, region ? uint64_t(address - region->data()) : 0);
  };
  for (size_t i = 0; i < regions.size(); ++i) {
    const auto& region = regions[i];
    expect(region->data(), region);
    expect(region->data() + 12345, region);
    expect(region->data() + region->size() - 1, region);
    for (const std::byte* outside : {region->data() - 1, region->data() + region->size()}) {
      std::shared_ptr<Region> other;
      for (const auto& next : regions)
        if (outside >= next->data() && outside < next->data() + next->size()) other = next;
      expect(outside, other);
    }
    EXPECT_EQ(table().find(region->id), region);
  }
  int local = 0;
  expect(reinterpret_cast<std::byte*>(&local), nullptr);
  expect(nullptr, nullptr);
  for (size_t i : {4, 0, 8, 2, 6, 1, 3, 5, 7}) {
    table().drop(regions[i]->id);
    expect(regions[i]->data(), nullptr);
    EXPECT_EQ(table().find(regions[i]->id), nullptr);
    for (const auto& left : table().all()) expect(left->data() + 5, left);
  }
  table().drop(12345);
}

TEST_F(SharedMemory, WaitingForARegion) {
  auto region = Region::create(4096);
  EXPECT_EQ(table().wait(region->id, 10ms), nullptr);
  std::thread later([&] {
    std::this_thread::sleep_for(30ms);
    table().add(region);
  });
  EXPECT_EQ(table().wait(region->id, 10s), region);
  later.join();
  EXPECT_EQ(table().wait(region->id, 0ms), region);
  table().drop(region->id);
}

TEST_F(SharedMemory, TheTableWhileItChanges) {
  auto fixed = Region::create(1 << 16);
  table().add(fixed);
  std::atomic<bool> done{false};
  std::thread changing([&] {
    for (int i = 0; i < 1000; ++i) {
      auto region = Region::create(1 << 16);
      table().add(region);
      table().drop(region->id);
    }
    done = true;
  });
  while (!done) ASSERT_EQ(table().locate(fixed->data() + 100).region, fixed);
  changing.join();
  table().drop(fixed->id);
}

// Two processes.

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
