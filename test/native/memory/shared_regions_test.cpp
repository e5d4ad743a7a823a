// Regions: their bounds and seals, what is refused in their place, and the table that finds them by address.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <set>
#include <span>
#include <thread>

#include "shared_memory_fixture.h"

namespace switchyard::test {
namespace {

using namespace std::chrono_literals;

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

// Whoever waits hears that it won't come, and does not sit out its time.
TEST_F(SharedMemory, WaitingEndsWithARefusalOrADrop) {
  const auto waitWhile = [&](uint64_t id, auto happens) {
    std::thread later([&] {
      std::this_thread::sleep_for(30ms);
      happens();
    });
    const auto start = std::chrono::steady_clock::now();
    const auto found = table().wait(id, 20s);
    later.join();
    EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
    return found;
  };
  auto region = Region::create(4096);
  EXPECT_EQ(waitWhile(region->id, [&] { table().refuse(region->id); }), nullptr);
  table().add(region);
  EXPECT_EQ(table().wait(region->id, 0ms), region);
  table().drop(region->id);
  auto brief = Region::create(4096);
  waitWhile(brief->id, [&] {  // it has come or gone, whichever is seen
    table().add(brief);
    table().drop(brief->id);
  });
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

}  // namespace
}  // namespace switchyard::test
