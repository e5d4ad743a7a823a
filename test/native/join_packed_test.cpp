// Graphs over packed sequences as one: each gets what it gets by itself, and what is not alike stays apart.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <thread>

#include "harness.h"
#include "join.h"
#include "join_packed.h"

namespace switchyard::test {
namespace {

constexpr uint64_t kIds = 20, kWidth = 8;

// ids [t], offsets [n+1], table, weight -> a row for each text, and one for each token.
std::unique_ptr<Graph> makeGraph(uint32_t mostRows, double factor = 1) {
  auto graph = std::make_unique<Graph>();
  graph->inputCount = 4;
  graph->valueCount = 8;
  graph->outputs = {7, 5};
  graph->packing.offsets = 1;
  graph->packing.rows[0] = 0;
  graph->packing.mostRows = mostRows;
  auto add = [&](const char* type, std::initializer_list<int> inputs, int output, std::vector<Param> params = {}) {
    GraphNode node;
    node.workload = findWorkload(type);
    node.params = resolveParams(*node.workload, params);
    std::copy(inputs.begin(), inputs.end(), node.inputs.begin());
    node.outputs[0] = output;
    graph->nodes.push_back(node);
  };
  add("gather", {2, 0}, 4);
  add("linear", {4, 3}, 5);
  add("scale", {5}, 6, {{"factor", factor}});
  add("pool", {6, 1}, 7, {{"kind", "mean"}});
  return graph;
}

HostTensor integers(const std::vector<double>& values) {
  HostTensor tensor(DType::Int32, {values.size()});
  for (size_t i = 0; i < values.size(); ++i) tensor.set(i, values[i]);
  return tensor;
}

struct Texts {
  HostTensor ids, offsets;
};

Texts textsOf(Random& random, const std::vector<int>& lengths) {
  std::vector<double> offsets{0}, ids;
  for (const int length : lengths) {
    offsets.push_back(offsets.back() + length);
    for (int i = 0; i < length; ++i) ids.push_back(static_cast<double>(random.integer(0, kIds - 1)));
  }
  return {integers(ids), integers(offsets)};
}

std::shared_ptr<Job> jobOf(const Texts& texts, const HostTensor& table, const HostTensor& weight,
                           uint32_t mostRows = 100, double factor = 1) {
  auto job = std::make_shared<Job>();
  job->kind = Job::Kind::Graph;
  job->graph = makeGraph(mostRows, factor);
  for (const HostTensor* input : {&texts.ids, &texts.offsets, &table, &weight})
    job->inputs.push_back({input->spec, input->bytes.data(), nullptr, true});
  return job;
}

const std::vector<std::vector<int>> kLengths{{3, 1}, {5}, {0}, {}, {2, 0, 7}, {1, 1, 1, 1}};
constexpr std::array<uint64_t, 4> kIdentities{0, 0, 5, 6};

class JoinedPackedOn : public ::testing::TestWithParam<TestDevice> {};
INSTANTIATE_TEST_SUITE_P(Devices, JoinedPackedOn, ::testing::ValuesIn(plainDevices()), deviceTestName);

TEST_P(JoinedPackedOn, GiveWhatEachGivesByItself) {
  Context& context = contextOf(GetParam());
  Random random(7);
  const HostTensor table = random.uniform(kF32, {kIds, kWidth}), weight = random.uniform(kF32, {kWidth, kWidth});
  std::vector<Texts> texts;
  for (const auto& lengths : kLengths) texts.push_back(textsOf(random, lengths));
  std::vector<std::shared_ptr<Job>> parts;
  std::vector<std::vector<std::vector<std::byte>>> memory(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    parts.push_back(jobOf(texts[i], table, weight));
    parts[i]->prepare();
    for (const TensorSpec& spec : parts[i]->outputSpecs) {
      memory[i].emplace_back(spec.bytes());
      parts[i]->into.push_back({memory[i].back().data(), memory[i].back().size()});
    }
    EXPECT_EQ(joinKey(*parts[i], kIdentities), joinKey(*parts[0], kIdentities));
  }
  EXPECT_NE(joinKey(*parts[0], kIdentities), 0u);
  EXPECT_EQ(sharedBytes(*parts[0]), table.bytes.size() + weight.bytes.size());
  EXPECT_EQ(packedRows(*parts[0]), 4u);
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
    auto single = jobOf(texts[i], table, weight);
    ASSERT_TRUE(runJob(context, single).ok());
    std::vector<HostTensor> expected = outputsOf(*single);
    for (size_t o = 0; o < expected.size(); ++o) {
      HostTensor got(expected[o].spec.dtype, expected[o].spec.shape);
      ASSERT_EQ(memory[i][o].size(), got.bytes.size());
      got.bytes = memory[i][o];
      for (size_t e = 0; e < got.size(); ++e)
        ASSERT_NEAR(got.at(e), expected[o].at(e), 1e-5) << "job " << i << ", output " << o << ", element " << e;
    }
  }
}

TEST(JoinPacked, LeavesApartWhatIsNotAlike) {
  Random random(3);
  const HostTensor table = random.uniform(kF32, {kIds, kWidth}), weight = random.uniform(kF32, {kWidth, kWidth});
  const HostTensor same = weight;
  auto prepared = [](std::shared_ptr<Job> job) {
    job->prepare();
    return job;
  };
  const Texts texts = textsOf(random, {3, 1});
  const auto base = prepared(jobOf(texts, table, weight));
  EXPECT_TRUE(JoinedJobs::make(std::vector{base, prepared(jobOf(texts, table, weight))}));
  EXPECT_EQ(joinKey(*base, std::array<uint64_t, 4>{0, 0, 5, 0}), 0u);  // nobody else has that weight
  EXPECT_NE(joinKey(*base, std::array<uint64_t, 4>{0, 0, 5, 7}), joinKey(*base, kIdentities));
  EXPECT_FALSE(JoinedJobs::make(std::vector{base, prepared(jobOf(texts, table, same))}));
  for (const auto& other : {prepared(jobOf(texts, table, weight, 99)), prepared(jobOf(texts, table, weight, 100, 2))}) {
    EXPECT_NE(joinKey(*other, kIdentities), joinKey(*base, kIdentities));
    EXPECT_FALSE(JoinedJobs::make(std::vector{base, other}));
  }
  auto plain = jobOf(texts, table, weight);
  plain->graph->packing = {};
  EXPECT_EQ(joinKey(*prepared(plain), kIdentities), 0u);
  EXPECT_FALSE(JoinedJobs::make(std::vector{plain, plain}));
  // Offsets that fall, or don't end where the tokens do, are an error of that job alone.
  for (const std::vector<double>& wrong :
       {std::vector<double>{0, 3, 3}, {0, 5, 3, 4}, {0, -1, 4}, {0, 2147483647, 4}}) {
    Texts cut = texts;
    cut.offsets = integers(wrong);
    EXPECT_FALSE(JoinedJobs::make(std::vector{base, prepared(jobOf(cut, table, weight))})) << wrong[1];
  }
  EXPECT_FALSE(JoinedJobs::make(std::vector{base}));
}

TEST(JoinPacked, RefusesWhatIsNotPacked) {
  Random random(3);
  const HostTensor table = random.uniform(kF32, {kIds, kWidth}), weight = random.uniform(kF32, {kWidth, kWidth});
  const Texts texts = textsOf(random, {3, 1});
  auto refused = [&](const std::function<void(Packing&)>& change) {
    auto job = jobOf(texts, table, weight);
    change(job->graph->packing);
    try {
      job->prepare();
    } catch (const Error& error) {
      return error.details.argument;
    }
    return std::string("not refused");
  };
  EXPECT_EQ(refused([](Packing& packing) { packing.offsets = 2; }), "packed");
  EXPECT_EQ(refused([](Packing& packing) { packing.rows[1] = 2; }), "packed");
}

}  // namespace
}  // namespace switchyard::test
