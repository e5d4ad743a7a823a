// attention of packed sequences: lengths around a tile, heads in groups, what is hidden, bad offsets.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "oracles.h"

namespace switchyard::test {
namespace {

struct Packed {
  std::vector<uint64_t> lengths;
  uint64_t h = 2, g = 1, d = 8, e = 8;
  bool causal = false;
  uint64_t window = 0;
  bool bias = false;
  std::vector<uint64_t> keyLengths = {};  // empty: as lengths
  double scale = kNaN, range = 1;

  const std::vector<uint64_t>& keys() const { return keyLengths.empty() ? lengths : keyLengths; }
};

uint64_t sum(const std::vector<uint64_t>& lengths) { return std::accumulate(lengths.begin(), lengths.end(), 0ull); }

HostTensor offsetsOf(const std::vector<uint64_t>& lengths) {
  HostTensor offsets(DType::Int32, {lengths.size() + 1});
  double at = 0;
  for (size_t i = 0; i < lengths.size(); ++i) offsets.set(i + 1, at += double(lengths[i]));
  return offsets;
}

void setPacked(Problem& p, Random& random, DType t, const Packed& how) {
  const uint64_t rows = sum(how.lengths), keys = sum(how.keys());
  uint64_t longest = 0;
  for (uint64_t n : how.lengths) longest = std::max(longest, n);
  for (uint64_t n : how.keys()) longest = std::max(longest, n);
  p.inputs = {random.uniform(t, {rows, how.h, how.d}, -how.range, how.range),
              random.uniform(t, {keys, how.g, how.d}, -how.range, how.range),
              random.uniform(t, {keys, how.g, how.e}),
              absent(),
              offsetsOf(how.lengths),
              how.keyLengths.empty() ? absent() : offsetsOf(how.keyLengths),
              how.bias ? random.uniform(t, {how.h, longest, longest}, -2, 2) : absent()};
  keepDType(p);
  if (how.causal) p.params.push_back({"causal", 1});
  if (how.window) p.params.push_back({"window", double(how.window)});
  if (!std::isnan(how.scale)) p.params.push_back({"scale", how.scale});
}

void expectPacked(Problem& p, const Packed& how) {
  const HostTensor &query = p.inputs[0], &key = p.inputs[1], &value = p.inputs[2], &bias = p.inputs[6];
  const DType dtype = outputDType(p);
  const double scale = std::isnan(how.scale) ? 1 / std::sqrt(double(how.d)) : float(how.scale);
  Expected output(dtype, {query.shape()[0], how.h, how.e});
  uint64_t row = 0, keyRow = 0;
  for (size_t s = 0; s < how.lengths.size(); ++s) {
    const auto a = int64_t(how.lengths[s]), b = int64_t(how.keys()[s]);
    for (int64_t r = 0; r < a; ++r)
      for (uint64_t head = 0; head < how.h; ++head) {
        const uint64_t keyHead = head / (how.h / how.g), outFrom = ((row + r) * how.h + head) * how.e;
        std::vector<double> scores, errors, seen;
        for (int64_t c = 0; c < b; ++c) {
          const int64_t ahead = c - (r + b - a);
          if ((how.causal && ahead > 0) || (how.window && std::abs(ahead) >= int64_t(how.window))) continue;
          double dot = 0, magnitude = 0;
          for (uint64_t i = 0; i < how.d; ++i) {
            const double product =
                query.at(((row + r) * how.h + head) * how.d + i) * key.at(((keyRow + c) * how.g + keyHead) * how.d + i);
            dot += product;
            magnitude += std::fabs(product);
          }
          const uint64_t side = bias.present ? bias.shape()[1] : 0;
          const double added =
              bias.present ? bias.at((head * side + uint64_t(r + std::max<int64_t>(b - a, 0))) * side + uint64_t(c))
                           : 0;
          const double error = kUlp * (sumRoundings(how.d) * magnitude * std::fabs(scale) + 4 * std::fabs(dot * scale) +
                                       (std::isfinite(added) ? 2 * std::fabs(added) : 0));
          scores.push_back(dot * scale + added);
          errors.push_back(std::isfinite(scores.back()) ? error : 0);
          for (uint64_t j = 0; j < how.e; ++j) seen.push_back(value.at(((keyRow + c) * how.g + keyHead) * how.e + j));
        }
        if (scores.empty()) {
          for (uint64_t j = 0; j < how.e; ++j) output.set(outFrom + j, 0, 0);
          continue;
        }
        HostTensor values(kF32, {scores.size(), how.e});
        for (size_t i = 0; i < seen.size(); ++i) values.set(i, seen[i]);
        expectAttentionRow(scores, errors, values, 0, how.e, output, outFrom, nullptr, 0);
      }
    row += how.lengths[s], keyRow += how.keys()[s];
  }
  p.outputs = {std::move(output)};
}

void add(CaseList& list, const std::string& name, Size size, DType t, const Packed& how) {
  list.add("attention", "packed-" + name + dtypeSuffix(t), size, [=](Problem& p, Random& random) {
    setPacked(p, random, t, how);
    expectPacked(p, how);
  });
}

void addRefused(CaseList& list, const std::string& name, std::function<void(Problem&)> spoil) {
  list.add("attention", "refused-packed-" + name, Size::Small, [=](Problem& p, Random& random) {
    setPacked(p, random, kF32, {{3, 4}, 2, 1, 8, 8, false, 0, true});
    spoil(p);
    p.refused = Code::InvalidArgument;
  });
}

void addRefusedCases(CaseList& list) {
  const auto offsets = [&](const std::string& name, std::initializer_list<double> values) {
    addRefused(list, name, [v = std::vector<double>(values)](Problem& p) {
      p.inputs[4] = HostTensor(DType::Int32, {v.size()});
      for (size_t i = 0; i < v.size(); ++i) p.inputs[4].set(i, v[i]);
    });
  };
  offsets("offsets-fall", {0, 5, 4, 7});
  offsets("offsets-from-1", {1, 3, 7});
  offsets("offsets-short", {0, 3, 6});
  offsets("offsets-past-the-end", {0, 3, 8});
  offsets("offsets-negative", {0, -3, 7});
  addRefused(list, "offsets-empty", [](Problem& p) { p.inputs[4] = HostTensor(DType::Int32, {0}); });
  addRefused(list, "offsets-rank2", [](Problem& p) { p.inputs[4] = HostTensor(DType::Int32, {1, 3}); });
  addRefused(list, "offsets-dtype", [](Problem& p) { p.inputs[4] = HostTensor(kF32, {3}); });
  addRefused(list, "key-offsets-of-fewer", [](Problem& p) { p.inputs[5] = offsetsOf({7}); });
  addRefused(list, "key-offsets-short", [](Problem& p) { p.inputs[5] = offsetsOf({3, 3}); });
  addRefused(list, "heads", [](Problem& p) { p.inputs[1] = p.inputs[2] = HostTensor(kF32, {7, 4, 8}); });
  addRefused(list, "no-key-heads", [](Problem& p) { p.inputs[1] = p.inputs[2] = HostTensor(kF32, {7, 0, 8}); });
  addRefused(list, "depths", [](Problem& p) { p.inputs[1] = HostTensor(kF32, {7, 1, 9}); });
  addRefused(list, "keys-and-values", [](Problem& p) { p.inputs[2] = HostTensor(kF32, {6, 1, 8}); });
  addRefused(list, "no-depth", [](Problem& p) {
    p.inputs[0] = HostTensor(kF32, {7, 2, 0}), p.inputs[1] = HostTensor(kF32, {7, 1, 0});
  });
  addRefused(list, "mask", [](Problem& p) { p.inputs[3] = HostTensor(kF32, {7, 7}); });
  addRefused(list, "weights", [](Problem& p) { p.params = {{"returnWeights", 1}}; });
  addRefused(list, "bias-of-fewer-heads", [](Problem& p) { p.inputs[6] = HostTensor(kF32, {1, 4, 4}); });
  addRefused(list, "bias-no-square", [](Problem& p) { p.inputs[6] = HostTensor(kF32, {2, 4, 5}); });
  addRefused(list, "bias-of-another-length", [](Problem& p) { p.inputs[6] = HostTensor(kF32, {2, 5, 5}); });
  addRefused(list, "bias-without-offsets", [](Problem& p) { p.inputs[4] = absent(); });
  addRefused(list, "window-0", [](Problem& p) { p.params = {{"window", 0}}; });
  addRefused(list, "window-fraction", [](Problem& p) { p.params = {{"window", 1.5}}; });
  list.add("attention", "refused-window-without-offsets", Size::Small, [](Problem& p, Random& random) {
    for (int i = 0; i < 3; ++i) p.inputs.push_back(random.uniform(kF32, {2, 3, 4}));
    p.params = {{"window", 2}};
    p.refused = Code::InvalidArgument;
  });
}

void addSpecialCases(CaseList& list) {
  // Rows that the bias hides are NaN; those that see no key are 0.
  list.add("attention", "packed-hidden-by-the-bias", Size::Small, [](Problem& p, Random& random) {
    const Packed how{{5, 70}, 2, 1, 8, 3, true, 0, true};
    setPacked(p, random, kF32, how);
    for (size_t c = 0; c < 70; ++c)
      p.inputs[6].set(3 * 70 + c, -kInf), p.inputs[6].set(70 * 70 + 60 * 70 + c, c ? -kInf : 1);
    expectPacked(p, how);
  });
  // What is hidden does not count, even where it is NaN, and a sequence is nobody else's matter.
  for (uint64_t window : {0, 7})
    for (DType t : {kF32, kBF16})
      list.add("attention", "packed-nan-" + std::to_string(window) + dtypeSuffix(t), Size::Small,
               [=](Problem& p, Random& random) {
                 const Packed how{{40, 90, 3}, 2, 2, 8, 5, true, window};
                 setPacked(p, random, t, how);
                 p.inputs[0].set(50 * 16 + 1, kNaN);
                 p.inputs[1].set(75 * 16 + 9, kNaN);
                 p.inputs[2].set(20 * 10 + 2, kNaN);
                 p.inputs[2].set(30 * 10 + 6, kInf);
                 p.inputs[2].set(120 * 10 + 6, kNaN);
                 expectPacked(p, how);
               });
  // As halves, whatever the output: several blocks of keys, columns that are no whole pieces, deep and shallow.
  const Packed halves[] = {{{70, 3, 140}, 2, 1, 64, 64, true},
                           {{40, 130}, 2, 1, 128, 128},
                           {{33, 90}, 2, 2, 80, 96, true},
                           {{90}, 1, 1, 6, 10},
                           {{129}, 2, 1, 32, 32, false, 40, true}};
  size_t number = 0;
  for (const Packed& how : halves) {
    for (DType t : {kF16, kBF16})
      for (const bool widens : {false, true})
        list.add("attention", "packed-halves-" + std::to_string(number) + (widens ? "-widened" : "") + dtypeSuffix(t),
                 Size::Small, [=](Problem& p, Random& random) {
                   setPacked(p, random, t, how);
                   if (widens)
                     std::erase_if(p.params, [](const Param& param) { return param.name == std::string("dtype"); });
                   expectPacked(p, how);
                 });
    // Products of 16 bits: each weight may be off by what that leaves of its score, and by its own rounding.
    for (DType t : {kF32, kBF16})
      list.add("attention", "packed-fast-" + std::to_string(number) + dtypeSuffix(t), Size::Small,
               [=](Problem& p, Random& random) {
                 setPacked(p, random, t, how);
                 p.params.push_back({"precision", "fast"});
                 expectPacked(p, how);
                 for (double& slack : p.outputs[0].slack) slack += 0.02;
               });
    ++number;
  }
  // Their sum overflows before it is a mean.
  for (DType t : {kF32, kBF16})
    list.add("attention", "packed-large-values" + dtypeSuffix(t), Size::Small, [=](Problem& p, Random& random) {
      const Packed how{{3, 80}, 2, 1, 8, 5};
      setPacked(p, random, t, how);
      for (size_t i = 0; i < p.inputs[2].size(); i += 2) p.inputs[2].set(i, 3e38);
      expectPacked(p, how);
    });
}

}  // namespace

void addPackedAttentionCases(CaseList& list) {
  struct {
    const char* name;
    Packed how;
  } forms[] = {
      {"1", {{1}, 1, 1, 1, 1}},
      {"lengths", {{0, 1, 15, 16, 17, 0, 31, 33}, 2, 1, 8, 8}},
      {"around-a-tile", {{63, 64, 65}, 2, 2, 16, 16}},
      {"around-two", {{127, 1, 129}, 1, 1, 8, 5}},
      {"empty-first-and-last", {{0, 5, 0}, 3, 3, 4, 4}},
      {"all-empty", {{0, 0}, 2, 1, 8, 8, false, 0, true, {3, 0}}},
      {"no-sequences", {{}, 2, 1, 8, 8}},
      {"groups-of-1", {{9, 20}, 4, 4, 8, 8}},
      {"groups-of-2", {{9, 20}, 4, 2, 8, 8}},
      {"groups-of-4", {{9, 20}, 4, 1, 8, 8}},
      {"causal", {{1, 70, 33}, 2, 1, 8, 8, true}},
      {"window", {{70, 33}, 2, 1, 8, 8, false, 9}},
      {"window-1", {{70, 3}, 1, 1, 8, 8, false, 1}},
      {"window-causal", {{150, 20}, 2, 1, 8, 8, true, 33}},
      {"window-longer", {{20, 30}, 2, 1, 8, 8, true, 2147483647}},
      {"bias", {{12, 67}, 2, 1, 8, 8, false, 0, true}},
      {"bias-causal", {{12, 67}, 2, 2, 7, 6, true, 0, true}},
      {"cache", {{1, 1, 3, 0}, 4, 2, 16, 16, true, 0, false, {70, 1, 130, 5}}},
      {"cache-bias-window", {{1, 4, 20}, 2, 1, 8, 8, true, 11, true, {40, 4, 66}}},
      {"cache-not-causal", {{2, 5}, 2, 1, 8, 8, false, 0, true, {31, 9}}},
      {"no-keys", {{3, 4}, 2, 1, 8, 8, false, 0, false, {0, 5}}},
      {"fewer-keys", {{9, 70}, 2, 1, 8, 8, true, 0, true, {4, 66}}},
      {"odd", {{35, 66}, 3, 1, 13, 11}},
      {"deep", {{20, 30}, 2, 1, 128, 128, true}},
      {"deeper", {{9, 33}, 1, 1, 256, 256}},
      {"odd-deep", {{17}, 1, 1, 131, 261}},
      {"scale", {{9, 14}, 2, 1, 8, 8, false, 0, false, {}, -0.7}},
      {"scale-0", {{9, 14}, 2, 1, 8, 8, true, 0, false, {}, 0}},
      {"sharp", {{20, 40}, 2, 1, 16, 8, false, 0, false, {}, kNaN, 8}},
  };
  size_t i = 0;
  for (auto& form : forms) {
    for (DType t : kFloatTypes)
      if (!halfSkips(t, i)) add(list, form.name, Size::Small, t, form.how);
    ++i;
  }
  add(list, "large", Size::Large, kF32, {{300, 0, 7, 512, 64}, 4, 2, 64, 64, true});
  add(list, "large", Size::Large, kBF16, {{300, 0, 7, 512, 64}, 4, 2, 64, 64});
  // Together more than a short binding holds, one by one less.
  add(list, "pieces", Size::Split, kF32, {{190, 40, 0, 130, 230, 99}, 2, 2, 20, 12, true});
  add(list, "pieces", Size::Split, kF16, {{190, 40, 0, 130, 230, 99}, 8, 4, 20, 12});
  addSpecialCases(list);
  addRefusedCases(list);
}

}  // namespace switchyard::test
