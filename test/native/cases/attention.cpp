// attention: block edges, masks, causality, weights.
#include <algorithm>
#include <cfloat>
#include <cmath>

#include "oracles.h"

namespace switchyard::test {
namespace {

// The least and the largest that each weight can be where scores are so large that their own errors move the weights.
void expectVagueRow(const std::vector<double>& scores, const std::vector<double>& errors, const HostTensor& value,
                    size_t valueFrom, uint64_t e, Expected& output, size_t outFrom, Expected* weights,
                    size_t weightsFrom) {
  const size_t t = scores.size();
  const double top = *std::max_element(scores.begin(), scores.end());
  std::vector<double> middle(t), spread(t);
  for (size_t c = 0; c < t; ++c) {
    double least = 1, most = 1;
    for (size_t j = 0; j < t; ++j) {
      if (j == c || scores[j] == -kInf) continue;
      least += std::exp(scores[j] + errors[j] - scores[c] + errors[c]);
      most += std::exp(scores[j] - errors[j] - scores[c] - errors[c]);
    }
    const double low = scores[c] == -kInf ? 0 : 1 / least, high = scores[c] == -kInf ? 0 : 1 / most;
    middle[c] = (low + high) / 2;
    const double y = std::min(top - scores[c], 88.0);  // below, the exponential is no normal number
    spread[c] = (high - low) / 2 + (sumRoundings(t) + 14 + 5 * y) * kUlp * high;
    if (weights) weights->set(weightsFrom + c, middle[c], spread[c]);
  }
  for (uint64_t j = 0; j < e; ++j) {
    double result = 0, error = 0;
    for (size_t c = 0; c < t; ++c) {
      const double x = value.at(valueFrom + c * e + j);
      result += middle[c] * x;
      error += (spread[c] + middle[c] * sumRoundings(t) * kUlp + FLT_MIN) * std::fabs(x);
    }
    output.set(outFrom + j, result, error);
  }
}

}  // namespace

void expectAttentionRow(const std::vector<double>& scores, const std::vector<double>& errors, const HostTensor& value,
                        size_t valueFrom, uint64_t e, Expected& output, size_t outFrom, Expected* weights,
                        size_t weightsFrom) {
  size_t t = scores.size();
  double high = -kInf, sum = 0, scoreError = 0;
  bool nan = false;
  for (double x : scores) {
    high = std::max(high, x);
    nan |= std::isnan(x);
  }
  for (size_t c = 0; c < t; ++c)
    if (high - scores[c] - errors[c] < 200) scoreError = std::max(scoreError, errors[c]);
  if (scoreError > 0.01 && !nan)
    return expectVagueRow(scores, errors, value, valueFrom, e, output, outFrom, weights, weightsFrom);
  std::vector<double> p(t), relative(t);
  double meanError = 0;
  for (size_t c = 0; c < t; ++c) {
    double y = scores[c] - high;
    p[c] = nan ? kNaN : std::exp(y);
    // d exp(y) / exp(y) = dy: twice the score's absolute error (its own and the maximum's), and exp's own error.
    relative[c] = std::isfinite(y) ? errors[c] + scoreError + (8 + 5 * std::min(std::fabs(y), 88.0)) * kUlp : 0;
    sum += p[c];
    meanError += p[c] * relative[c];
  }
  meanError = meanError / sum + sumRoundings(t) * kUlp;
  for (size_t c = 0; c < t; ++c) {
    p[c] /= sum;
    relative[c] += meanError + 6 * kUlp;
    if (weights) weights->set(weightsFrom + c, p[c], std::isnan(p[c]) ? 0 : p[c] * relative[c]);
  }
  for (uint64_t j = 0; j < e; ++j) {
    double result = 0, error = 0;
    for (size_t c = 0; c < t; ++c) {
      double term = p[c] * value.at(valueFrom + c * e + j);
      result += term;
      // A weight that is no normal number may be 0.
      error += std::fabs(term) * (relative[c] + sumRoundings(t) * kUlp) +
               FLT_MIN * std::fabs(value.at(valueFrom + c * e + j));
    }
    output.set(outFrom + j, result, std::isfinite(error) ? error : 0);
  }
}

void setAttentionParams(Problem& p, const Attention& how) {
  if (how.d % 2 == 0) keepDType(p);
  if (how.causal) p.params.push_back({"causal", 1});
  if (how.weights) p.params.push_back({"returnWeights", 1});
  if (!std::isnan(how.scale)) p.params.push_back({"scale", how.scale});
}

void expectAttention(Problem& p, const Attention& how) {
  const HostTensor &query = p.inputs[0], &key = p.inputs[1], &value = p.inputs[2], &mask = p.inputs[3];
  const DType dtype = outputDType(p);
  Expected output(dtype, {how.h, how.s, how.e}), weights(dtype, {how.h, how.s, how.t});
  double scale = std::isnan(how.scale) ? 1 / std::sqrt(double(how.d)) : float(how.scale);
  for (uint64_t head = 0; head < how.h; ++head)
    for (uint64_t r = 0; r < how.s; ++r) {
      std::vector<double> scores(how.t), errors(how.t);
      for (uint64_t c = 0; c < how.t; ++c) {
        double dot = 0, magnitude = 0;
        for (uint64_t i = 0; i < how.d; ++i) {
          double product = query.at((head * how.s + r) * how.d + i) * key.at((head * how.t + c) * how.d + i);
          dot += product;
          magnitude += std::fabs(product);
        }
        double added = mask.present ? mask.at(r * how.t + c) : 0;
        scores[c] = how.causal && c + how.s > r + how.t ? -kInf : dot * scale + added;
        double error = kUlp * (sumRoundings(how.d) * magnitude * std::fabs(scale) + 4 * std::fabs(dot * scale) +
                               (std::isfinite(added) ? 2 * std::fabs(added) : 0));
        errors[c] = std::isfinite(scores[c]) ? error : 0;
      }
      if (how.causal && r + how.t < how.s) {  // hidden by causal, not by a mask
        for (uint64_t j = 0; j < how.e; ++j) output.set((head * how.s + r) * how.e + j, 0, 0);
        for (uint64_t c = 0; how.weights && c < how.t; ++c) weights.set((head * how.s + r) * how.t + c, 0, 0);
        continue;
      }
      expectAttentionRow(scores, errors, value, head * how.t * how.e, how.e, output, (head * how.s + r) * how.e,
                         how.weights ? &weights : nullptr, (head * how.s + r) * how.t);
    }
  p.outputs = {std::move(output)};
  if (how.weights) p.outputs.push_back(std::move(weights));
}

namespace {

void add(CaseList& list, const std::string& name, Size size, DType t, Attention how) {
  list.add("attention", name + dtypeSuffix(t), size, [=](Problem& p, Random& random) {
    p.inputs = {random.uniform(t, {how.h, how.s, how.d}, -how.range, how.range),
                random.uniform(t, {how.h, how.t, how.d}, -how.range, how.range),
                random.uniform(t, {how.h, how.t, how.e}),
                how.mask ? random.uniform(t, {how.s, how.t}, -2, 2) : absent()};
    setAttentionParams(p, how);
    expectAttention(p, how);
  });
}

}  // namespace

void addAttentionCases(CaseList& list) {
  struct {
    const char* name;
    Attention how;
  } forms[] = {
      {"1", {1, 1, 1, 1, 1}},
      {"small", {2, 5, 7, 4, 3}},
      {"block-less-1", {2, 63, 63, 16, 16}},
      {"block", {2, 64, 64, 16, 16}},
      {"block-plus-1", {2, 65, 65, 16, 16}},
      {"keys-127", {1, 3, 127, 8, 8}},
      {"keys-128", {1, 3, 128, 8, 8}},
      {"keys-129", {1, 3, 129, 8, 8}},
      {"keys-257", {1, 2, 257, 8, 5}},
      {"prime", {3, 31, 37, 13, 11}},
      {"one-query", {4, 1, 97, 64, 64}},
      {"one-key", {2, 9, 1, 8, 8}},
      {"causal", {2, 37, 37, 16, 16, false, true}},
      {"causal-fewer-keys", {2, 70, 33, 8, 8, false, true}},
      {"causal-more-keys", {2, 33, 130, 8, 8, false, true}},
      {"mask", {2, 33, 45, 8, 8, true}},
      {"mask-causal", {2, 66, 66, 8, 8, true, true}},
      {"weights", {2, 17, 29, 8, 6, false, false, true}},
      {"weights-mask-causal", {3, 67, 67, 8, 6, true, true, true}},
      {"weights-causal-fewer-keys", {2, 70, 33, 8, 6, false, true, true}},
      {"weights-causal-more-keys", {2, 33, 130, 8, 6, true, true, true}},
      {"scale", {2, 9, 14, 8, 8, false, false, false, 0.7}},
      {"scale-0", {2, 9, 14, 8, 8, false, false, true, 0}},
      {"sharp", {1, 20, 40, 16, 8, false, false, true, kNaN, 8}},
      {"no-heads", {0, 3, 4, 5, 6}},
      {"no-queries", {2, 0, 4, 5, 6, false, false, true}},
      {"no-values", {2, 3, 4, 5, 0}},
      {"no-keys", {2, 3, 0, 5, 6, false, false, true}},  // a sum over nothing
  };
  for (auto& form : forms)
    for (DType t : kFloatTypes)
      if (!halfSkips(t, form.how.t)) add(list, form.name, Size::Small, t, form.how);
  // Each way in which a card's threads hold a row of scores.
  add(list, "weights-keys-260", Size::Medium, kF32, {16, 65, 260, 4, 3, true, true, true});
  add(list, "weights-keys-1028", Size::Small, kF32, {1, 3, 1028, 4, 3, true, true, true});
  for (uint64_t t : {4097, 8196, 16388})
    add(list, "weights-keys-" + std::to_string(t), Size::Medium, kF32, {1, 3, t, 4, 3, true, true, true});
  add(list, "large", Size::Large, kF32, {4, 260, 270, 64, 64, true, true, true});
  add(list, "many-heads", Size::Split, kF32, {11, 100, 130, 64, 64, true, true, true});
  add(list, "many-rows", Size::Split, kF16, {3, 190, 270, 32, 48});
  add(list, "many-rows-weights", Size::Split, kF32, {2, 310, 130, 8, 8, false, true, true});
  // Few queries to a key are not worth it that `fast` rounds all keys.
  list.add("attention", "fast-few-queries", Size::Small, [](Problem& p, Random& random) {
    const Attention how{2, 20, 300, 16, 16};
    p.inputs = {random.uniform(kF32, {2, how.s, how.d}), random.uniform(kF32, {2, how.t, how.d}),
                random.uniform(kF32, {2, how.t, how.e}), absent()};
    p.params = {{"precision", "fast"}};
    expectAttention(p, how);
  });
  // Sums that grow with each key, and whose roundings must not all go the same way.
  for (DType t : {kF16, kBF16})
    list.add("attention", "many-keys-of-one-sign" + dtypeSuffix(t), Size::Small, [=](Problem& p, Random& random) {
      const Attention how{1, 5, 5000, 16, 8};
      p.inputs = {random.uniform(t, {1, how.s, how.d}), random.uniform(t, {1, how.t, how.d}),
                  random.uniform(t, {1, how.t, how.e}, 0.5, 1), absent()};
      expectAttention(p, how);  // into float32
    });
  list.add("attention", "hidden-by-the-mask", Size::Small, [](Problem& p, Random& random) {
    Attention how{2, 5, 70, 8, 3, true, false, true};
    p.inputs = {random.uniform(kF32, {2, 5, 8}), random.uniform(kF32, {2, 70, 8}), random.uniform(kF32, {2, 70, 3}),
                HostTensor(kF32, {5, 70})};
    // row 3 sees nothing: 0 / 0; row 1 sees the last key alone; the others three of four
    for (size_t i = 0; i < 5 * 70; ++i)
      p.inputs[3].set(i, i / 70 == 3 ? -kInf : i / 70 == 1 ? (i % 70 == 69 ? 0 : -kInf) : (i % 4 == 0 ? -kInf : 0));
    setAttentionParams(p, how);
    expectAttention(p, how);
  });
  list.add("attention", "weights-to-the-least-float32", Size::Small, [](Problem& p, Random&) {
    Attention how{1, 1, 40, 1, 1, false, false, true, 1};
    p.inputs = {listed(kF32, {1, 1, 1}, {1}), HostTensor(kF32, {1, 40, 1}), HostTensor(kF32, {1, 40, 1}), absent()};
    for (size_t c = 0; c < 40; ++c) p.inputs[1].set(c, c ? -86.5 - double(c) / 40 : 0), p.inputs[2].set(c, double(c));
    setAttentionParams(p, how);
    expectAttention(p, how);
    for (size_t c = 1; c < 33; ++c) p.outputs[1].slack[c] -= FLT_MIN;  // normal numbers, which nothing flushes
  });
  // Rows that care mends, beside those that it can't: hidden ones, and what a NaN or an infinity settles.
  for (uint64_t t : {70, 1100})
    list.add("attention", "mended-beside-nan-" + std::to_string(t), Size::Small, [=](Problem& p, Random& random) {
      Attention how{1, 9, t, 8, 5, true, false, t == 70};
      p.inputs = {random.uniform(kF32, {1, 9, 8}), random.uniform(kF32, {1, t, 8}), random.uniform(kF32, {1, t, 5}),
                  random.uniform(kF32, {9, t})};
      auto setRow = [&](HostTensor& tensor, size_t r, double value) {
        const size_t n = tensor.shape().back();
        for (size_t i = 0; i < n; ++i) tensor.set(r * n + i, value);
      };
      for (size_t c = 0; c < t; ++c) p.inputs[2].set(c * 5, 3e38);  // their sum overflows before it is a mean
      setRow(p.inputs[3], 3, -kInf);
      p.inputs[0].set(4 * 8 + 3, kNaN);
      p.inputs[0].set(5 * 8 + 3, kInf);
      p.inputs[3].set(6 * t + 7, kNaN);
      p.inputs[2].set(2 * 5 + 4, kNaN);  // the last column of all that see it
      p.inputs[2].set((t - 2) * 5 + 3, -kInf);
      setAttentionParams(p, how);
      expectAttention(p, how);
    });
  list.add("attention", "nan-stays-in-its-row", Size::Small, [](Problem& p, Random& random) {
    Attention how{1, 6, 9, 4, 3, false, false, true};
    p.inputs = {random.uniform(kF32, {1, 6, 4}), random.uniform(kF32, {1, 9, 4}), random.uniform(kF32, {1, 9, 3}),
                absent()};
    p.inputs[0].set(2 * 4 + 1, kNaN);
    setAttentionParams(p, how);
    expectAttention(p, how);
  });
}

}  // namespace switchyard::test
