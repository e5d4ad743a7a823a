// Every workload over all magnitudes: a finite input with a finite right answer gives that answer.
#include <algorithm>
#include <cfloat>
#include <cmath>

#include "oracles.h"

namespace switchyard::test {
namespace {

double powerOfTen(Random& random, double low, double high) { return std::pow(10.0, random.uniform(low, high)); }
double signOf(Random& random) { return random.integer(0, 1) ? 1 : -1; }
double bounded(double x) { return std::clamp(x, -double(FLT_MAX), double(FLT_MAX)); }
double pick(Random& random, std::initializer_list<double> from) {
  return from.begin()[random.integer(0, int64_t(from.size()) - 1)];
}
bool chance(Random& random, int64_t of) { return random.integer(1, of) == 1; }

// One row in one of the ways that float32 goes wrong.
void drawRow(Random& random, HostTensor& to, size_t from, size_t d) {
  const int64_t kind = random.integer(0, 9);
  const double size = powerOfTen(random, -38, 38.5), offset = signOf(random) * powerOfTen(random, -3, 7);
  const double one = bounded(signOf(random) * size);
  for (size_t i = 0; i < d; ++i) {
    double x = random.uniform(-1, 1);
    switch (kind) {
      case 0: break;                                                         // ordinary
      case 1: x *= size; break;                                              // all of one size
      case 2: x = signOf(random) * powerOfTen(random, -38, 38.5); break;     // of all sizes
      case 3: x = offset + x * std::fabs(offset) * 1e-5; break;              // far from zero
      case 4: x = std::round(offset) + double(random.integer(0, 2)); break;  // the same, in steps
      case 5: x *= 1e-39; break;                                             // denormal
      case 6: x = chance(random, 3) ? x * size : 0; break;                   // mostly zeros
      case 7: x = one; break;                                                // all the same
      case 8: x = signOf(random) * FLT_MAX * (1 - 1e-3 * x * x); break;      // sums overflow, differences do
      default:
        x = pick(random, {0, -0.0, 1, -1, FLT_MAX, -FLT_MAX, FLT_MIN, -FLT_MIN, 1e-45, -3e-42, 1e19, -2e19, 1e-19,
                          3e-23, 0.1, 3e38, -3e38});
    }
    to.set(from + i, bounded(x));
  }
}

// Rows of one tensor are alike, or each is drawn in its own way.
HostTensor draw(Random& random, Shape shape) {
  HostTensor tensor(kF32, shape);
  const size_t d = shape.rank() ? shape.back() : 1, rows = d ? tensor.size() / d : 0;
  if (chance(random, 2)) {
    for (size_t r = 0; r < rows; ++r) drawRow(random, tensor, r * d, d);
  } else {
    drawRow(random, tensor, 0, tensor.size());
  }
  return tensor;
}

uint64_t length(Random& random) {
  static constexpr uint64_t kLengths[] = {1,  2,  3,  4,  5,   7,   8,   16,  17,  32,
                                          33, 63, 64, 65, 100, 128, 129, 257, 300, 1031};
  return kLengths[random.integer(0, std::size(kLengths) - 1)];
}
// Once in a while long enough to be split among threads, and to need many turns of a group.
uint64_t longLength(Random& random) {
  return chance(random, 150) ? 100000 + 4321 * random.integer(0, 20) : length(random);
}

template <char kOp>
void makeBinary(Problem& p, Random& random) {
  const uint64_t d = length(random), rows = random.integer(1, 5);
  const int64_t form = random.integer(0, 2);
  p.inputs = {draw(random, {rows, d}), form == 0 ? draw(random, {rows, d}) : draw(random, {form == 1 ? d : 1})};
  expectBinary(p, kOp == '+' ? "add" : kOp == '-' ? "subtract" : kOp == '*' ? "multiply" : "divide");
}

void makeScale(Problem& p, Random& random) {
  p.inputs = {draw(random, {length(random)})};
  p.params = {{"factor", bounded(pick(random, {1, -0.5, 1.7, signOf(random) * powerOfTen(random, -38, 38.5)}))},
              {"offset", bounded(pick(random, {0, 1, -3e38, 3e38, signOf(random) * powerOfTen(random, -38, 38.5)}))}};
  expectScale(p);
}

void makeActivation(Problem& p, Random& random) {
  static constexpr const char* kKinds[] = {"relu", "gelu", "silu", "tanh", "sigmoid", "exp"};
  const char* kind = kKinds[random.integer(0, 5)];
  p.inputs = {chance(random, 2) ? random.uniform(kF32, {length(random)}, -110, 95) : draw(random, {length(random)})};
  p.params = {{"kind", kind}};
  expectActivation(p, kind);
}

void makeReduce(Problem& p, Random& random) {
  static constexpr const char* kKinds[] = {"sum", "mean", "min", "max", "norm"};
  p.inputs = {draw(random, {uint64_t(random.integer(1, 5)), longLength(random)})};
  p.params = {{"kind", kKinds[random.integer(0, 4)]}};
  expectReduce(p);
}

void makeNormalize(Problem& p, Random& random) {
  p.inputs = {draw(random, {uint64_t(random.integer(1, 5)), longLength(random)})};
  if (chance(random, 2)) p.params = {{"epsilon", pick(random, {0, 1e-44, 1e-35, 1e-20, 1e-5, 5, 1e30})}};
  expectNormalize(p);
}

void makeSoftmax(Problem& p, Random& random) {
  const uint64_t d = longLength(random);
  p.inputs = {chance(random, 3) ? random.uniform(kF32, {2, d}, -20, 20)
                                : draw(random, {uint64_t(random.integer(1, 5)), d})};
  if (chance(random, 2)) p.params = {{"temperature", pick(random, {5e-39, 1e300, powerOfTen(random, -38, 46)})}};
  expectSoftmax(p);
}

void makeLayerNorm(Problem& p, Random& random) {
  const uint64_t d = longLength(random);
  p.inputs = {draw(random, {uint64_t(random.integer(1, 5)), d}), chance(random, 3) ? draw(random, {d}) : absent(),
              chance(random, 3) ? draw(random, {d}) : absent()};
  if (chance(random, 2)) p.params = {{"epsilon", pick(random, {0, 1e-44, 1e-38, 1e-30, 1e-12, 3, 1e38})}};
  expectLayerNorm(p);
}

void makeRmsNorm(Problem& p, Random& random) {
  const uint64_t d = longLength(random), rows = random.integer(1, 5);
  p.inputs = {draw(random, {rows, d}), chance(random, 3) ? draw(random, {d}) : absent(),
              chance(random, 3) ? draw(random, {rows, d}) : absent()};
  if (chance(random, 2)) p.params = {{"epsilon", pick(random, {0, 1e-44, 1e-38, 1e-30, 1e-12, 3, 1e38})}};
  expectRmsNorm(p);
}

void makePool(Problem& p, Random& random) {
  const uint64_t d = length(random), lengths[] = {length(random), uint64_t(random.integer(0, 3)), length(random)};
  p.inputs = {draw(random, {lengths[0] + lengths[1] + lengths[2], d}), HostTensor(DType::Int32, {4})};
  for (size_t i = 0; i < 3; ++i) p.inputs[1].set(i + 1, p.inputs[1].at(i) + double(lengths[i]));
  p.params = {{"kind", chance(random, 2) ? "mean" : "max"}};
  expectPool(p);
}

void makeMatmul(Problem& p, Random& random) {
  // All sides whole fours or none: a GPU's pipelines are made for that, and take their time to compile.
  const bool fours = chance(random, 2);
  auto side = [&] { return uint64_t(fours ? pick(random, {4, 16, 64, 128}) : pick(random, {1, 5, 17, 33, 67})); };
  const uint64_t m = side(), n = side(), k = chance(random, 20) ? (fours ? 9000 : 9001) : side();
  Product how;
  how.transposeA = chance(random, 3), how.transposeB = chance(random, 3);
  how.a = how.transposeA ? Shape{k, m} : Shape{m, k}, how.b = how.transposeB ? Shape{n, k} : Shape{k, n};
  how.alpha = pick(random, {1, 1, -2.5, 1e-20, 1e20, 1e-38, powerOfTen(random, -38, 38)});
  p.inputs = {draw(random, how.a), draw(random, how.b)};
  if (how.transposeA) p.params.push_back({"transposeA", 1});
  if (how.transposeB) p.params.push_back({"transposeB", 1});
  p.params.push_back({"alpha", how.alpha});
  expectMatmul(p, how);
}

// On a GPU the scores lie in memory between a product and the softmax: those past float32 are lost there.
bool scoresFit(const Problem& p, const Attention& how) {
  const HostTensor &query = p.inputs[0], &key = p.inputs[1], &mask = p.inputs[3];
  const double scale = std::isnan(how.scale) ? 1 / std::sqrt(double(how.d)) : how.scale;
  for (uint64_t head = 0; head < how.h; ++head)
    for (uint64_t r = 0; r < how.s; ++r)
      for (uint64_t c = 0; c < how.t; ++c) {
        double magnitude = 0;
        for (uint64_t i = 0; i < how.d; ++i)
          magnitude += std::fabs(query.at((head * how.s + r) * how.d + i) * key.at((head * how.t + c) * how.d + i));
        if (magnitude * scale + (mask.present ? std::fabs(mask.at(r * how.t + c)) : 0) > 1e38) return false;
      }
  return true;
}

void makeAttention(Problem& p, Random& random) {
  auto side = [&](double more) { return uint64_t(pick(random, {1, 2, 5, 17, 33, 65, more})); };
  Attention how{uint64_t(random.integer(1, 2)), side(70), side(chance(random, 20) ? 1100 : 70), side(16), side(9)};
  how.mask = chance(random, 4), how.causal = chance(random, 4), how.weights = chance(random, 2);
  if (chance(random, 3)) how.scale = bounded(powerOfTen(random, -38, 38));
  const int64_t form = random.integer(0, 2);
  const Shape query{how.h, how.s, how.d}, key{how.h, how.t, how.d}, value{how.h, how.t, how.e};
  const double size = powerOfTen(random, -36, 36);
  p.inputs = {form ? random.uniform(kF32, query, -size, size) : draw(random, query),
              form ? random.uniform(kF32, key, -3 / size, 3 / size) : draw(random, key),
              form == 1 ? random.uniform(kF32, value) : draw(random, value),
              !how.mask   ? absent()
              : form == 1 ? random.uniform(kF32, {how.s, how.t}, -2, 2)
                          : draw(random, {how.s, how.t})};
  setAttentionParams(p, how);
  expectAttention(p, how);
  p.cpuOnly = !scoresFit(p, how);
}

void makeTopK(Problem& p, Random& random) {
  const uint64_t d = length(random);
  p.inputs = {draw(random, {uint64_t(random.integer(1, 4)), d})};
  p.params = {{"k", double(random.integer(1, int64_t(d)))}, {"largest", double(random.integer(0, 1))}};
  expectTopK(p);
}

void makeSearch(Problem& p, Random& random) {
  static constexpr const char* kMetrics[] = {"cosine", "cosine", "dot", "l2"};
  const uint64_t q = uint64_t(pick(random, {1, 2, 3, 4, 5, 8, 9, 70})), n = uint64_t(pick(random, {1, 2, 7, 65, 129})),
                 d = chance(random, 50) ? 10007 : length(random);
  p.inputs = {draw(random, {q, d}), draw(random, {n, d})};
  if (chance(random, 3))  // neighbours of a query, of another size
    for (uint64_t r = 0; r < n; ++r) {
      const double by = powerOfTen(random, -5, 5);
      for (uint64_t i = 0; i < d; ++i) p.inputs[1].set(r * d + i, bounded(p.inputs[0].at(r % q * d + i) * by));
    }
  p.params = {{"k", double(random.integer(1, int64_t(n)))}, {"metric", kMetrics[random.integer(0, 3)]}};
  expectSearch(p, false);
}

void makeQuantize(Problem& p, Random& random) {
  p.inputs = {draw(random, {uint64_t(random.integer(1, 5)), length(random)})};
  if (chance(random, 2)) p.params = {{"bits", 4}};
  expectQuantize(p);
}

void makeDequantize(Problem& p, Random& random) {
  const uint64_t rows = random.integer(1, 5), d = length(random);
  p.inputs = {random.integers(DType::Int8, {rows, d}, -127, 127), draw(random, {rows})};
  p.params = {{"bits", 8}};
  expectDequantize(p, d, 8);
}

void makePcaFit(Problem& p, Random& random) {
  const uint64_t n = uint64_t(random.integer(2, 40)), d = uint64_t(random.integer(1, 12));
  const double size = powerOfTen(random, -38, 38), offset = chance(random, 3) ? size * powerOfTen(random, -2, 2) : 0;
  HostTensor in = chance(random, 6) ? draw(random, {n, d}) : HostTensor(kF32, {n, d});
  const bool columnsDiffer = chance(random, 4);  // in size and place; some are one number
  std::vector<double> sizes(d, size), offsets(d, offset);
  for (uint64_t c = 0; columnsDiffer && c < d; ++c) {
    offsets[c] = chance(random, 2) ? 0 : bounded(signOf(random) * powerOfTen(random, -30, 38.5));
    sizes[c] = chance(random, 3)                      ? 0
               : offsets[c] != 0 && chance(random, 2) ? std::fabs(offsets[c]) * powerOfTen(random, -7, 0)
                                                      : powerOfTen(random, -30, 38);
  }
  if (in.at(0) == 0)
    for (size_t i = 0; i < in.size(); ++i)
      in.set(i, bounded(offsets[i % d] + sizes[i % d] * random.uniform(-1, 1) / double(1 + i % d)));
  p.inputs = {std::move(in)};
  p.params = {{"components", double(random.integer(1, int64_t(std::min(n, d))))}};
  expectPcaFit(p, false);
  for (double variance : p.outputs[2].values)  // the right answer is past float32
    if (!(variance < FLT_MAX)) p.refused = Code::InvalidArgument;
}

void makePcaTransform(Problem& p, Random& random) {
  const uint64_t n = uint64_t(random.integer(1, 9)), d = length(random), c = uint64_t(random.integer(1, 9));
  p.inputs = {draw(random, {n, d}), draw(random, {d}),
              chance(random, 2) ? random.uniform(kF32, {c, d}) : draw(random, {c, d})};
  expectTransform(p);
}

void makePagerank(Problem& p, Random& random) {
  const uint64_t n = uint64_t(random.integer(1, 40));
  Links links;
  links.out.resize(n);
  const HostTensor weights = draw(random, {3 * n});
  for (uint64_t e = 0; e < 3 * n; ++e)
    links.out[size_t(random.integer(0, int64_t(n) - 1))].push_back(
        {int(random.integer(0, int64_t(n) - 1)), std::fabs(weights.at(e))});
  setInputs(p, links, true, kF32);
  p.params = {{"damping", pick(random, {0, 0.5, 0.85, 0.99})}};
  expectPagerank(p, links);
}

void makeTimeline(Problem& p, Random& random) {
  const uint64_t n = length(random);
  p.inputs = {HostTensor(kF32, {n, 4})};
  const HostTensor times = draw(random, {n}), importances = draw(random, {n});
  for (uint64_t r = 0; r < n; ++r) {
    p.inputs[0].set(4 * r, chance(random, 2) ? random.uniform(-60, 60) : times.at(r));
    p.inputs[0].set(4 * r + 1, importances.at(r));
  }
  p.params = {{"currentTime", bounded(pick(random, {0, 1, 3e38, powerOfTen(random, -38, 38)}))},
              {"decay", pick(random, {0, 2, 1e-38, powerOfTen(random, -38, 38)})}};
  expectTimeline(p);
}

}  // namespace

const std::vector<MagnitudeCases> kMagnitudeCases = {
    {"add", makeBinary<'+'>},      {"subtract", makeBinary<'-'>},
    {"multiply", makeBinary<'*'>}, {"divide", makeBinary<'/'>},
    {"scale", makeScale},          {"activation", makeActivation},
    {"reduce", makeReduce},        {"normalize", makeNormalize},
    {"softmax", makeSoftmax},      {"layer-norm", makeLayerNorm},
    {"matmul", makeMatmul},        {"attention", makeAttention},
    {"top-k", makeTopK},           {"similarity-search", makeSearch},
    {"quantize", makeQuantize},    {"dequantize", makeDequantize},
    {"pca-fit", makePcaFit},       {"pca-transform", makePcaTransform},
    {"pagerank", makePagerank},    {"evidence-timeline", makeTimeline},
    {"rms-norm", makeRmsNorm},     {"pool", makePool},
};

}  // namespace switchyard::test
