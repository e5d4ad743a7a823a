// Joined jobs: each part gets what it gets by itself, and what is not alike stays apart.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <thread>

#include "harness.h"
#include "join.h"

namespace switchyard::test {
namespace {

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

void giveOutputs(Job& job, std::vector<std::vector<std::byte>>& memory, bool withPlace) {
  for (const TensorSpec& spec : job.outputSpecs) {
    memory.emplace_back(spec.bytes());
    job.into.push_back({withPlace ? memory.back().data() : nullptr, memory.back().size()});
  }
}

class JoinedOn : public ::testing::TestWithParam<TestDevice> {};
INSTANTIATE_TEST_SUITE_P(Devices, JoinedOn, ::testing::ValuesIn(plainDevices()), deviceTestName);

TEST_P(JoinedOn, GiveWhatEachGivesByItself) {
  Context& context = contextOf(GetParam());
  for (const JoinCase& one : joinCases()) {
    SCOPED_TRACE(one.workload);
    Random random(7);
    std::vector<std::shared_ptr<Job>> parts, single;
    std::vector<std::vector<std::vector<std::byte>>> memory(6);
    std::array<uint64_t, kMaxTensors> own{};
    uint64_t key = 0;
    for (int i = 0; i < 6; ++i) {
      auto inputs = one.inputs(random, 1 + i % 4);
      parts.push_back(makeJob(one.workload, inputs, one.params));
      single.push_back(makeJob(one.workload, inputs, one.params));
      parts.back()->prepare();
      giveOutputs(*parts.back(), memory[static_cast<size_t>(i)], i % 2 == 0);
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
      ASSERT_TRUE(runJob(context, single[i]).ok());
      std::vector<HostTensor> expected = outputsOf(*single[i]);
      for (size_t o = 0; o < expected.size(); ++o) {
        HostTensor got(expected[o].spec.dtype, expected[o].spec.shape);
        ASSERT_EQ(memory[i][o].size(), got.bytes.size());
        got.bytes = memory[i][o];
        if (const auto& made = i % 2 ? parts[i]->outputs.at(o) : nullptr)
          got.bytes.assign(made->data, made->data + made->size);
        for (size_t e = 0; e < got.size(); ++e)
          ASSERT_NEAR(got.at(e), expected[o].at(e), one.slack * (1 + std::fabs(expected[o].at(e))))
              << "job " << i << ", output " << o << ", element " << e;
      }
    }
  }
}

TEST(Join, LeavesApartWhatIsNotAlike) {
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
  // A row against a tensor is not many rows; PageRank and PCA have no rows to concatenate.
  EXPECT_EQ(key(prepared("add", {rows(4, 8), random.uniform(kF32, {8})})), 0u);
  EXPECT_EQ(key(prepared("pca-fit", {rows(20, 4)}, {{"components", 2}})), 0u);
  // No keys to attend to, or no queries: there is nothing to concatenate.
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

}  // namespace
}  // namespace switchyard::test
