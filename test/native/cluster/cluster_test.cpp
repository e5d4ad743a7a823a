// What processes of a cluster say to each other: channels, joined jobs, bodies, and the executor on real contexts.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <cstring>
#include <map>
#include <thread>

#include "cluster/body.h"
#include "cluster/executor.h"
#include "cluster/join.h"
#include "fault_device.h"
#include "harness.h"

namespace switchyard::test {
namespace {

using namespace cluster;

bool readable(int fd, int ms) {
  pollfd polled{fd, POLLIN, 0};
  return ::poll(&polled, 1, ms) > 0;
}

// Reads until `enough()`, the other side has gone (false), or 20 s are over.
template <class Enough>
bool readUntil(Channel& channel, const std::function<void(std::span<const double>)>& onMessage, Enough&& enough) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!enough() && std::chrono::steady_clock::now() < end)
    if (readable(channel.fd(), 10) && !channel.read(onMessage)) return false;
  return true;
}

std::vector<double> numbered(double type, size_t length, double first) {
  std::vector<double> message(length);
  message[kLength] = static_cast<double>(length), message[kType] = type;
  for (size_t i = kFirst; i < length; ++i) message[i] = first + static_cast<double>(i);
  return message;
}

// ---- channels

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
        for (size_t i = kFirst; i < message.size(); ++i) ASSERT_EQ(message[i], static_cast<double>(seen + i));
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
    from.post(std::vector<double>{3, static_cast<double>(Type::Region), static_cast<double>(regions.back()->id)},
              regions.back());
    from.post(numbered(100, 5, i));
  }
  while (!from.flush()) std::this_thread::yield();
  int told = 0, plain = 0;
  readUntil(
      to,
      [&](std::span<const double> message) {
        if (message[kType] == static_cast<double>(Type::Region)) {
          auto region = RegionTable::shared().find(static_cast<uint64_t>(message[kFirst]));
          ASSERT_TRUE(region);
          EXPECT_NE(region.get(), regions[static_cast<size_t>(told)].get());  // mapped anew, from the descriptor
          EXPECT_EQ(static_cast<int>(region->data()[region->firstBlock()]), told);
          ++told;
        } else {
          EXPECT_EQ(message[kFirst], plain + 2);
          ++plain;
        }
      },
      [&] { return plain == 40; });
  EXPECT_EQ(told, 40);
  EXPECT_EQ(plain, 40);
  from.post(std::vector<double>{3, static_cast<double>(Type::Drop), static_cast<double>(regions[0]->id)});
  from.flush();
  bool dropped = false;
  readUntil(
      to, [&](std::span<const double>) { dropped = true; }, [&] { return dropped; });
  EXPECT_FALSE(RegionTable::shared().find(regions[0]->id));
  for (const auto& region : regions) RegionTable::shared().drop(region->id);
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
                                          {3, static_cast<double>(Type::Region), 77}};
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
  double message[] = {3, static_cast<double>(Type::Region), 5};
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
  for (double type : {kNaN, kInf, -kInf, -1.0, 0.0, 1e300}) EXPECT_EQ(typeOf(type), Type{}) << type;
  for (double number : {kNaN, -1.0, 1e300, kInf}) EXPECT_EQ(wholeOf(number), 0u) << number;
  EXPECT_EQ(typeOf(3), Type::Drop);
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
  from.post(std::vector<double>{3, static_cast<double>(Type::Region), static_cast<double>(region->id) + 1}, region);
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

// ---- joined jobs

struct JoinCase {
  const char* workload;
  std::function<std::vector<HostTensor>(Random&, int rows)> inputs;
  std::vector<Param> params;
  double slack = 1e-5;
};

std::vector<JoinCase> joinCases() {
  auto one = [](DType type, uint64_t columns) {
    return [=](Random& random, int rows) {
      return std::vector{random.uniform(type, {static_cast<uint64_t>(rows), columns})};
    };
  };
  auto two = [](Random& random, int rows) {
    Shape shape{static_cast<uint64_t>(rows), 7};
    return std::vector{random.uniform(kF32, shape), random.uniform(kF32, shape, 1, 2)};
  };
  return {
      {"add", two, {}},
      {"divide", two, {}},
      {"scale", one(kF32, 13), {{"factor", 2.5}, {"offset", -1}}},
      {"scale", one(kF16, 13), {{"factor", 2.5}}},
      {"activation", one(kF32, 5), {{"kind", "gelu"}}},
      {"reduce", one(kF32, 33), {{"kind", "norm"}}},
      {"normalize", one(kF32, 64), {}},
      {"softmax", one(kF32, 31), {{"temperature", 0.5}}},
      {"layer-norm", one(kF32, 16), {}},
      {"top-k", one(kF32, 50), {{"k", 5}}},
      {"quantize", one(kF32, 9), {{"bits", 4}}},
      {"evidence-timeline", one(kF32, 4), {}},
      {"matmul",
       [](Random& random, int) {
         return std::vector{random.uniform(kF32, {5, 6}), random.uniform(kF32, {6, 3})};
       },
       {}},
      {"attention",
       [](Random& random, int rows) {
         const auto h = static_cast<uint64_t>(rows);
         return std::vector{random.uniform(kF32, {h, 4, 8}), random.uniform(kF32, {h, 6, 8}),
                            random.uniform(kF32, {h, 6, 3})};
       },
       {{"returnWeights", 1}}},
  };
}

void giveOutputs(Job& job, std::vector<std::vector<std::byte>>& memory) {
  for (const TensorSpec& spec : job.outputSpecs) {
    memory.emplace_back(spec.bytes());
    job.into.push_back({memory.back().data(), memory.back().size()});
  }
}

class JoinedOn : public ::testing::TestWithParam<TestDevice> {};
INSTANTIATE_TEST_SUITE_P(Devices, JoinedOn, ::testing::ValuesIn(plainDevices()), [](const auto& info) {
  std::string name;
  for (char c : info.param.name)
    if (std::isalnum(static_cast<unsigned char>(c))) name += c;
  return name;
});

TEST_P(JoinedOn, GiveWhatEachGivesByItself) {
  Context& context = contextOf(GetParam());
  for (const JoinCase& one : joinCases()) {
    SCOPED_TRACE(one.workload);
    Random random(7);
    std::vector<std::shared_ptr<Job>> parts, alone;
    std::vector<std::vector<std::vector<std::byte>>> memory(6);
    std::array<uint64_t, kMaxTensors> own{};
    uint64_t key = 0;
    for (int i = 0; i < 6; ++i) {
      auto inputs = one.inputs(random, 1 + i % 4);
      parts.push_back(makeJob(one.workload, inputs, one.params));
      alone.push_back(makeJob(one.workload, inputs, one.params));
      parts.back()->prepare();
      giveOutputs(*parts.back(), memory[static_cast<size_t>(i)]);
      const uint64_t each = joinKey(*parts.back(), own);
      EXPECT_NE(each, 0u);
      if (i == 0) key = each;
      EXPECT_EQ(each, key);
    }
    std::shared_ptr<JoinedJobs> joined = JoinedJobs::make(parts);
    ASSERT_TRUE(joined);
    std::atomic<bool> ended{false};
    joined->job.done = [&](Job& ran) {
      EXPECT_FALSE(ran.error);
      if (!ran.error) joined->finish();
      ended = true;
    };
    context.submit(std::shared_ptr<Job>(joined, &joined->job));
    for (int i = 0; i < 60000 && !ended; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ASSERT_TRUE(ended);
    for (size_t i = 0; i < parts.size(); ++i) {
      ASSERT_TRUE(runJob(context, alone[i]).ok());
      std::vector<HostTensor> expected = outputsOf(*alone[i]);
      for (size_t o = 0; o < expected.size(); ++o) {
        HostTensor got(expected[o].spec.dtype, expected[o].spec.shape);
        ASSERT_EQ(memory[i][o].size(), got.bytes.size());
        got.bytes = memory[i][o];
        for (size_t e = 0; e < got.size(); ++e)
          ASSERT_NEAR(got.at(e), expected[o].at(e), one.slack * (1 + std::fabs(expected[o].at(e))))
              << "job " << i << ", output " << o << ", element " << e;
      }
    }
  }
}

TEST(ClusterJoin, LeavesApartWhatIsNotAlike) {
  Random random(3);
  auto prepared = [&](const char* workload, std::vector<HostTensor> inputs, std::vector<Param> params = {}) {
    auto job = makeJob(workload, std::move(inputs), params);
    job->prepare();
    return job;
  };
  auto key = [](const std::shared_ptr<Job>& job, std::array<uint64_t, kMaxTensors> identities = {}) {
    return joinKey(*job, identities);
  };
  auto rows = [&](uint64_t n, uint64_t d, DType type = kF32) { return random.uniform(type, {n, d}); };
  auto base = prepared("softmax", {rows(2, 8)});
  const std::shared_ptr<Job> others[] = {prepared("softmax", {rows(2, 9)}),
                                         prepared("softmax", {rows(2, 8)}, {{"temperature", 2}}),
                                         prepared("softmax", {rows(2, 8, kF16)}), prepared("normalize", {rows(2, 8)})};
  for (const auto& other : others) {
    EXPECT_NE(key(other), key(base));
    EXPECT_FALSE(JoinedJobs::make(std::vector{base, other}));
  }
  // A row against a tensor is not many rows; PageRank and PCA have no rows to put below each other.
  EXPECT_EQ(key(prepared("add", {rows(4, 8), random.uniform(kF32, {8})})), 0u);
  EXPECT_EQ(key(prepared("pca-fit", {rows(20, 4)}, {{"components", 2}})), 0u);
  // No keys to attend to, or nobody who asks: there is nothing to put behind each other.
  auto attention = [&](uint64_t s, uint64_t t, uint64_t e) {
    return prepared("attention", {random.uniform(kF32, {2, s, 4}), random.uniform(kF32, {2, t, 4}),
                                  random.uniform(kF32, {2, t, e})});
  };
  const std::array<uint64_t, 3> empties[] = {{3, 0, 5}, {0, 3, 5}, {3, 3, 0}};
  for (const auto& [s, t, e] : empties) {
    auto one = attention(s, t, e), two = attention(s, t, e);
    EXPECT_EQ(key(one), 0u);
    EXPECT_FALSE(JoinedJobs::make(std::vector{one, two}));
  }
  // A search is joined with another on the same memory only.
  auto search = [&] { return prepared("similarity-search", {rows(1, 8), rows(30, 8)}, {{"k", 3}}); };
  auto a = search(), b = search();
  EXPECT_EQ(key(a), 0u);
  EXPECT_NE(key(a, {0, 5}), 0u);
  EXPECT_EQ(key(a, {0, 5}), key(b, {0, 5}));
  EXPECT_NE(key(a, {0, 5}), key(b, {0, 6}));
  EXPECT_FALSE(JoinedJobs::make(std::vector{a, b}));
  b->inputs[1].host = a->inputs[1].host;
  EXPECT_TRUE(JoinedJobs::make(std::vector{a, b}));
  EXPECT_FALSE(JoinedJobs::make(std::vector{a}));
}

// ---- bodies and the executor

struct Shared {
  std::shared_ptr<SharedBlock> block;
  double region() const { return static_cast<double>(block->region->id); }
  double offset() const { return static_cast<double>(block->offset); }
  float* floats() const { return reinterpret_cast<float*>(block->data()); }
};
Shared share(size_t floats) { return {SharedHeap::shared().allocate(floats * sizeof(float))}; }

double workloadNumber(const char* name) {
  auto table = allWorkloads();
  for (size_t i = 0; i < table.size(); ++i)
    if (table[i]->info.name == std::string_view(name)) return static_cast<double>(i);
  return -1;
}

// scale: [rows, 4] -> output
std::vector<double> scaleBody(const Shared& input, const Shared& output, double rows, double factor,
                              double sealed = 0) {
  std::vector<double> body{kWorkloadBody, workloadNumber("scale"), factor};
  body.resize(2 + kMaxParams, kNaN);
  for (double number : {1.0, 1.0, 0.0, 2.0, rows, 4.0, input.region(), input.offset(), sealed, 1.0, output.region(),
                        output.offset(), rows * 16})
    body.push_back(number);
  return body;
}

TEST(ClusterBody, RefusesWhatMakesNoSense) {
  Shared in = share(8), out = share(8);
  const std::vector<double> good = scaleBody(in, out, 2, 3);
  {
    Job job;
    BodyMemory memory;
    decodeBody(good, job, memory);
    EXPECT_EQ(job.inputs[0].host, in.block->data());
    EXPECT_EQ(job.into[0].data, out.block->data());
  }
  for (size_t cut = 0; cut < good.size(); ++cut) {
    Job job;
    BodyMemory memory;
    EXPECT_THROW(decodeBody(std::span(good).first(cut), job, memory), Error) << cut;
  }
  for (size_t at = 0; at < good.size(); ++at)
    for (double value : {-1.0, 0.5, 1e18, kNaN, kInf, 4294967296.0}) {
      std::vector<double> bad = good;
      bad[at] = value;
      Job job;
      BodyMemory memory;
      try {
        decodeBody(bad, job, memory);
        // Whatever was accepted must lie inside of the regions.
        for (const TensorArg& input : job.inputs)
          if (input.host && input.spec.bytes()) {
            auto place = RegionTable::shared().locate(input.host + input.spec.bytes() - 1);
            EXPECT_TRUE(place.region) << at << ": " << value;
          }
      } catch (const Error&) {}
    }
}

TEST(ClusterBody, RefusesGraphsThatReachPastTheirValues) {
  Shared in = share(8), out = share(8);
  // One node: value 1 = scale(value 0).
  auto body = [&](double inputs, double values, double given, double label) {
    std::vector<double> numbers{kGraphBody, inputs, values, 1, 1, 1, workloadNumber("scale")};
    for (double first : {0.0, 1.0}) {
      numbers.push_back(first);
      numbers.resize(numbers.size() + kMaxTensors - 1, -1);
    }
    numbers.push_back(3);
    numbers.resize(numbers.size() + kMaxParams - 1, kNaN);
    numbers.push_back(label);
    numbers.push_back(given);
    for (int i = 0; i < given; ++i)
      for (double number : {1.0, 0.0, 2.0, 2.0, 4.0, in.region(), in.offset(), 0.0}) numbers.push_back(number);
    for (double number : {1.0, out.region(), out.offset(), 32.0}) numbers.push_back(number);
    return numbers;
  };
  auto decode = [](const std::vector<double>& numbers) {
    Job job;
    BodyMemory memory;
    decodeBody(numbers, job, memory);
  };
  EXPECT_NO_THROW(decode(body(1, 2, 1, -1)));
  EXPECT_THROW(decode(body(1, 2, 3, -1)), Error);    // more inputs than the graph has
  EXPECT_THROW(decode(body(50, 2, 50, -1)), Error);  // more inputs than values
  for (double label : {kNaN, 1e300, -7.0}) EXPECT_THROW(decode(body(1, 2, 1, label)), Error);
  std::vector<double> mute = body(1, 2, 1, -1);
  mute[4] = 0;  // no outputs
  mute.erase(mute.begin() + 5);
  mute.resize(mute.size() - 3), mute.back() = 0;
  EXPECT_THROW(decode(mute), Error);
}

class Coordinator {  // the other end of an executor
 public:
  explicit Coordinator(std::vector<std::shared_ptr<Context>> contexts) {
    auto [a, b] = Channel::makePair();
    channel_ = std::make_unique<Channel>(a);
    executor = std::make_unique<Executor>(b, page_.data(), nullptr, [this](const std::atomic<bool>&) { gone = true; });
    for (size_t i = 0; i < contexts.size(); ++i) executor->add(static_cast<uint32_t>(i), contexts[i]);
  }
  void assign(uint32_t context, const std::vector<std::pair<double, std::vector<double>>>& jobs) {
    std::vector<double> message{0, static_cast<double>(Type::Assign), static_cast<double>(context), 0,
                                static_cast<double>(jobs.size())};
    for (const auto& [number, body] : jobs) {
      message.push_back(number);
      message.push_back(static_cast<double>(body.size()));
      message.insert(message.end(), body.begin(), body.end());
    }
    message[kLength] = static_cast<double>(message.size());
    send(message);
  }
  void send(const std::vector<double>& message) {
    channel_->post(message);
    while (!channel_->flush()) std::this_thread::yield();
  }
  // Until so many have been reported.
  void await(size_t count) {
    readUntil(
        *channel_,
        [this](std::span<const double> message) {
          if (message[kType] == static_cast<double>(Type::Done))
            done.emplace(static_cast<int>(message[kDoneNumber]), std::vector<double>(message.begin(), message.end()));
        },
        [&] { return done.size() >= count; });
    EXPECT_EQ(done.size(), count);
  }
  int code(int number) const {
    auto found = done.find(number);
    return found == done.end() ? -1 : static_cast<int>(found->second[kDoneCode]);
  }
  void hangUp() { channel_.reset(); }
  double page(size_t at) const { return load(page_.data(), at); }

 private:
  std::vector<double> page_ = std::vector<double>(kPageNumbers);  // before the executor, which writes to it
  std::unique_ptr<Channel> channel_;

 public:
  std::atomic<bool> gone{false};
  std::unique_ptr<Executor> executor;
  std::multimap<int, std::vector<double>> done;
};

constexpr int failed(Code code) { return 1 + static_cast<int>(code); }

class ExecutorOn : public ::testing::TestWithParam<TestDevice> {};
INSTANTIATE_TEST_SUITE_P(Devices, ExecutorOn, ::testing::ValuesIn(plainDevices()), [](const auto& info) {
  std::string name;
  for (char c : info.param.name)
    if (std::isalnum(static_cast<unsigned char>(c))) name += c;
  return name;
});

TEST_P(ExecutorOn, RunsJobsAloneAndJoinedAndReportsEachOnce) {
  auto context = Context::create(deviceOf(GetParam()));
  {
    Coordinator coordinator({context});
    std::vector<Shared> ins, outs;
    std::vector<std::pair<double, std::vector<double>>> batch;
    for (int i = 0; i < 60; ++i) {
      const double rows = 1 + i % 3;
      ins.push_back(share(12)), outs.push_back(share(12));
      for (int e = 0; e < 12; ++e) ins.back().floats()[e] = static_cast<float>(i + e), outs.back().floats()[e] = -77;
      // the last twenty fit with nobody
      batch.emplace_back(i + 1, scaleBody(ins.back(), outs.back(), rows, i < 40 ? 2 : i));
    }
    coordinator.assign(0, {batch.begin(), batch.begin() + 40});
    for (int i = 40; i < 60; ++i) coordinator.assign(0, {batch[static_cast<size_t>(i)]});
    coordinator.await(60);
    for (int i = 0; i < 60; ++i) {
      ASSERT_EQ(coordinator.done.count(i + 1), 1u);
      EXPECT_EQ(coordinator.code(i + 1), 0);
      EXPECT_EQ(coordinator.done.find(i + 1)->second[kDoneBatch], i < 40 ? 40 : 1);
      for (int e = 0; e < 12; ++e)
        EXPECT_EQ(outs[static_cast<size_t>(i)].floats()[e],
                  e < 4 * (1 + i % 3) ? static_cast<float>((i + e) * (i < 40 ? 2 : i)) : -77.0f);
    }
    EXPECT_EQ(coordinator.page(kContexts + kRemotePending), 0);
    EXPECT_EQ(coordinator.page(kContexts + kRemoteRun), 60);
    for (size_t i = 0; i < kStartedCount; ++i) EXPECT_EQ(coordinator.page(kContexts + kStarted + i), 0);
    EXPECT_FALSE(coordinator.gone);
    coordinator.hangUp();
    for (int i = 0; i < 1000 && !coordinator.gone; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    EXPECT_TRUE(coordinator.gone);
  }
  EXPECT_EQ(usedBytesAtRest(*context), 0u);
}

TEST_P(ExecutorOn, KeepsSealedInputsOnDevicesWithMemoryOfTheirOwn) {
  auto context = Context::create(deviceOf(GetParam()));
  {
    Coordinator coordinator({context});
    const bool keeps = context->device()->info.backend != Backend::Cpu;
    Shared in = share(40'000), out = share(40'000);
    for (int e = 0; e < 40'000; ++e) in.floats()[e] = static_cast<float>(e);
    for (int i = 1; i <= 4; ++i) {
      coordinator.assign(0, {{i, scaleBody(in, out, 10'000, 3, 9)}});
      coordinator.await(static_cast<size_t>(i));
      EXPECT_EQ(coordinator.code(i), 0);
      EXPECT_EQ(out.floats()[39'999], keeps || i == 1 ? 3.0f * 39'999 : 15.0f);
      in.floats()[39'999] = 5;  // which was promised not to happen: so it shows who looks again
    }
    EXPECT_EQ(context->memoryUse().usedBytes >= 160'000, keeps);
    coordinator.send({3, static_cast<double>(Type::Drop), in.region()});
    const auto known = [&] { return RegionTable::shared().find(in.block->region->id) != nullptr; };
    for (int i = 0; i < 1000 && (known() || context->memoryUse().usedBytes); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_FALSE(known());
    EXPECT_EQ(context->memoryUse().usedBytes, 0u);
    RegionTable::shared().add(in.block->region);
  }
}

TEST_P(ExecutorOn, TellsPiecesOfASealedTensorApart) {
  auto context = Context::create(deviceOf(GetParam()));
  Coordinator coordinator({context});
  Shared in = share(80'000), out = share(80'000);
  for (int e = 0; e < 80'000; ++e) in.floats()[e] = static_cast<float>(e);
  size_t jobs = 0;
  for (int rows : {5'000, 20'000, 5'000, 20'000, 10'000}) {  // all from its beginning
    std::memset(out.floats(), 0, 80'000 * sizeof(float));
    ++jobs;
    coordinator.assign(0, {{static_cast<double>(jobs), scaleBody(in, out, rows, 3, 9)}});
    coordinator.await(jobs);
    EXPECT_EQ(coordinator.code(static_cast<int>(jobs)), 0);
    for (int e = 0; e < 4 * rows; ++e) ASSERT_EQ(out.floats()[e], 3.0f * static_cast<float>(e)) << rows;
  }
}

TEST(ClusterExecutor, ReportsWhatItCannotRun) {
  auto context = Context::create(openDevice("cpu"));
  Coordinator coordinator({context});
  Shared in = share(8), out = share(8);
  std::vector<double> unknownRegion = scaleBody(in, out, 2, 3), wrongSize = unknownRegion;
  unknownRegion[2 + kMaxParams + 6] = 12345;
  wrongSize.back() = 4;
  coordinator.assign(0, {{1, unknownRegion}, {2, wrongSize}, {3, {}}, {4, scaleBody(in, out, 2, 3)}});
  coordinator.assign(5, {{5, scaleBody(in, out, 2, 3)}});
  coordinator.send({3, static_cast<double>(Type::Cancel), 999});
  coordinator.send({4, 77, 1, 2});
  coordinator.await(5);
  EXPECT_EQ(coordinator.code(1), failed(Code::Internal));
  EXPECT_EQ(coordinator.code(2), failed(Code::Internal));
  EXPECT_EQ(coordinator.code(3), failed(Code::Internal));
  EXPECT_EQ(coordinator.code(4), 0);
  EXPECT_EQ(coordinator.code(5), failed(Code::DeviceLost));
  coordinator.executor->remove(0);
  coordinator.assign(0, {{6, scaleBody(in, out, 2, 3)}});
  coordinator.await(6);
  EXPECT_EQ(coordinator.code(6), failed(Code::DeviceLost));
}

TEST(ClusterExecutor, CancelsWhatWaitsAndALaunchThatNobodyWants) {
  auto device = std::make_shared<FaultDevice>(openDevice("cpu"));
  std::atomic<bool> open{false}, reached{false};
  device->setHook([&](const FaultDevice::Event& event) {
    if (event.point != Point::Launch) return;
    reached = true;
    while (!open) std::this_thread::sleep_for(std::chrono::microseconds(50));
  });
  auto context = Context::create(device);
  {
    Coordinator coordinator({context});
    Shared in = share(200'000), out = share(200'000);
    coordinator.assign(0, {{1, scaleBody(in, out, 50'000, 3)}});  // too large to run on the executor's own thread
    for (int i = 0; i < 10000 && !reached; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ASSERT_TRUE(reached);
    auto cancel = [&](double number) { coordinator.send({3, static_cast<double>(Type::Cancel), number}); };
    std::vector<Shared> outs;
    for (int i = 0; i < 5; ++i) outs.push_back(share(100'000));
    coordinator.assign(0, {{2, scaleBody(in, outs[0], 20'000, 3)}, {3, scaleBody(in, outs[1], 20'000, 3)}});
    coordinator.assign(0, {{4, scaleBody(in, outs[2], 20'000, 3)}, {5, scaleBody(in, outs[3], 20'000, 3)}});
    coordinator.assign(0, {{6, scaleBody(in, outs[4], 20'000, 3)}});
    for (double number : {2, 3, 3, 4, 6}) cancel(number);
    coordinator.await(3);
    EXPECT_EQ(coordinator.code(2), failed(Code::Canceled));
    EXPECT_EQ(coordinator.code(3), failed(Code::Canceled));
    EXPECT_EQ(coordinator.code(6), failed(Code::Canceled));
    open = true;
    coordinator.await(6);
    EXPECT_EQ(coordinator.code(1), 0);
    EXPECT_EQ(coordinator.code(4), 0);  // its companion was wanted
    EXPECT_EQ(coordinator.code(5), 0);
  }
  device->setHook(nullptr);
}

TEST(ClusterExecutor, EndsQuietlyWhenTheEndIsMeant) {
  auto context = Context::create(openDevice("cpu"));
  Coordinator coordinator({context});
  coordinator.send({2, static_cast<double>(Type::Bye)});
  coordinator.hangUp();
  coordinator.executor->stop(false);
  EXPECT_FALSE(coordinator.gone);
}

}  // namespace
}  // namespace switchyard::test
