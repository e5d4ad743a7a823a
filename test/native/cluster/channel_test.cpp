// Channels between the processes of a cluster, and the listener that accepts them.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "channel_fixture.h"
#include "harness.h"

namespace switchyard::test {
namespace {

using namespace cluster;

std::vector<double> numbered(double type, size_t length, double first) {
  std::vector<double> message(length);
  message[kLength] = static_cast<double>(length), message[kType] = type;
  for (size_t i = kMessageNumbers; i < length; ++i) message[i] = first + static_cast<double>(i);
  return message;
}

TEST(ClusterChannel, KeepsMessagesWholeAndInOrderPastFullBuffers) {
  auto [a, b] = Channel::makePair();
  Channel from(a), to(b);
  Random random(1);
  std::vector<size_t> lengths{2, 3, 700'000, 2, 40'000};
  for (int i = 0; i < 3000; ++i) lengths.push_back(static_cast<size_t>(random.integer(2, 900)));
  std::thread sender([&] {
    for (size_t i = 0; i < lengths.size(); ++i) {
      from.post(numbered(100, lengths[i], static_cast<double>(i)));
      from.flush();
    }
    while (!from.flush()) std::this_thread::sleep_for(std::chrono::microseconds(100));
  });
  size_t seen = 0;
  readUntil(
      to,
      [&](std::span<const double> message) {
        ASSERT_LT(seen, lengths.size());
        ASSERT_EQ(message.size(), lengths[seen]);
        ASSERT_EQ(message[kType], 100);
        for (size_t i = kMessageNumbers; i < message.size(); ++i) ASSERT_EQ(message[i], static_cast<double>(seen + i));
        ++seen;
      },
      [&] { return seen == lengths.size(); });
  sender.join();
  EXPECT_EQ(seen, lengths.size());
}

TEST(ClusterChannel, BringsRegionsAheadOfTheMessagesAfterThem) {
  auto [a, b] = Channel::makePair();
  Channel from(a), to(b);
  std::vector<std::shared_ptr<Region>> regions;
  for (int i = 0; i < 40; ++i) {
    regions.push_back(Region::create(4096));
    std::memset(regions.back()->data() + regions.back()->firstBlock(), i, 16);
    from.post(std::vector<double>{3, kRegionType, static_cast<double>(regions.back()->id)}, regions.back());
    from.post(numbered(100, 5, i));
  }
  while (!from.flush()) std::this_thread::yield();
  int told = 0, plain = 0;
  readUntil(
      to,
      [&](std::span<const double> message) {
        if (message[kType] == kRegionType) {
          auto region = RegionTable::shared().find(static_cast<uint64_t>(message[kNumberedNumber]));
          ASSERT_TRUE(region);
          EXPECT_NE(region.get(), regions[static_cast<size_t>(told)].get());  // mapped anew, from the descriptor
          EXPECT_EQ(static_cast<int>(region->data()[region->firstBlock()]), told);
          ++told;
        } else {
          EXPECT_EQ(message[kNumberedNumber], plain + 2);
          ++plain;
        }
      },
      [&] { return plain == 40; });
  EXPECT_EQ(told, 40);
  EXPECT_EQ(plain, 40);
  from.post(std::vector<double>{3, kDropType, static_cast<double>(regions[0]->id)});
  from.flush();
  bool dropped = false;
  readUntil(
      to, [&](std::span<const double>) { dropped = true; }, [&] { return dropped; });
  EXPECT_FALSE(RegionTable::shared().find(regions[0]->id));
  for (const auto& region : regions) RegionTable::shared().drop(region->id);
}

// No number is free while one is there.
class NoDescriptors {
 public:
  NoDescriptors() {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    rlimit none = before_;
    none.rlim_cur = 0;
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit before_{};
};

Code codeOf(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.code;
  }
  return Code::Internal;
}

TEST(ClusterChannel, WhatItHasNoDescriptorForIsMissingAndNothingElse) {
  auto [a, b] = Channel::makePair();
  Channel from(a), to(b);
  const auto lost = Region::create(4096), known = Region::create(4096), later = Region::create(4096);
  const auto announce = [&](const std::shared_ptr<Region>& region) {
    from.post(std::vector<double>{3, kRegionType, static_cast<double>(region->id)}, region);
  };
  RegionTable::shared().add(known);
  announce(lost), announce(known);
  from.post(numbered(100, 4, 0));
  ASSERT_TRUE(from.flush());
  size_t seen = 0;
  const auto count = [&](std::span<const double>) { ++seen; };
  bool open = true;
  {
    const NoDescriptors none;
    while (open && seen < 3) open = to.read(count);
    EXPECT_EQ(codeOf([] { Channel::makePair(); }), Code::OutOfMemory);
    EXPECT_EQ(codeOf([] { Listener(); }), Code::OutOfMemory);
    EXPECT_EQ(codeOf([] { Channel::connect("switchyard-nobody"); }), Code::OutOfMemory);
    EXPECT_EQ(codeOf([] { Region::create(4096); }), Code::OutOfMemory);
  }
  ASSERT_TRUE(open);
  auto& table = RegionTable::shared();
  EXPECT_EQ(table.refused(), std::vector<uint64_t>{lost->id});
  EXPECT_FALSE(table.mayCome(lost->id));
  EXPECT_FALSE(table.wait(lost->id, std::chrono::seconds(20)));
  EXPECT_EQ(codeOf([&] { table.require(lost->id); }), Code::OutOfMemory);
  EXPECT_EQ(table.require(known->id), known);
  EXPECT_EQ(table.require(later->id), nullptr);

  announce(later), announce(lost);
  ASSERT_TRUE(from.flush());
  EXPECT_TRUE(readUntil(to, count, [&] { return seen == 5; }));
  EXPECT_TRUE(table.refused().empty());
  for (const auto& region : {lost, later}) EXPECT_TRUE(table.require(region->id));
  for (const auto& region : {lost, known, later}) table.drop(region->id);

  // What the other side could not take over itself, until it is dropped.
  from.post(std::vector<double>{3, kWithheldType, 78});
  ASSERT_TRUE(from.flush());
  EXPECT_TRUE(readUntil(to, count, [&] { return seen == 6; }));
  EXPECT_EQ(codeOf([&] { table.require(78); }), Code::OutOfMemory);
  from.post(std::vector<double>{3, kDropType, 78});
  ASSERT_TRUE(from.flush());
  EXPECT_TRUE(readUntil(to, count, [&] { return seen == 7; }));
  EXPECT_EQ(table.require(78), nullptr);
}

TEST(ClusterChannel, TurnsAwayWhatCannotBeAMessage) {
  const std::vector<double> nonsense[] = {{0, 1, 2},
                                          {-5, 1, 2},
                                          {1, 1, 1},
                                          {1e300, 4, 5},
                                          {kNaN, 1, 1},
                                          {kInf, 1, 1},
                                          {2.5, 9, 1},
                                          // a region without its descriptor
                                          {3, kRegionType, 77}};
  for (const auto& bytes : nonsense) {
    auto [a, b] = Channel::makePair();
    Channel from(a), to(b);
    from.post(bytes);
    from.flush();
    ASSERT_TRUE(readable(to.fd(), 1000));
    EXPECT_FALSE(to.read([](std::span<const double>) { FAIL() << "handed out"; })) << bytes[0];
  }
  // A descriptor that is no region of ours.
  auto [a, b] = Channel::makePair();
  Channel to(b);
  double message[] = {3, kRegionType, 5};
  iovec part{message, sizeof message};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr header{};
  header.msg_iov = &part, header.msg_iovlen = 1, header.msg_control = control, header.msg_controllen = sizeof control;
  cmsghdr* item = CMSG_FIRSTHDR(&header);
  item->cmsg_level = SOL_SOCKET, item->cmsg_type = SCM_RIGHTS, item->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(item), &a, sizeof a);
  ASSERT_GT(::sendmsg(a, &header, 0), 0);
  ASSERT_TRUE(readable(to.fd(), 1000));
  EXPECT_FALSE(to.read([](std::span<const double>) {}));
  ::close(a);
}

TEST(ClusterChannel, HasNoWordForATypeThatIsNone) {
  for (double type : {kNaN, kInf, -kInf, -1.0, 0.0, 1e300}) EXPECT_EQ(typeOf(type), 0) << type;
  for (double number : {kNaN, -1.0, 1e300, kInf}) EXPECT_EQ(wholeOf(number), 0u) << number;
  EXPECT_EQ(typeOf(3), kDropType);
  EXPECT_EQ(wholeOf(9007199254740991.0), 9007199254740991u);
  auto [a, b] = Channel::makePair();
  Channel from(a), to(b);
  from.post(std::vector<double>{3, kNaN, kNaN});
  from.flush();
  int seen = 0;
  ASSERT_TRUE(readable(to.fd(), 1000));
  EXPECT_TRUE(to.read([&](std::span<const double>) { ++seen; }));
  EXPECT_EQ(seen, 1);
  // Another region than the message says.
  auto region = Region::create(4096);
  from.post(std::vector<double>{3, kRegionType, static_cast<double>(region->id) + 1}, region);
  from.flush();
  ASSERT_TRUE(readable(to.fd(), 1000));
  EXPECT_FALSE(to.read([](std::span<const double>) {}));
  EXPECT_FALSE(RegionTable::shared().find(region->id));
}

TEST(ClusterChannel, SaysWhenTheOtherSideHasGone) {
  auto [a, b] = Channel::makePair();
  Channel to(b);
  {
    Channel from(a);
    from.post(numbered(100, 4, 0));
    from.flush();
  }
  int seen = 0;
  EXPECT_FALSE(readUntil(
      to, [&](std::span<const double>) { ++seen; }, [] { return false; }));
  EXPECT_EQ(seen, 1);                                                    // what was sent before the end still counts
  for (int i = 0; i < 3; ++i) to.post(numbered(100, 4, 0)), to.flush();  // no signal, no exception
  EXPECT_THROW(Channel::connect("switchyard-nobody-listens-here"), Error);
}

TEST(ClusterListener, AcceptsProcessesOfTheSameUser) {
  Listener listener;
  int pid = 0;
  EXPECT_EQ(listener.accept(&pid), -1);
  const int fd = Channel::connect(listener.name());
  ASSERT_TRUE(readable(listener.fd(), 1000));
  const int accepted = listener.accept(&pid);
  EXPECT_GE(accepted, 0);
  EXPECT_EQ(pid, ::getpid());
  ::close(fd), ::close(accepted);
}

TEST(ClusterListener, LetsNobodyWaitWhoseConnectionItCannotTake) {
  Listener listener;
  const int fd = Channel::connect(listener.name());
  ASSERT_TRUE(readable(listener.fd(), 1000));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  // the lowest that is free: with it as the limit there is no other
  const int highest = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  ASSERT_GE(highest, 0);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(highest) + 1;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  int pid = 0;
  EXPECT_EQ(listener.accept(&pid), -1);
  const bool waits = readable(listener.fd(), 0);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_FALSE(waits);
  ::close(highest), ::close(fd);
  const int again = Channel::connect(listener.name());
  ASSERT_TRUE(readable(listener.fd(), 1000));
  const int accepted = listener.accept(&pid);
  EXPECT_GE(accepted, 0);
  ::close(again), ::close(accepted);
}

}  // namespace
}  // namespace switchyard::test
