// matmul: sizes around the tiles, transposes, batches, alpha, precision.
#include <algorithm>
#include <cmath>

#include "oracles.h"

namespace switchyard::test {
namespace {

// The offset of each operand's matrix for every batch index of the output, by the definition of repetition.
std::vector<size_t> batchOffsets(const Shape& operand, const Shape& batch) {
  size_t axes = operand.rank() - 2, count = 1;
  for (uint64_t extent : batch) count *= extent;
  std::vector<size_t> offsets(count);
  for (size_t index = 0; index < count; ++index) {
    size_t rest = index, offset = 0, stride = operand.back(0) * operand.back(1);
    for (size_t fromEnd = 0; fromEnd < batch.rank(); ++fromEnd) {
      size_t at = rest % batch.back(fromEnd);
      rest /= batch.back(fromEnd);
      if (fromEnd >= axes) continue;
      uint64_t extent = operand[axes - 1 - fromEnd];
      if (extent != 1) offset += at * stride;
      stride *= extent;
    }
    offsets[index] = offset;
  }
  return offsets;
}

Shape batchShape(const Shape& a, const Shape& b) {
  Shape batch;
  size_t rankA = a.rank() - 2, rankB = b.rank() - 2, rank = std::max(rankA, rankB);
  for (size_t i = 0; i < rank; ++i) {
    uint64_t x = i + rankA >= rank ? a[i + rankA - rank] : 1, y = i + rankB >= rank ? b[i + rankB - rank] : 1;
    batch.push(x == 1 ? y : x);
  }
  return batch;
}

std::vector<double> doubles(const HostTensor& tensor) {
  std::vector<double> values(tensor.size());
  for (size_t i = 0; i < values.size(); ++i) values[i] = tensor.at(i);
  return values;
}

}  // namespace

void expectMatmul(Problem& p, const Product& how) {
  const HostTensor &ta = p.inputs[0], &tb = p.inputs[1];
  size_t m = how.transposeA ? ta.shape().back(0) : ta.shape().back(1),
         k = how.transposeA ? ta.shape().back(1) : ta.shape().back(0);
  size_t n = how.transposeB ? tb.shape().back(1) : tb.shape().back(0);
  Shape batch = batchShape(ta.shape(), tb.shape()), shape = batch;
  shape.push(m);
  shape.push(n);
  Expected out(outputDType(p), shape);
  std::vector<double> a = doubles(ta), b = doubles(tb);
  std::vector<size_t> offsetsA = batchOffsets(ta.shape(), batch), offsetsB = batchOffsets(tb.shape(), batch);
  // `fast` may round both factors to 8 bits (bfloat16): a relative 2^-8 each.
  double perProduct = sumRoundings(k) * kUlp + (how.fast ? 0x1p-7 : 0), alpha = float(how.alpha);
  std::vector<double> sums(n), magnitudes(n);
  for (size_t batchIndex = 0; batchIndex < offsetsA.size(); ++batchIndex)
    for (size_t i = 0; i < m; ++i) {
      std::fill(sums.begin(), sums.end(), 0.0);
      std::fill(magnitudes.begin(), magnitudes.end(), 0.0);
      for (size_t l = 0; l < k; ++l) {
        double x = a[offsetsA[batchIndex] + (how.transposeA ? l * m + i : i * k + l)];
        for (size_t j = 0; j < n; ++j) {
          double product = x * b[offsetsB[batchIndex] + (how.transposeB ? j * k + l : l * n + j)];
          sums[j] += product;
          magnitudes[j] += std::fabs(product);
        }
      }
      for (size_t j = 0; j < n; ++j) {
        // Where alpha is large, so is what the products lost as denormals.
        double lost = double(k) * 0x1p-149 * std::fabs(alpha);
        double error =
            how.whole ? 0 : lost + (perProduct * magnitudes[j] + 2 * kUlp * std::fabs(sums[j])) * std::fabs(alpha);
        out.set((batchIndex * m + i) * n + j, alpha * sums[j], std::isfinite(error) ? error : 0);
      }
    }
  p.outputs = {std::move(out)};
}

namespace {

void add(CaseList& list, const std::string& name, Size size, DType ta, DType tb, Product how) {
  list.add("matmul", name, size, [=](Problem& p, Random& random) {
    p.inputs = {how.whole ? random.integers(ta, how.a) : random.uniform(ta, how.a),
                how.whole ? random.integers(tb, how.b) : random.uniform(tb, how.b)};
    if (how.transposeA) p.params.push_back({"transposeA", 1});
    if (how.transposeB) p.params.push_back({"transposeB", 1});
    if (how.alpha != 1) p.params.push_back({"alpha", how.alpha});
    if (how.fast) p.params.push_back({"precision", "fast"});
    if (how.alpha == 1) keepDType(p);
    expectMatmul(p, how);
  });
}

void addSizes(CaseList& list, DType t) {
  struct {
    uint64_t m, n, k;
  } sizes[] = {{1, 1, 1},      {1, 64, 64},    {1, 257, 129}, {64, 1, 64},  {65, 1, 131},  {1, 1, 997},
               {3, 5, 7},      {8, 8, 8},      {63, 63, 63},  {64, 64, 64}, {65, 65, 65},  {127, 64, 128},
               {128, 128, 16}, {129, 127, 17}, {2, 300, 3},   {300, 2, 3},  {31, 33, 255}, {33, 31, 257},
               {0, 4, 3},      {4, 0, 3},      {4, 5, 0},     {0, 0, 0},    {97, 101, 103}};
  for (auto [m, n, k] : sizes)
    for (int transposes = 0; transposes < 4; ++transposes) {
      bool ta = transposes & 1, tb = transposes & 2;
      if (t != kF32 && (transposes || m * n * k > 64 * 64 * 64)) continue;
      std::string name = std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k) + (ta ? "-ta" : "") +
                         (tb ? "-tb" : "") + dtypeSuffix(t);
      add(list, name, Size::Small, t, t, {ta ? Shape{k, m} : Shape{m, k}, tb ? Shape{n, k} : Shape{k, n}, ta, tb});
    }
}

void addBatches(CaseList& list) {
  struct {
    const char* name;
    Shape a, b;
  } forms[] = {
      {"both", {3, 5, 7}, {3, 7, 4}},
      {"a-alone", {3, 5, 7}, {7, 4}},
      {"b-alone", {5, 7}, {3, 7, 4}},
      {"a-of-1", {1, 5, 7}, {3, 7, 4}},
      {"b-of-1", {3, 5, 7}, {1, 7, 4}},
      {"two-axes", {2, 3, 5, 7}, {2, 3, 7, 4}},
      {"two-axes-inner-repeated", {2, 1, 5, 7}, {2, 3, 7, 4}},
      {"two-axes-outer-repeated", {1, 3, 5, 7}, {2, 3, 7, 4}},
      {"crossed", {2, 1, 5, 7}, {1, 3, 7, 4}},
      {"axis-missing", {3, 5, 7}, {2, 3, 7, 4}},
      {"three-axes", {2, 1, 3, 5, 7}, {4, 1, 7, 4}},
      {"no-batch", {0, 5, 7}, {0, 7, 4}},
      {"no-batch-repeated", {0, 5, 7}, {1, 7, 4}},
      {"many", {70, 3, 4}, {70, 4, 2}},
      {"tiles", {3, 65, 33}, {3, 33, 67}},
      {"empty-inner", {2, 3, 0}, {2, 0, 4}},
  };
  for (auto& form : forms)
    for (DType t : kFloatTypes)
      if (!halfSkips(t, form.a.rank()))
        add(list, std::string("batch-") + form.name + dtypeSuffix(t), Size::Small, t, t, {form.a, form.b});
  add(list, "batch-transposed", Size::Small, kF32, kF32, {{2, 1, 7, 5}, {3, 4, 7}, true, true});
}

}  // namespace

void addMatmulCases(CaseList& list) {
  for (DType t : kFloatTypes) addSizes(list, t);
  addBatches(list);
  add(list, "alpha", Size::Small, kF32, kF32, {{9, 17}, {17, 33}, false, false, -2.5});
  add(list, "alpha-0", Size::Small, kF32, kF32, {{9, 17}, {17, 33}, false, false, 0});
  add(list, "alpha-transposed-row", Size::Small, kF32, kF32, {{1, 70}, {33, 70}, false, true, 0.125});
  add(list, "alpha-float16", Size::Small, kF16, kF16, {{9, 17}, {17, 33}, false, false, 3});
  // All sums overflow on the way; the long one where threads may not take many turns of a loop (vulkan/loops.h).
  for (uint64_t k : {64, 32768})
    list.add("matmul", "overflows-on-the-way-" + std::to_string(k), k == 64 ? Size::Small : Size::Medium,
             [k](Problem& p, Random& random) {
               p.inputs = {HostTensor(kF32, {17, k}), HostTensor(kF32, {k, 36})};
               for (size_t i = 0; i < 17 * k; ++i) p.inputs[0].set(i, i % k < k / 2 ? 1e20 : -1e20);
               for (size_t i = 0; i < k * 36; ++i) p.inputs[1].set(i, 1e19 + 1e15 * random.uniform(0, 1));
               expectMatmul(p, {p.inputs[0].shape(), p.inputs[1].shape()});
             });
  // What overflowed is made again beside sums that a NaN or an infinity settles.
  for (bool ta : {false, true})
    for (bool tb : {false, true})
      for (uint64_t n : {1, 37, 68}) {
        const std::string suffix = std::string(ta ? "-ta" : "") + (tb ? "-tb" : "");
        list.add("matmul", "overflows-beside-nan-" + std::to_string(n) + suffix, Size::Small, [=](Problem& p, Random&) {
          const uint64_t m = 68, k = 64;
          Product how{ta ? Shape{k, m} : Shape{m, k}, tb ? Shape{n, k} : Shape{k, n}, ta, tb};
          p.inputs = {HostTensor(kF32, how.a), HostTensor(kF32, how.b)};
          auto setA = [&](size_t r, size_t i, double x) { p.inputs[0].set(ta ? i * m + r : r * k + i, x); };
          auto setB = [&](size_t i, size_t c, double x) { p.inputs[1].set(tb ? c * k + i : i * n + c, x); };
          for (size_t i = 0; i < k; ++i) {
            for (size_t r = 0; r < m; ++r) setA(r, i, i < k / 2 ? 1e20 : -1e20 + 1e16 * double(r));
            for (size_t c = 0; c < n; ++c) setB(i, c, 1e19 + 1e16 * double(c));
          }
          setA(3, 5, kNaN), setA(67, 0, kNaN);
          for (size_t i = 0; i < k; ++i) setA(40, i, i == 60 ? kInf : 1);
          if (n > 1) setB(63, 2, kNaN), setB(0, n - 1, kNaN);
          if (ta) p.params.push_back({"transposeA", 1});
          if (tb) p.params.push_back({"transposeB", 1});
          expectMatmul(p, how);
        });
      }
  list.add("matmul", "like-terms", Size::Medium, [](Problem& p, Random&) {  // whose roundings are alike
    p.inputs = {HostTensor(kF32, {12, 9000}), HostTensor(kF32, {9000, 20})};
    for (size_t i = 0; i < 12 * 9000; ++i) p.inputs[0].set(i, 0.1 * double(i / 9000 + 1));
    for (size_t i = 0; i < 9000 * 20; ++i) p.inputs[1].set(i, 0.7 * double(i % 20 + 1));
    expectMatmul(p, {p.inputs[0].shape(), p.inputs[1].shape()});
  });
  add(list, "mixed", Size::Small, kF16, kF32, {{9, 17}, {17, 33}});
  add(list, "whole-numbers", Size::Small, kF32, kF32, {{67, 131}, {131, 61}, false, false, 1, false, true});
  for (bool ta : {false, true})
    for (bool tb : {false, true}) {
      std::string suffix = std::string(ta ? "-ta" : "") + (tb ? "-tb" : "");
      add(list, "fast" + suffix, Size::Small, kF32, kF32,
          {ta ? Shape{75, 66} : Shape{66, 75}, tb ? Shape{70, 75} : Shape{75, 70}, ta, tb, 1, true});
      // Exact, so that a tile or a piece that is dropped, doubled or misplaced shows.
      add(list, "large" + suffix, Size::Split, kF32, kF32,
          {ta ? Shape{389, 509} : Shape{509, 389}, tb ? Shape{401, 389} : Shape{389, 401}, ta, tb, 1, false, true});
    }
  add(list, "large-float16", Size::Split, kF16, kF16, {{260, 129}, {129, 519}});
  // Rows whose distance is that of pages, read where they lie or not, and more of them than are held at a time.
  add(list, "large-of-pages", Size::Split, kF32, kF32, {{70, 1024}, {1024, 300}});
  add(list, "large-of-pages-float16", Size::Split, kF16, kF16, {{530, 1024}, {1024, 40}});
  add(list, "large-batch", Size::Split, kF32, kF32, {{37, 61, 67}, {37, 67, 59}, false, false, 2, false, true});
  add(list, "large-batch-repeated", Size::Split, kF32, kF32, {{37, 61, 67}, {67, 59}, false, false, 1, false, true});
  add(list, "large-row", Size::Split, kF32, kF32, {{1, 1021}, {1021, 777}, false, false, 1, false, true});
  add(list, "large-column", Size::Split, kF32, kF32, {{777, 1021}, {1021, 1}, false, false, 1, false, true});
  add(list, "large-row-tb", Size::Split, kF32, kF32, {{1, 1021}, {777, 1021}, false, true, 1, false, true});
  add(list, "large-inner", Size::Split, kF32, kF32, {{13, 30011}, {30011, 11}, false, false, 1, false, true});
  list.add("matmul", "special", Size::Small, [](Problem& p, Random&) {
    p.inputs = {listed(kF32, {3, 2}, {kInf, 1, kNaN, 1, 3e38, 3e38}), listed(kF32, {2, 3}, {1, -1, 2, 1, 1, 3e38})};
    expectMatmul(p, {p.inputs[0].shape(), p.inputs[1].shape()});
    p.outputs[0].slack[8] = 0;  // 3e38 * 2 + 3e38 * 3e38: infinity
  });
}

}  // namespace switchyard::test
