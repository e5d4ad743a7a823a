// Jobs that are cut by rows: the parts of every conformance case, put together, are the case's outputs, in each way
// that the workload says it can be cut.
#include "split.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "harness.h"
#include "options.h"

namespace switchyard::test {
namespace {

// As many rows as a part has, from `first` on.
HostTensor rowsOf(const HostTensor& tensor, size_t axes, uint64_t units, uint64_t first, uint64_t count) {
  Shape shape{count};
  for (size_t axis = axes; axis < tensor.shape().rank(); ++axis) shape.push(tensor.shape()[axis]);
  HostTensor rows(tensor.spec.dtype, shape);
  const size_t each = tensor.bytes.size() / units;
  if (each) std::memcpy(rows.bytes.data(), tensor.bytes.data() + first * each, count * each);
  return rows;
}

struct Part {
  uint64_t first, count;
  std::vector<HostTensor> outputs;
};

// Uneven ones.
std::vector<Part> partsOf(uint64_t units) {
  const uint64_t one = (units + 2) / 3, two = units - one > 1 ? one + 1 : units;
  std::vector<Part> parts{{0, one, {}}};
  if (two > one) parts.push_back({one, two - one, {}});
  if (units > two) parts.push_back({two, units - two, {}});
  return parts;
}

Problem partOf(const Problem& whole, const Split& split, const Part& part) {
  Problem problem;
  problem.params = whole.params;
  for (size_t i = 0; i < whole.inputs.size(); ++i)
    problem.inputs.push_back(split.axes[i] ? rowsOf(whole.inputs[i], split.axes[i], split.units, part.first, part.count)
                                           : whole.inputs[i]);
  if (split.merge != Merge::Rows)
    for (Param& param : problem.params)
      if (std::string_view(param.name) == "k") param.number = std::min<double>(param.number, double(part.count));
  return problem;
}

// Of every row the best `k` of all parts: as lib/call/split.js merges them, but by a sort.
void mergeBest(const std::vector<Part>& parts, bool largest, HostTensor& scores, HostTensor& indices) {
  const uint64_t k = scores.shape()[1];
  for (uint64_t row = 0; row < scores.shape()[0]; ++row) {
    std::vector<std::pair<double, double>> found;
    for (const Part& part : parts) {
      const uint64_t each = part.outputs[0].shape()[1];
      for (uint64_t i = row * each; i < (row + 1) * each; ++i)
        found.emplace_back(part.outputs[0].at(i), part.outputs[1].at(i) + double(part.first));
    }
    std::stable_sort(found.begin(), found.end(), [&](const auto& a, const auto& b) {
      if (std::isnan(a.first) || std::isnan(b.first)) return !std::isnan(a.first) && std::isnan(b.first);
      return largest ? a.first > b.first : a.first < b.first;
    });
    for (uint64_t i = 0; i < k; ++i) {
      scores.set(row * k + i, found[i].first);
      indices.set(row * k + i, found[i].second);
    }
  }
}

std::vector<HostTensor> putTogether(const Job& job, const Split& split, const std::vector<Part>& parts) {
  std::vector<HostTensor> outputs;
  for (const TensorSpec& spec : job.outputSpecs) outputs.emplace_back(spec.dtype, spec.shape);
  if (split.merge != Merge::Rows) {
    mergeBest(parts, split.merge == Merge::Largest, outputs[0], outputs[1]);
    return outputs;
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    size_t at = 0;
    for (const Part& part : parts) {
      const std::vector<std::byte>& from = part.outputs[i].bytes;
      EXPECT_EQ(from.size() * split.units, outputs[i].bytes.size() * part.count);
      if (!from.empty()) std::memcpy(outputs[i].bytes.data() + at, from.data(), from.size());
      at += from.size();
    }
    EXPECT_EQ(at, outputs[i].bytes.size());
  }
  return outputs;
}

class SplitOnDevice : public ::testing::TestWithParam<TestDevice> {};
INSTANTIATE_TEST_SUITE_P(Devices, SplitOnDevice, ::testing::ValuesIn(plainDevices()), deviceTestName);

TEST_P(SplitOnDevice, PartsPutTogetherAreTheWhole) {
  Context& context = contextOf(GetParam());
  // A software driver and the emulated card take long.
  const size_t step = (GetParam().id.starts_with("cpu") ? 1 : 12) * (options().full ? 1 : 8);
  std::map<std::string, size_t> tried, seen;
  for (const Case& which : allCases()) {
    const Workload* workload = findWorkload(which.workload);
    if (!workload || workload->info.splits.empty() || which.size != Size::Small) continue;
    if (seen[which.workload]++ % step && tried[which.workload]) continue;
    const Problem problem = makeProblem(which);
    if (problem.refused) continue;
    auto job = makeJob(which.workload, problem.inputs, problem.params);
    job->prepare();
    for (const Split& split : splitsOf(*job)) {
      std::vector<Part> parts = partsOf(split.units);
      for (Part& part : parts) part.outputs = runProblem(context, which.workload, partOf(problem, split, part), {});
      double share = 0;
      const std::string wrong = judge(problem, putTogether(*job, split, parts), share);
      EXPECT_TRUE(wrong.empty()) << which.workload << "/" << which.name << ": " << wrong;
      ++tried[which.workload];
    }
  }
  for (const Workload* workload : allWorkloads())
    EXPECT_EQ(!workload->info.splits.empty(), tried[workload->info.name] > 0) << workload->info.name;
}

std::vector<Split> splitsFor(const char* workload, std::vector<HostTensor> inputs, std::vector<Param> params = {}) {
  auto job = makeJob(workload, std::move(inputs), params);
  job->prepare();
  return splitsOf(*job);
}
HostTensor zeros(Shape shape) { return HostTensor(kF32, shape); }

TEST(Split, SaysWhichAxesAreCut) {
  auto search = splitsFor("similarity-search", {zeros({2, 4}), zeros({9, 4})}, {{"k", 3}});
  ASSERT_EQ(search.size(), 2u);
  EXPECT_EQ(search[0].units, 9u);
  EXPECT_EQ(search[0].axes[0], 0);
  EXPECT_EQ(search[0].axes[1], 1);
  EXPECT_EQ(search[0].merge, Merge::Largest);
  EXPECT_EQ(search[1].units, 2u);
  EXPECT_EQ(search[1].merge, Merge::Rows);
  auto l2 = splitsFor("similarity-search", {zeros({1, 4}), zeros({9, 4})}, {{"k", 3}, {"metric", "l2"}});
  ASSERT_EQ(l2.size(), 1u);
  EXPECT_EQ(l2[0].merge, Merge::Smallest);
  // Bits of a mask begin within bytes; bounds of parts don't become that of the whole.
  auto masked = splitsFor("similarity-search", {zeros({2, 4}), zeros({9, 4}), absent(), HostTensor(DType::Uint8, {2})},
                          {{"k", 3}});
  ASSERT_EQ(masked.size(), 1u);
  EXPECT_EQ(masked[0].merge, Merge::Rows);
  auto rounded = splitsFor("similarity-search", {zeros({2, 4}), HostTensor(kF16, {9, 4})}, {{"k", 3}});
  ASSERT_EQ(rounded.size(), 1u);
  EXPECT_EQ(rounded[0].merge, Merge::Rows);
}

TEST(Split, CutsProductsByRowsOrByMatrices) {
  auto units = [](Shape a, Shape b, bool transposeA = false) {
    std::vector<uint64_t> all;
    for (const Split& split : splitsFor("matmul", {zeros(a), zeros(b)}, {{"transposeA", transposeA}}))
      all.insert(all.end(), {split.units, split.axes[0], split.axes[1]});
    return all;
  };
  using All = std::vector<uint64_t>;
  EXPECT_EQ(units({5, 3}, {3, 2}), (All{5, 1, 0}));
  EXPECT_EQ(units({4, 5, 3}, {3, 2}), (All{20, 2, 0, 4, 1, 0}));
  EXPECT_EQ(units({4, 5, 3}, {4, 3, 2}), (All{4, 1, 1}));
  EXPECT_EQ(units({5, 3}, {4, 3, 2}), (All{4, 0, 1}));
  EXPECT_EQ(units({1, 5, 3}, {4, 3, 2}), (All{4, 0, 1}));
  EXPECT_EQ(units({6, 1, 5, 3}, {4, 3, 2}), (All{6, 1, 0}));
  EXPECT_EQ(units({3, 5}, {3, 2}, true), All{});
  EXPECT_EQ(units({4, 3, 5}, {3, 2}, true), (All{4, 1, 0}));
  EXPECT_EQ(units({1, 3}, {3, 2}), All{});
}

TEST(Split, OneRowIsOnePiece) {
  EXPECT_TRUE(splitsFor("normalize", {zeros({1, 8})}).empty());
  EXPECT_TRUE(splitsFor("normalize", {zeros({0, 8})}).empty());
  EXPECT_EQ(splitsFor("normalize", {zeros({2, 8})}).size(), 1u);
  EXPECT_TRUE(splitsFor("add", {zeros({2, 8}), zeros({2, 8})}).empty());
}

}  // namespace
}  // namespace switchyard::test
